// The sum of exponentials of a row, relative to its largest element, over the invocations that share the row.
// uses: items, tree
struct Leaf {
  // The largest element, but not below the lowest finite number: a row of −∞ has the sum 0.
  top: f32,
  // Σ exp(x − top)
  total: f32,
  // Not 0 where an element is NaN.
  nan: u32,
}

fn join(a: Leaf, b: Leaf) -> Leaf {
  let top = max(a.top, b.top);
  return Leaf(top, a.total * exp(a.top - top) + b.total * exp(b.top - top), a.nan | b.nan);
}

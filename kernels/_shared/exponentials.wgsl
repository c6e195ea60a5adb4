// The sum of exponentials of a row, relative to its largest element, by two walks over x (which the kernel declares).
// uses: items
struct Exponentials {
  // The largest element, but not below the lowest finite number: a row of −∞ has the sum 0.
  top: Row,
  // Σ exp(x − top)
  total: Row,
  // Not 0 where an element is NaN.
  nan: RowBits,
}

fn exponentials(base: u32, inner: u32, first: u32, last: u32) -> Exponentials {
  var top = Item(lowest);
  var worst = Bits(0u);
  for (var r = first; r < last; r++) {
    let v = x[base + r * inner];
    top = max(top, v);
    worst = max(worst, magnitude(v));
  }
  let m = fold_max(top);
  var total = Item(0);
  for (var begin = first; begin < last; begin += 64u) {
    let to = min(begin + 64u, last);
    var part = Item(0);
    for (var r = begin; r < to; r++) {
      part += exp(x[base + r * inner] - m);
    }
    total += part;
  }
  let nan = select(RowBits(0u), RowBits(1u), fold_bits(worst) > RowBits(infinity_bits));
  return Exponentials(m, fold_sum(total), nan);
}

// The sum of exponentials of a row, relative to its largest element, by one walk over x (which the kernel declares):
// the sum shrinks whenever a larger element is found (Milakov and Gimelshein, 2018).
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
  var total = Item(0);
  for (var begin = first; begin < last; begin += 64u) {
    let to = min(begin + 64u, last);
    var part = Item(0);
    var r = begin;
    // Four items at a time stay in registers, where loads are dear, and shrink the sum once.
    for (; r + 4u <= to; r += 4u) {
      let at = base + r * inner;
      let a = x[at];
      let b = x[at + inner];
      let c = x[at + 2u * inner];
      let d = x[at + 3u * inner];
      worst = max(worst, max(max(magnitude(a), magnitude(b)), max(magnitude(c), magnitude(d))));
      let higher = max(top, max(max(a, b), max(c, d)));
      let shrink = exp(top - higher);
      total *= shrink;
      part = part * shrink + ((exp(a - higher) + exp(b - higher)) + (exp(c - higher) + exp(d - higher)));
      top = higher;
    }
    for (; r < to; r++) {
      let v = x[base + r * inner];
      worst = max(worst, magnitude(v));
      let higher = max(top, v);
      let shrink = exp(top - higher);
      total *= shrink;
      part = part * shrink + exp(v - higher);
      top = higher;
    }
    total += part;
  }
  let m = fold_max(top);
  let nan = select(RowBits(0u), RowBits(1u), fold_bits(worst) > RowBits(infinity_bits));
  return Exponentials(m, fold_sum(total * exp(top - m)), nan);
}

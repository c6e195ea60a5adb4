// Upper 32 bits of a product, by halves: WGSL has no wide multiplication.
fn mul_high(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let upper = ah * bl + ((al * bl) >> 16u);
  let lower = al * bh + (upper & 0xffffu);
  return ah * bh + (upper >> 16u) + (lower >> 16u);
}

// n / d for n < 2^31, by the multiplier m and the shift s that belong to d: a division costs ten times as much
// (Granlund and Montgomery, "Division by invariant integers using multiplication", 1994).
fn divide(n: u32, m: u32, s: u32) -> u32 {
  return mul_high(n << 1u, m) >> s;
}

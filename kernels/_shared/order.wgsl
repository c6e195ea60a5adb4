// Comparisons that hold for NaN whatever the compiler assumes: false, but for `ne`.
// uses: bits
fn eq_f32(x: f32, y: f32) -> bool {
  return x == y && !any_nan(x, y);
}

fn ne_f32(x: f32, y: f32) -> bool {
  return x != y || any_nan(x, y);
}

fn lt_f32(x: f32, y: f32) -> bool {
  return x < y && !any_nan(x, y);
}

fn le_f32(x: f32, y: f32) -> bool {
  return x <= y && !any_nan(x, y);
}

// The larger and the smaller of two; NaN if one of them is.
fn max_f32(x: f32, y: f32) -> f32 {
  return select(max(x, y), nan(), any_nan(x, y));
}

fn min_f32(x: f32, y: f32) -> f32 {
  return select(min(x, y), nan(), any_nan(x, y));
}

// x > 0 and x ≤ 0, by bits alone: false for NaN.
fn is_positive(x: f32) -> bool {
  return bitcast<u32>(x) - 1u < 0x7f800000u;
}

fn is_not_positive(x: f32) -> bool {
  return bitcast<u32>(x) == 0u || (bitcast<u32>(x) ^ 0x80000000u) <= 0x7f800000u;
}

// x ≠ 0: true for NaN.
fn is_nonzero(x: f32) -> bool {
  return (bitcast<u32>(x) << 1u) != 0u;
}

fn sign_f32(x: f32) -> f32 {
  return select(sign(x), 0.0, is_nan(x));
}

fn relu_f32(x: f32) -> f32 {
  return select(x, 0.0, (bitcast<u32>(x) ^ 0x80000000u) <= 0x7f800000u);
}

fn clamp_f32(x: f32, low: f32, high: f32) -> f32 {
  return select(min(max(x, low), high), x, is_nan(x));
}

// Tests by bits: compilers may assume that NaN and infinities do not occur, so comparisons could be folded away.
fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn is_inf(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;
}

fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

fn any_nan(x: f32, y: f32) -> bool {
  return max(bitcast<u32>(x) & 0x7fffffffu, bitcast<u32>(y) & 0x7fffffffu) > 0x7f800000u;
}

// Constant expressions may not be NaN or infinite in WGSL, so both are made while the kernel runs.
fn nan() -> f32 {
  var bits = 0x7fc00000u;
  return bitcast<f32>(bits);
}

fn infinity() -> f32 {
  var bits = 0x7f800000u;
  return bitcast<f32>(bits);
}

// The magnitude of x with the sign of y.
fn copy_sign(x: f32, y: f32) -> f32 {
  return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(y) & 0x80000000u));
}

// x itself, in a way that compilers do not see through: (a + b) - a then stays what it is. Only NaN patterns may change.
fn opaque(x: f32) -> f32 {
  return bitcast<f32>(min(bitcast<u32>(x), 0xffc00000u));
}

// The upper 12 bits of the mantissa: products of two such numbers are exact.
fn upper_half(x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u);
}

// √x, NaN below 0.
fn sqrt_f32(x: f32) -> f32 {
  return select(sqrt(x), nan(), bitcast<u32>(x) > 0x80000000u);
}

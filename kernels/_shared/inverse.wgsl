// Inverse trigonometric functions. WGSL allows its own atan 4096 units in the last place and its asin an absolute error
// of 7e-5; these keep to a few units in the last place.
// uses: bits

// atan(x) for |x| ≤ tan(π/8), minimax (Moshier, Cephes, atanf.c).
fn atan_near(x: f32) -> f32 {
  let z = x * x;
  return (((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z - 3.33329491539e-1) * z * x + x;
}

// atan(q) for 0 ≤ q ≤ 1
fn atan_unit(q: f32) -> f32 {
  let far = q > 0.41421356;
  let y = atan_near(select(q, (q - 1.0) / (q + 1.0), far));
  return select(y, y + 0.785398163, far);
}

fn atan_f32(x: f32) -> f32 {
  let a = abs(x);
  let y = atan_unit(select(a, 1.0 / a, a > 1.0));
  return select(copy_sign(select(y, 1.57079633 - y, a > 1.0), x), x, is_nan(x));
}

// The angle of the point (x, y), in all four quadrants, with the signs of zeros as IEEE 754 has them.
fn atan2_f32(y: f32, x: f32) -> f32 {
  let a = abs(y);
  let b = abs(x);
  let low = min(a, b);
  let high = max(a, b);
  let both_infinite = bitcast<u32>(low) == 0x7f800000u;
  var q = select(select(low / high, 1.0, both_infinite), 0.0, bitcast<u32>(high) == 0u);
  var angle = atan_unit(q);
  angle = select(angle, 1.57079633 - angle, a > b);
  angle = select(angle, 3.14159265 - angle, (bitcast<u32>(x) >> 31u) == 1u);
  return select(copy_sign(angle, y), nan(), any_nan(x, y));
}

// asin(x) for |x| ≤ 1/2, minimax (Moshier, Cephes, asinf.c).
fn asin_near(x: f32) -> f32 {
  let z = x * x;
  return ((((4.2163199048e-2 * z + 2.4181311049e-2) * z + 4.5470025998e-2) * z + 7.4953002686e-2) * z +
    1.6666752422e-1) * z * x + x;
}

fn asin_f32(x: f32) -> f32 {
  let a = abs(x);
  let far = a > 0.5;
  let y = asin_near(select(a, sqrt(max(0.5 * (1.0 - a), 0.0)), far));
  return select(copy_sign(select(y, 1.57079633 - 2.0 * y, far), x), nan(), a > 1.0 || is_nan(x));
}

fn acos_f32(x: f32) -> f32 {
  let a = abs(x);
  let far = a > 0.5;
  let y = asin_near(select(a, sqrt(max(0.5 * (1.0 - a), 0.0)), far));
  let negative = (bitcast<u32>(x) >> 31u) == 1u;
  let from_far = select(2.0 * y, 3.14159265 - 2.0 * y, negative);
  let from_near = select(1.57079633 - y, 1.57079633 + y, negative);
  return select(select(from_near, from_far, far), nan(), a > 1.0 || is_nan(x));
}

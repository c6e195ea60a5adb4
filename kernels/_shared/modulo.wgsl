// Remainders and rounded quotients.
// uses: bits

// What is left of x after whole multiples of y, with the sign of x; exact (mantissas in integers, eight bits at a time).
fn fmod_f32(x: f32, y: f32) -> f32 {
  let a = bitcast<u32>(x) & 0x7fffffffu;
  let b = bitcast<u32>(y) & 0x7fffffffu;
  let a_exponent = max(a >> 23u, 1u);
  let b_exponent = max(b >> 23u, 1u);
  var rest = select(a & 0x7fffffu, (a & 0x7fffffu) | 0x800000u, a >= 0x800000u);
  let unit = max(select(b & 0x7fffffu, (b & 0x7fffffu) | 0x800000u, b >= 0x800000u), 1u);
  var steps = max(a_exponent, b_exponent) - b_exponent;
  rest = rest % unit;
  for (var k = 0u; k < 32u && steps > 0u; k++) {
    let by = min(steps, 8u);
    rest = (rest << by) % unit;
    steps -= by;
  }
  // rest · 2^(exponent - 150), in two steps since that power may lie below the smallest float.
  let power = b_exponent / 2u;
  let scaled = f32(rest) * bitcast<f32>((power + 52u) << 23u) * bitcast<f32>((b_exponent - power + 52u) << 23u);
  let left = select(copy_sign(scaled, x), x, a < b);
  return select(left, nan(), b == 0u || a >= 0x7f800000u || b > 0x7f800000u);
}

// The remainder with the sign of y, as Python's %.
fn remainder_f32(x: f32, y: f32) -> f32 {
  let left = fmod_f32(x, y);
  return select(left, left + y, left != 0.0 && (bitcast<u32>(left) >> 31u) != (bitcast<u32>(y) >> 31u));
}

fn remainder_i32(x: i32, y: i32) -> i32 {
  let left = x % y;
  return select(left, left + y, left != 0 && ((left < 0) != (y < 0)));
}

// x / y without its fraction. The division before rounding is of a multiple of y, so it cannot fall short of an integer.
fn quotient_trunc_f32(x: f32, y: f32) -> f32 {
  let q = x / y;
  let exact = round((x - fmod_f32(x, y)) / y);
  return select(trunc(q), exact, is_finite(x) && is_finite(y) && y != 0.0 && abs(q) < 16777216.0);
}

// x / y rounded down.
fn quotient_floor_f32(x: f32, y: f32) -> f32 {
  let q = x / y;
  let exact = round((x - remainder_f32(x, y)) / y);
  return select(floor(q), exact, is_finite(x) && is_finite(y) && y != 0.0 && abs(q) < 16777216.0);
}

fn quotient_floor_i32(x: i32, y: i32) -> i32 {
  let q = x / y;
  return select(q, q - 1, q * y != x && ((x < 0) != (y < 0)));
}

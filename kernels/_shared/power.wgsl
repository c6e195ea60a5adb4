// Powers.
// uses: bits, exp, log

// x^y for x > 0 as 2^(y · log2 x). The exponent is kept in two parts, whose products are exact, so that a large y does not
// spoil the result (after Dekker, "A floating-point technique for extending the available precision", 1971).
fn power_of_positive(x: f32, y: f32) -> f32 {
  let p = split_power(x);
  let f = p.x;
  let f_high = upper_half(f);
  // log2(1 + f) = f / ln 2 - f²/2 / ln 2 + …; 1/ln 2 = 1.4423828125 + 3.12228e-4.
  let lead = f_high * 1.4423828125;
  let second = 0.5 * f * f;
  let rest = log_tail(f) * f * f * f - second;
  let lead_low = (f - f_high) * 1.4423828125 + f * 3.12228303e-4;
  let whole = p.y + lead;
  let high = upper_half(whole + rest * 1.44269504);
  // (p.y - high) is exact, and high came out of a mask, so nothing of this can be folded away.
  let low = ((p.y - high) + lead) + (lead_low + rest * 1.44269504);
  let y_bounded = clamp(y, -1.0e9, 1.0e9);
  let y_high = upper_half(y_bounded);
  let main = y_high * high;
  let minor = y_high * low + (y_bounded - y_high) * (high + low);
  let n = round(clamp(main + minor, -151.0, 128.5));
  // Beyond the bounds of n the result overflows or underflows whatever is left.
  let r = clamp(((main - n) + minor) * 0.693147181, -0.36, 0.36);
  return scale_by_power(exp_tail(r) * r * r + r + 1.0, i32(n));
}

// x^y with the limits of IEEE 754: x^0 = 1^y = 1, negative x with whole y only.
fn pow_f32(x: f32, y: f32) -> f32 {
  let a = abs(x);
  let whole = floor(y) == y;
  let odd = whole && abs(y) < 16777216.0 && floor(0.5 * y) != 0.5 * y;
  let negative = (bitcast<u32>(x) >> 31u) == 1u;
  let y_negative = (bitcast<u32>(y) >> 31u) == 1u;
  var power = power_of_positive(select(a, 2.0, !is_finite(a) || a == 0.0), y);
  // Zero and infinity, as x; and y infinite.
  let x_grows = bitcast<u32>(a) > 0x3f800000u;
  let to_infinity = x_grows != y_negative;
  let limit = select(0.0, infinity(), to_infinity);
  power = select(power, limit, !is_finite(a) || a == 0.0 || is_inf(y));
  power = select(power, 1.0, is_inf(y) && a == 1.0);
  power = select(power, nan(), negative && !whole && is_finite(x) && x != 0.0 && is_finite(y));
  power = select(power, -power, negative && odd);
  power = select(power, nan(), any_nan(x, y));
  return select(power, 1.0, y == 0.0 || bitcast<u32>(x) == 0x3f800000u);
}

// Integer powers by squaring. A negative exponent gives 1/x rounded towards zero: 0 but for x = ±1.
fn pow_i32(x: i32, y: i32) -> i32 {
  var result = 1;
  var square = x;
  var n = u32(max(y, 0));
  for (var k = 0u; k < 31u; k++) {
    result = select(result, result * square, (n & 1u) == 1u);
    square = square * square;
    n = n >> 1u;
  }
  let inverse = select(select(0, 1, x == 1), select(1, -1, (y & 1) == 1), x == -1);
  return select(result, inverse, y < 0);
}

fn pow_u32(x: u32, y: u32) -> u32 {
  var result = 1u;
  var square = x;
  var n = y;
  for (var k = 0u; k < 32u; k++) {
    result = select(result, result * square, (n & 1u) == 1u);
    square = square * square;
    n = n >> 1u;
  }
  return result;
}

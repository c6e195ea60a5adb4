// Logarithms. WGSL allows its own log an absolute error of 2^-21 around 1; these keep to about one unit in the last place.
// uses: bits, exp

// (ln(1 + f) - f + f²/2) / f³ for sqrt(1/2) - 1 ≤ f ≤ sqrt(2) - 1, minimax (Moshier, Cephes, logf.c).
fn log_tail(f: f32) -> f32 {
  return (((((((7.0376836292e-2 * f - 1.1514610310e-1) * f + 1.1676998740e-1) * f - 1.2420140846e-1) * f +
    1.4249322787e-1) * f - 1.6668057665e-1) * f + 2.0000714765e-1) * f - 2.4999993993e-1) * f + 3.3333331174e-1;
}

// x = 2^e · (1 + f) as (f, e), for x > 0; denormal numbers included.
fn split_power(x: f32) -> vec2f {
  let bits = bitcast<u32>(x);
  let tiny = bits < 0x00800000u;
  let normal = select(bits, bitcast<u32>(f32(bits)), tiny);
  // Rounds the exponent so that the mantissa lies between sqrt(1/2) and sqrt(2).
  let e = (normal - 0x3f3504f3u) >> 23u;
  let exponent = bitcast<i32>(e << 23u) >> 23u;
  let mantissa = bitcast<f32>(normal - (bitcast<u32>(exponent) << 23u));
  return vec2f(mantissa - 1.0, f32(exponent - select(0, 149, tiny)));
}

// What a logarithm gives at 0, below it, at infinity and for NaN, else y.
fn log_limits(x: f32, y: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let special = select(x, nan(), bits > 0x80000000u && !is_nan(x));
  let ordinary = select(y, special, bits >= 0x7f800000u);
  return select(ordinary, -infinity(), (bits << 1u) == 0u);
}

fn log_f32(x: f32) -> f32 {
  let p = split_power(x);
  let f = p.x;
  let y = p.y * -2.12194440e-4 + log_tail(f) * f * f * f - 0.5 * f * f + f + p.y * 0.693359375;
  return log_limits(x, y);
}

fn log2_f32(x: f32) -> f32 {
  let p = split_power(x);
  let f = p.x;
  let rest = log_tail(f) * f * f * f - 0.5 * f * f;
  // 1/ln 2 = 1 + 0.4427
  let y = f * 0.44269504 + rest * 0.44269504 + rest + f + p.y;
  return log_limits(x, y);
}

fn log10_f32(x: f32) -> f32 {
  let p = split_power(x);
  let f = p.x;
  let natural = log_tail(f) * f * f * f - 0.5 * f * f + f;
  let y = p.y * 4.605038e-6 + natural * 0.43429448 + p.y * 0.30102539;
  return log_limits(x, y);
}

// ln(1 + x), also where x is so small that 1 + x rounds to 1.
fn log1p_f32(x: f32) -> f32 {
  let near = log_tail(x) * x * x * x - 0.5 * x * x + x;
  return select(log_f32(1.0 + x), near, x > -0.29289 && x < 0.41421);
}

// ln(e^x + e^y) = max(x, y) + ln(1 + e^-|x - y|)
fn logaddexp_f32(x: f32, y: f32) -> f32 {
  let high = max(x, y);
  let sum = high + log1p_f32(exp_f32(-abs(x - y)));
  return select(select(sum, high, is_inf(high)), nan(), any_nan(x, y));
}

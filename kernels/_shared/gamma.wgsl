// The logarithm of the gamma function, and its derivatives.
// uses: bits, log, power, sinc

// ln Γ(2 + t) for |t| ≤ 1/2: (1 - γ)t + Σ (ζ(k) - 1)(-t)^k / k (Abramowitz and Stegun, 6.1.33).
fn lgamma_near(t: f32) -> f32 {
  let tail = (((((2.0507213e-5 * t - 4.4926237e-5) * t + 9.9457513e-5) * t - 2.2315476e-4) * t + 5.0966952e-4) * t -
    1.19275391e-3) * t + 2.89051033e-3;
  return (((((tail * t - 7.38555103e-3) * t + 2.05808084e-2) * t - 6.73523010e-2) * t + 3.22467033e-1) * t +
    4.22784335e-1) * t;
}

// ln Γ(x) for x > 0: near 2 by its series, below 1.5 and up to 8 by Γ(x + 1) = x·Γ(x), from there on by Stirling's series.
fn lgamma_positive(x: f32) -> f32 {
  var t = x - 2.0;
  var product = 1.0;
  for (var k = 0u; k < 6u && t > 0.5; k++) {
    product *= t + 1.0;
    t -= 1.0;
  }
  let between = lgamma_near(t) + log_f32(product);
  let near_one = lgamma_near(x - 1.0) - log1p_f32(x - 1.0);
  let near_zero = lgamma_near(x) - log1p_f32(x) - log_f32(x);
  let z = 1.0 / (x * x);
  let far = (x - 0.5) * (log_f32(x) - 1.0) + 0.418938533 +
    ((7.93650794e-4 * z - 2.77777778e-3) * z + 8.33333333e-2) / x;
  return select(select(select(far, between, x < 8.0), near_one, x < 1.5), near_zero, x < 0.5);
}

// ln |Γ(x)|; below 0 by Γ(x)·Γ(1 - x) = π / sin(πx).
fn lgamma_f32(x: f32) -> f32 {
  let a = abs(x);
  let positive = lgamma_positive(a);
  let reflected = 1.14472989 - log_f32(a * abs(sin_pi_f32(a))) - positive;
  let y = select(positive, reflected, x < 0.0);
  let unbounded = (bitcast<u32>(a) >= 0x7f800000u) || (x <= 0.0 && x == floor(x));
  return select(select(y, infinity(), unbounded), x, is_nan(x));
}

// The derivative of ln Γ(x): upwards to 6 by ψ(x) = ψ(x + 1) - 1/x, then by its series; below 0 by ψ(1 - x) - π/tan(πx).
fn digamma_f32(x: f32) -> f32 {
  let negative = x < 0.0;
  var a = select(x, 1.0 - x, negative);
  var below = 0.0;
  for (var k = 0u; k < 6u && a < 6.0; k++) {
    below += 1.0 / a;
    a += 1.0;
  }
  let z = 1.0 / (a * a);
  let positive = log_f32(a) - 0.5 / a - z * ((3.96825397e-3 * z - 8.33333333e-3) * z + 8.33333333e-2) - below;
  let y = select(positive, positive - 3.14159265 * cos_pi_f32(x) / sin_pi_f32(x), negative);
  let pole = select(y, nan(), negative && x == floor(x));
  return select(select(pole, copy_sign(infinity(), -x), x == 0.0), x, bitcast<u32>(x) == 0x7f800000u);
}

// The second derivative of ln Γ(x).
fn trigamma_f32(x: f32) -> f32 {
  let negative = x < 0.0;
  var a = select(x, 1.0 - x, negative);
  var below = 0.0;
  for (var k = 0u; k < 6u && a < 6.0; k++) {
    below += 1.0 / (a * a);
    a += 1.0;
  }
  let z = 1.0 / (a * a);
  let positive = (((2.38095238e-2 * z - 3.33333333e-2) * z + 1.66666667e-1) * z + 1.0) / a + 0.5 * z + below;
  let s = sin_pi_f32(x);
  return select(positive, 9.86960440 / (s * s) - positive, negative);
}

// Hurwitz' ζ(s, q) = Σ (q + k)^-s for q > 0: eight terms, then Euler and Maclaurin's formula.
fn zeta_f32(s: f32, q: f32) -> f32 {
  var sum = 0.0;
  for (var k = 0u; k < 8u; k++) {
    sum += pow_f32(q + f32(k), -s);
  }
  let a = q + 8.0;
  let z = 1.0 / (a * a);
  let tail = a / (s - 1.0) + 0.5 + s / a * (8.33333333e-2 - (s + 1.0) * (s + 2.0) * z * (1.38888889e-3 -
    (s + 3.0) * (s + 4.0) * z * (3.30687831e-5 - (s + 5.0) * (s + 6.0) * z * 8.26719577e-7)));
  return select(select(sum + pow_f32(a, -s) * tail, infinity(), q == 0.0), nan(), q < 0.0 || is_nan(q));
}

// Hyperbolic functions and their inverses, without overflow where the result has none.
// uses: bits, exp, log

// tanh(x) = 1 - 2 / (e^2x + 1); near 0 minimax (Moshier, Cephes, tanhf.c).
fn tanh_f32(x: f32) -> f32 {
  let a = abs(x);
  let z = a * a;
  let near = ((((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z + 1.33314422036e-1) * z -
    3.33332819422e-1) * z * a + a;
  let far = 1.0 - 2.0 / (exp_f32(min(2.0 * a, 40.0)) + 1.0);
  return select(copy_sign(select(far, near, a < 0.625), x), x, is_nan(x));
}

// e^(|x| - ln 2): half of e^|x|, beyond the point where e^|x| overflows.
fn half_exp(a: f32) -> f32 {
  let e = exp_f32(0.5 * a);
  return 0.5 * e * e;
}

fn cosh_f32(x: f32) -> f32 {
  let e = half_exp(abs(x));
  return e + 0.25 / e;
}

fn sinh_f32(x: f32) -> f32 {
  let a = abs(x);
  let z = a * a;
  // Taylor, to x^9.
  let near = (((2.75573192e-6 * z + 1.98412698e-4) * z + 8.33333333e-3) * z + 1.66666667e-1) * z * a + a;
  let e = half_exp(a);
  return copy_sign(select(e - 0.25 / e, near, a < 1.0), x);
}

fn asinh_f32(x: f32) -> f32 {
  let a = abs(x);
  let y = select(log1p_f32(a + a * a / (1.0 + sqrt(a * a + 1.0))), log_f32(a) + 0.693147181, a > 1.0e9);
  return select(copy_sign(y, x), x, is_nan(x));
}

fn acosh_f32(x: f32) -> f32 {
  let t = x - 1.0;
  let y = select(log1p_f32(t + sqrt(t * (t + 2.0))), log_f32(x) + 0.693147181, x > 1.0e9);
  return select(y, nan(), x < 1.0 || is_nan(x));
}

fn atanh_f32(x: f32) -> f32 {
  let a = abs(x);
  return copy_sign(0.5 * log1p_f32(2.0 * a / (1.0 - a)), x);
}

// √(x² + y²) without overflow of the squares.
fn hypot_f32(x: f32, y: f32) -> f32 {
  let high = max(abs(x), abs(y));
  let low = min(abs(x), abs(y));
  let q = low / high;
  let y0 = select(high * sqrt(1.0 + q * q), high, bitcast<u32>(high) == 0u || is_inf(high));
  return select(y0, nan(), any_nan(x, y) && !is_inf(x) && !is_inf(y));
}

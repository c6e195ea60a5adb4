// The error function and its inverse.
// uses: bits, exp, log

// erf(x) = x · P(x²) / Q(x²) within ±3.92, and ±1 beyond (the minimax rational of Eigen, used by XLA).
fn erf_f32(x: f32) -> f32 {
  let a = min(abs(x), 3.92);
  let z = a * a;
  let p = (((2.2905065861350646e-4 * z + 3.4082910107109506e-3) * z + 5.0955695062380861e-2) * z +
    1.8520832239976145e-1) * z + 1.128379143519084;
  let q = (((((-1.1791602954361697e-7 * z + 2.3547966471313185e-5) * z + 1.0179625278914885e-3) * z +
    1.4070470171167667e-2) * z + 1.1098505178285362e-1) * z + 4.9746925110067538e-1) * z + 1.0;
  let y = min(a * p / q, 1.0);
  return select(copy_sign(y, x), x, is_nan(x));
}

// 1 - erf(x), with its relative accuracy kept far out (Press et al., "Numerical Recipes", 1992, erfcc).
fn erfc_f32(x: f32) -> f32 {
  let a = min(abs(x), 11.0);
  let t = 1.0 / (1.0 + 0.5 * a);
  let p = erfc_exponent(t);
  // a² in two parts, the first exact.
  let h = upper_half(a);
  let y = t * exp_f32(-h * h) * exp_f32((h - a) * (h + a) + p);
  let far = select(y, 2.0 - y, x < 0.0);
  return select(select(far, 1.0 - erf_f32(x), abs(x) < 0.5), x, is_nan(x));
}

// ln(erfc(a)·exp(a²) / t) for a ≥ 0.5, with t = 1 / (1 + a/2): the exponent of erfc_f32.
fn erfc_exponent(t: f32) -> f32 {
  return ((((((((0.17087277 * t - 0.82215223) * t + 1.48851587) * t - 1.13520398) * t + 0.27886807) * t -
    0.18628806) * t + 0.09678418) * t + 0.37409196) * t + 1.00002368) * t - 1.26551223;
}

// ln Φ(x), where Φ is the normal distribution: below −1 by the exponent of erfc, which cannot become too small.
fn log_ndtr_f32(x: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.353553391 * max(-x, 1.0));
  let far = log_f32(0.5 * t) + erfc_exponent(t) - 0.5 * x * x;
  return select(log1p_f32(-0.5 * erfc_f32(0.707106781 * x)), far, x < -1.0);
}

// Φ'(x) / Φ(x), the derivative of ln Φ(x).
fn log_ndtr_slope_f32(x: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.353553391 * max(-x, 1.0));
  let far = 0.797884561 / t * exp_f32(-erfc_exponent(t));
  return select(0.398942280 * exp_f32(-0.5 * x * x) / (0.5 * erfc_f32(-0.707106781 * x)), far, x < -1.0);
}

// erf⁻¹(x) by w = -ln(1 - x²) (Giles, "Approximating the erfinv function", GPU Computing Gems, 2011).
fn erfinv_f32(x: f32) -> f32 {
  let w = -log1p_f32(-x * x);
  let a = w - 2.5;
  let near = (((((((2.81022636e-8 * a + 3.43273939e-7) * a - 3.5233877e-6) * a - 4.39150654e-6) * a +
    2.1858087e-4) * a - 1.25372503e-3) * a - 4.17768164e-3) * a + 2.46640727e-1) * a + 1.50140941;
  let b = sqrt(max(w, 5.0)) - 3.0;
  let far = (((((((-2.00214257e-4 * b + 1.00950558e-4) * b + 1.34934322e-3) * b - 3.67342844e-3) * b +
    5.73950773e-3) * b - 7.6224613e-3) * b + 9.43887047e-3) * b + 1.00167406) * b + 2.83297682;
  let y = select(near, far, w >= 5.0) * x;
  let limited = select(y, copy_sign(infinity(), x), abs(x) == 1.0);
  return select(limited, nan(), abs(x) > 1.0 || is_nan(x));
}

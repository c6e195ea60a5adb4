// Activation functions and their slopes.
// uses: bits, exp, log, erf, hyperbolic, order
fn sigmoid_f32(x: f32) -> f32 {
  return 1.0 / (1.0 + exp_f32(-x));
}

// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)
fn softplus_f32(x: f32) -> f32 {
  return select(max(x, 0.0) + log1p_f32(exp_f32(-abs(x))), x, is_nan(x));
}

// Φ(x), the standard normal distribution function.
fn normal_below(x: f32) -> f32 {
  return 0.5 + 0.5 * erf_f32(x * 0.707106781);
}

// Φ(x) + x Φ'(x)
fn gelu_slope(x: f32) -> f32 {
  return normal_below(x) + x * 0.398942280 * exp_f32(-0.5 * x * x);
}

// x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))) = x · sigmoid(2√(2/π) · (x + 0.044715 x³))
// (Hendrycks and Gimpel, "Gaussian error linear units", 2016).
fn gelu_tanh(x: f32) -> f32 {
  return x * sigmoid_f32(1.59576912 * (x + 0.044715 * x * x * x));
}

fn gelu_tanh_slope(x: f32) -> f32 {
  let s = sigmoid_f32(1.59576912 * (x + 0.044715 * x * x * x));
  // Beyond, where 1 - s is 0, x³ may be infinite.
  let bounded = clamp_f32(x, -100.0, 100.0);
  return s + bounded * s * (1.0 - s) * 1.59576912 * (1.0 + 0.134145 * bounded * bounded);
}

fn silu_slope(x: f32) -> f32 {
  let s = sigmoid_f32(x);
  return s * (1.0 + x * (1.0 - s));
}

// tanh(ln(1 + e^x)) = n / (n + 2) with n = e^x (e^x + 2)
fn tanh_softplus(x: f32) -> f32 {
  let e = exp_f32(min(x, 20.0));
  let n = e * (e + 2.0);
  return select(n / (n + 2.0), x, is_nan(x));
}

fn mish_slope(x: f32) -> f32 {
  let t = tanh_softplus(x);
  return t + x * sigmoid_f32(x) * (1.0 - t * t);
}

// (1 - |y|)² with y = x / (1 + |x|), without its cancellation: NaN where y is.
fn softsign_slope(x: f32) -> f32 {
  let s = 1.0 / (1.0 + abs(x));
  return select(s * s, nan(), !is_finite(x));
}

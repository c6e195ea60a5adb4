// Exponential functions. WGSL allows its own exp 3 + 2|x| units in the last place; these keep to about one.
// uses: bits, order

// 2^n · y for n from -252 to 254, in two steps so that the result may overflow, or underflow, only at the end.
fn scale_by_power(y: f32, n: i32) -> f32 {
  let half = n >> 1u;
  return y * bitcast<f32>(u32(half + 127) << 23u) * bitcast<f32>(u32(n - half + 127) << 23u);
}

// (e^r - 1 - r) / r² for |r| ≤ ln(2)/2, minimax (Moshier, Cephes, expf.c).
fn exp_tail(r: f32) -> f32 {
  return ((((1.9875691500e-4 * r + 1.3981999507e-3) * r + 8.3334519073e-3) * r + 4.1665795894e-2) * r +
    1.6666665459e-1) * r + 5.0000001201e-1;
}

// e^x = 2^n · e^r with n = round(x / ln 2); ln 2 is subtracted in two parts (Cody and Waite). Adding 1.5 · 2^23 leaves n in
// the last bits of a sum, from where it is added to the exponent. Below the smallest normal number the result is 0.
fn exp_f32(x: f32) -> f32 {
  let sum = opaque(x * 1.44269504 + 12582912.0);
  let n = sum - 12582912.0;
  let r = opaque(x - n * 0.693359375) + n * 2.12194440e-4;
  let y = exp_tail(r) * r * r + r + 1.0;
  let scaled = bitcast<f32>(bitcast<u32>(y) + (bitcast<u32>(sum) << 23u));
  let bits = bitcast<u32>(x);
  let ordinary = bits < 0x42b17218u || bits - 0x80000000u < 0x42aeac50u;
  return select(relu_f32(x) * 3.0e38, scaled, ordinary);
}

// 2^x
fn exp2_f32(x: f32) -> f32 {
  let sum = opaque(x + 12582912.0);
  let r = (x - (sum - 12582912.0)) * 0.693147181;
  let y = exp_tail(r) * r * r + r + 1.0;
  let scaled = bitcast<f32>(bitcast<u32>(y) + (bitcast<u32>(sum) << 23u));
  let bits = bitcast<u32>(x);
  let ordinary = bits < 0x43000000u || bits - 0x80000000u <= 0x42fc0000u;
  return select(relu_f32(x) * 3.0e38, scaled, ordinary);
}

// e^x - 1, also where x is so small that e^x rounds to 1.
fn expm1_f32(x: f32) -> f32 {
  let near = exp_tail(x) * x * x + x;
  return select(exp_f32(x) - 1.0, near, abs(x) < 0.34657359);
}

// Sine and cosine of πx, and what is made of them.
// uses: bits, trigonometry

// The sine of πx, shifted by a number of quarter turns: whole turns are taken off exactly.
fn turned_sine(x: f32, shift: u32) -> f32 {
  let rest = x - 2.0 * round(0.5 * x);
  let quarters = round(2.0 * rest);
  let angle = (rest - 0.5 * quarters) * 3.14159265;
  let quarter = u32(i32(quarters) + 4) + shift;
  let y = select(sine_near(angle), cosine_near(angle), (quarter & 1u) == 1u);
  return select(select(y, -y, (quarter & 2u) == 2u), nan(), !is_finite(x));
}

fn sin_pi_f32(x: f32) -> f32 {
  return turned_sine(x, 0u);
}

fn cos_pi_f32(x: f32) -> f32 {
  return turned_sine(x, 1u);
}

// sin(πx) / (πx), 1 at 0
fn sinc_f32(x: f32) -> f32 {
  return select(sin_pi_f32(x) / (x * 3.14159265), 1.0, abs(x) < 1e-6);
}

// The derivative of sinc: (cos(πx) - sinc(x)) / x, near 0 by its series.
fn sinc_slope_f32(x: f32) -> f32 {
  let z = x * x;
  let near = (((((1.78114552e-3 * z - 2.34608104e-2) * z + 2.09182783e-1) * z - 1.14451094) * z + 3.24696970) * z -
    3.28986813) * x;
  return select((cos_pi_f32(x) - sinc_f32(x)) / x, near, abs(x) < 0.5);
}

// The second derivative of sinc.
fn sinc_curve_f32(x: f32) -> f32 {
  let z = x * x;
  let near = ((((1.95926007e-2 * z - 2.11147293e-1) * z + 1.46427948) * z - 5.72255472) * z + 9.74090910) * z -
    3.28986813;
  return select(-9.86960440 * sinc_f32(x) - 2.0 * sinc_slope_f32(x) / x, near, abs(x) < 0.5);
}

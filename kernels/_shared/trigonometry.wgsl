// Sine, cosine and tangent for every finite angle. WGSL's own are specified within ±π only, with an absolute error.
// uses: bits, divide

// The word of 2/π as a fixed-point number that begins `within` bits into the given one: 32 bits before the point, all zero,
// then 224 after it.
fn two_over_pi(word: u32, within: u32) -> u32 {
  var upper = select(0u, 0xa2f9836eu, word == 1u);
  upper = select(upper, 0x4e441529u, word == 2u);
  upper = select(upper, 0xfc2757d1u, word == 3u);
  upper = select(upper, 0xf534ddc0u, word == 4u);
  upper = select(upper, 0xdb629599u, word == 5u);
  upper = select(upper, 0x3c439041u, word == 6u);
  var lower = select(0xa2f9836eu, 0x4e441529u, word == 1u);
  lower = select(lower, 0xfc2757d1u, word == 2u);
  lower = select(lower, 0xf534ddc0u, word == 3u);
  lower = select(lower, 0xdb629599u, word == 4u);
  lower = select(lower, 0x3c439041u, word == 5u);
  lower = select(lower, 0xfe5163abu, word == 6u);
  return select((upper << within) | (lower >> (32u - within)), upper, within == 0u);
}

// An angle of 2^12 and more as quarter turns mod 4 and a rest within ±π/4: its mantissa times those bits of 2/π that do
// not make whole turns, in integers (Payne and Hanek, "Radian reduction for trigonometric functions", 1983).
fn reduce_large_angle(a: f32) -> vec2f {
  let bits = bitcast<u32>(a);
  let mantissa = (bits & 0x7fffffu) | 0x800000u;
  // a = mantissa · 2^(exponent - 150); the bit of 2/π that makes 2 quarter turns of it:
  let first = (bits >> 23u) - 120u;
  let word = first >> 5u;
  let within = first & 31u;
  // Of the product the lower 96 bits: two bits of quarter turns, then the fraction.
  let second = two_over_pi(word + 1u, within);
  let product = second * mantissa;
  let middle = product + mul_high(two_over_pi(word + 2u, within), mantissa);
  let upper = two_over_pi(word, within) * mantissa + mul_high(second, mantissa) + select(0u, 1u, middle < product);
  var quarter = upper >> 30u;
  var fraction = (upper << 2u) | (middle >> 30u);
  var below = middle << 2u;
  let negative = (fraction >> 31u) == 1u;
  if (negative) {
    quarter = (quarter + 1u) & 3u;
    fraction = ~fraction;
    below = ~below;
  }
  // As a float without loss: zeros in front are shifted out first.
  let zeros = min(countLeadingZeros(fraction), 31u);
  let leading = select((fraction << zeros) | (below >> (32u - zeros)), fraction, zeros == 0u);
  let rest = f32(leading >> 8u) * bitcast<f32>((103u - zeros) << 23u) * 1.57079633;
  return vec2f(select(rest, -rest, negative), f32(quarter));
}

// An angle as quarter turns mod 4 and a rest within ±π/4, as (rest, quarter turns). Small angles: π/2 is subtracted in
// three parts (Cody and Waite; twice the parts of Moshier, Cephes, sinf.c).
fn reduce_angle(x: f32) -> vec2f {
  let a = abs(x);
  let turns = round(a * 0.636619772);
  let rest = opaque(opaque(a - opaque(turns * 1.5703125)) - opaque(turns * 4.837512969970703125e-4)) -
    turns * 7.54978995489188e-8;
  var p = vec2f(rest, f32(u32(turns) & 3u));
  if (a > 4096.0) {
    p = reduce_large_angle(a);
  }
  if ((bitcast<u32>(x) >> 31u) == 1u) {
    p = vec2f(-p.x, f32((4u - u32(p.y)) & 3u));
  }
  return p;
}

// sin(r) and cos(r) for |r| ≤ π/4, minimax (Moshier, Cephes, sinf.c).
fn sine_near(r: f32) -> f32 {
  let z = r * r;
  return ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * r + r;
}

fn cosine_near(r: f32) -> f32 {
  let z = r * r;
  return ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z - 0.5 * z + 1.0;
}

// Sine, shifted by a number of quarter turns.
fn sine_shifted(x: f32, shift: u32) -> f32 {
  let p = reduce_angle(x);
  let quarter = u32(p.y) + shift;
  let y = select(sine_near(p.x), cosine_near(p.x), (quarter & 1u) == 1u);
  return select(select(y, -y, (quarter & 2u) == 2u), nan(), !is_finite(x));
}

fn sin_f32(x: f32) -> f32 {
  return sine_shifted(x, 0u);
}

fn cos_f32(x: f32) -> f32 {
  return sine_shifted(x, 1u);
}

fn tan_f32(x: f32) -> f32 {
  let p = reduce_angle(x);
  let s = sine_near(p.x);
  let c = cosine_near(p.x);
  let y = select(s / c, -c / s, (u32(p.y) & 1u) == 1u);
  return select(y, nan(), !is_finite(x));
}

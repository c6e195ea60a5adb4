// Random numbers of a distribution from random words, four at a time.
// uses: philox, log, trigonometry

// Words 4·q to 4·q + 3 of a stream under a seed.
fn random_words(q: u32, stream: u32, step: vec2u, seed: vec2u) -> vec4u {
  return philox(vec4u(q, step.x, step.y, stream), seed);
}

// Uniform in [0, 1), with 24 random bits: every value is exact in f32.
fn uniform_quad(words: vec4u) -> vec4f {
  return vec4f(words >> vec4u(8u)) * 5.9604644775390625e-8;
}

// (word + 1/2) / 2^32
fn fraction_of(word: u32) -> f32 {
  return (f32(word >> 8u) + (f32(word & 0xffu) + 0.5) * 3.90625e-3) * 5.9604644775390625e-8;
}

// Two standard normal numbers from two words (Box and Muller, "A note on the generation of random normal deviates", 1958).
// The radius uses all 32 bits, in the middle of their interval: it is never infinite, and reaches 6.7. Above 1/2 its
// logarithm is taken from the other end, so that small radii are as fine as large ones.
fn normal_pair(words: vec2u) -> vec2f {
  let upper = (words.x >> 31u) == 1u;
  let logarithm = select(log_f32(fraction_of(words.x)), log1p_f32(-fraction_of(~words.x)), upper);
  let radius = sqrt(-2.0 * logarithm);
  // The angle as quarter turns and a rest within ±1/8 of a turn.
  let turns = words.y + 0x20000000u;
  let rest = f32(i32(turns & 0x3fffffffu) - 0x20000000) * 1.46291807926715968e-9;
  let quarter = turns >> 30u;
  let s = sine_near(rest);
  let c = cosine_near(rest);
  let odd = (quarter & 1u) == 1u;
  let y = vec2f(select(c, -s, odd), select(s, c, odd));
  return radius * select(y, -y, (quarter & 2u) == 2u);
}

fn normal_quad(words: vec4u) -> vec4f {
  return vec4f(normal_pair(words.xy), normal_pair(words.zw));
}

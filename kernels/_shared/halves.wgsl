// Two 16-bit numbers in a word. bf16 is the upper half of an f32; f16 is WGSL's own packing. Stores round to nearest even.
fn unpack_bf16(w: u32) -> vec2f {
  return vec2f(bitcast<f32>(w << 16u), bitcast<f32>(w & 0xffff0000u));
}

fn bf16_bits(x: f32) -> u32 {
  let u = bitcast<u32>(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) {
    return (u >> 16u) | 0x40u;
  }
  return (u + 0x7fffu + ((u >> 16u) & 1u)) >> 16u;
}

fn pack_bf16(x: vec2f) -> u32 {
  return bf16_bits(x.x) | (bf16_bits(x.y) << 16u);
}

fn round_bf16(x: f32) -> f32 {
  return bitcast<f32>(bf16_bits(x) << 16u);
}

// Rounds to the nearest f16 by bits: the built-in packing may round towards zero, and out-of-range values are undefined.
fn f16_bits(x: f32) -> u32 {
  let u = bitcast<u32>(x);
  let sign = (u >> 16u) & 0x8000u;
  let a = u & 0x7fffffffu;
  if (a > 0x7f800000u) {
    return sign | 0x7e00u;
  }
  if (a >= 0x477ff000u) {
    return sign | 0x7c00u;
  }
  if (a < 0x38800000u) {
    // Below the smallest normal f16: a multiple of 2^-24. Adding 0.5 lines the units up with f32's own rounding.
    return sign | (bitcast<u32>(bitcast<f32>(a) + 0.5) - 0x3f000000u);
  }
  return sign | ((a - 0x38000000u + 0xfffu + ((a >> 13u) & 1u)) >> 13u);
}

fn pack_f16(x: vec2f) -> u32 {
  return f16_bits(x.x) | (f16_bits(x.y) << 16u);
}

fn f16_value(bits: u32) -> f32 {
  let sign = (bits & 0x8000u) << 16u;
  let magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u) {
    return bitcast<f32>(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13u));
  }
  if (magnitude < 0x400u) {
    return bitcast<f32>(sign | bitcast<u32>(f32(magnitude) * 5.9604644775390625e-8));
  }
  return bitcast<f32>(sign | ((magnitude + 0x1c000u) << 13u));
}

fn unpack_f16(w: u32) -> vec2f {
  return vec2f(f16_value(w & 0xffffu), f16_value(w >> 16u));
}

fn round_f16(x: f32) -> f32 {
  return f16_value(f16_bits(x));
}

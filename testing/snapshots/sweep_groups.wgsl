// x = v * numbers[0]; partials = combine(v * w), for the elements v of 2 tensors
// A workgroup takes a part of one tensor: every n-th 64 quads of it, where n is the tensor's number of workgroups.
// The number of a workgroup when a long row of them is folded over x, y and z.
fn workgroup_index(id: vec3u, count: vec3u) -> u32 {
  return (id.z * count.y + id.y) * count.x + id.x;
}
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
struct Params {
  // Elements of each tensor.
  lengths: array<vec4u, 4>,
  // Number of workgroups up to and including each tensor.
  ends: array<vec4u, 4>,
  first: u32,
  number: f32,
}
@group(0) @binding(0) var<storage, read_write> x0: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> x1: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;
@group(0) @binding(3) var<storage, read> numbers: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;
// The last quad may hold fewer than four elements; what lies behind them is anything.
fn used(v: vec4f, at: u32, length: u32) -> vec4f {
  return select(vec4f(), v, 4u * at + vec4u(0u, 1u, 2u, 3u) < vec4u(length));
}
fn term(v: vec4f, w: vec4f) -> vec4f {
  let number = params.number;
  return v * w;
}
fn combined(a: vec4f, b: vec4f) -> vec4f {
  return a + b;
}
fn folded(v: vec4f) -> f32 {
  return v.x + v.y + v.z + v.w;
}
fn changed(v: vec4f) -> vec4f {
  let number = params.number;
  return v * numbers[0];
}
var<workgroup> parts: array<f32, 64>;
@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = workgroup_index(id, groups);
  var tensor = 0u;
  var begin = 0u;
  for (var t = 0u; t < 1u; t++) {
    let end = params.ends[t / 4u][t % 4u];
    if (group >= end) {
      tensor = t + 1u;
      begin = end;
    }
  }
  let end = params.ends[tensor / 4u][tensor % 4u];
  if (group >= end) {
    return;
  }
  let length = params.lengths[tensor / 4u][tensor % 4u];
  let start = (group - begin) * 64u + lane;
  let step = (end - begin) * 64u;
  let quads = (length + 3u) / 4u;
  var total = vec4f();
  switch tensor {
    case 0u: {
      for (var at = start; at < quads; at += step) {
        let q = x0[at];
        let v = vec4f(unpack_bf16(q.x), unpack_bf16(q.y));
        let w = changed(v);
        x0[at] = vec2u(pack_bf16(w.xy), pack_bf16(w.zw));
        total = combined(total, term(used(v, at, length), used(w, at, length)));
      }
    }
    case 1u: {
      for (var at = start; at < quads; at += step) {
        let q = x1[at];
        let v = vec4f(unpack_bf16(q.x), unpack_bf16(q.y));
        let w = changed(v);
        x1[at] = vec2u(pack_bf16(w.xy), pack_bf16(w.zw));
        total = combined(total, term(used(v, at, length), used(w, at, length)));
      }
    }
    default: {
    }
  }
  parts[lane] = folded(total);
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      let a = parts[lane];
      let b = parts[lane + half];
      parts[lane] = a + b;
    }
  }
  if (lane == 0u) {
    partials[params.first + group] = parts[0];
  }
}

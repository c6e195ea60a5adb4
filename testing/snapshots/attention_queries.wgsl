// dq[i] = scale · Σ_j t[i, j] k[j] with t = p (g[i]·v[j] − delta[i]), delta[i] = g[i]·o[i], which goes into stats
// An invocation makes one query's gradient, streaming keys and values. Each lane loads a part of them, which the others get from it.
enable subgroups;
struct Params {
  q: vec4u,
  k: vec4u,
  v: vec4u,
  o: vec4u,
  g: vec4u,
  dq: vec4u,
  dk: vec4u,
  dv: vec4u,
  m: vec4u,
  seed: vec4u,
  step: vec4u,
  tiles: u32,
  batches: u32,
  heads: u32,
  repeats: u32,
  queries: u32,
  keys: u32,
  scale: f32,
  keep: f32,
  gain: f32,
  sumBatches: u32,
  sumHeads: u32,
  fours: u32,
  valueFours: u32,
}
@group(0) @binding(0) var<storage, read> q: array<vec2u>;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(2) var<storage, read> o: array<vec2u>;
@group(0) @binding(3) var<storage, read> g: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> stats: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> dq: array<vec2u>;
@group(0) @binding(32) var<uniform> params: Params;
// The number of a workgroup when a long row of them is folded over x, y and z.
fn workgroup_index(id: vec3u, count: vec3u) -> u32 {
  return (id.z * count.y + id.y) * count.x + id.x;
}
// Tests by bits: compilers may assume that NaN and infinities do not occur, so comparisons could be folded away.
fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn is_inf(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;
}

fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

fn any_nan(x: f32, y: f32) -> bool {
  return max(bitcast<u32>(x) & 0x7fffffffu, bitcast<u32>(y) & 0x7fffffffu) > 0x7f800000u;
}

// Constant expressions may not be NaN or infinite in WGSL, so both are made while the kernel runs.
fn nan() -> f32 {
  var bits = 0x7fc00000u;
  return bitcast<f32>(bits);
}

fn infinity() -> f32 {
  var bits = 0x7f800000u;
  return bitcast<f32>(bits);
}

// The magnitude of x with the sign of y.
fn copy_sign(x: f32, y: f32) -> f32 {
  return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(y) & 0x80000000u));
}

// x itself, in a way that compilers do not see through: (a + b) - a then stays what it is. Only NaN patterns may change.
fn opaque(x: f32) -> f32 {
  return bitcast<f32>(min(bitcast<u32>(x), 0xffc00000u));
}

// The upper 12 bits of the mantissa: products of two such numbers are exact.
fn upper_half(x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u);
}

// √x, NaN below 0.
fn sqrt_f32(x: f32) -> f32 {
  return select(sqrt(x), nan(), bitcast<u32>(x) > 0x80000000u);
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
// Upper 32 bits of a product, by halves: WGSL has no wide multiplication.
fn mul_high(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let upper = ah * bl + ((al * bl) >> 16u);
  let lower = al * bh + (upper & 0xffffu);
  return ah * bh + (upper >> 16u) + (lower >> 16u);
}

// n / d for n < 2^31, by the multiplier m and the shift s that belong to d: a division costs ten times as much
// (Granlund and Montgomery, "Division by invariant integers using multiplication", 1994).
fn divide(n: u32, m: u32, s: u32) -> u32 {
  return mul_high(n << 1u, m) >> s;
}

// Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011): a counter and a key
// give four words that look random; no state, so the same numbers come out on every adapter. tensor/philox.ts is its twin.
// uses: divide
fn philox(counter: vec4u, seed: vec2u) -> vec4u {
  var c = counter;
  var k = seed;
  for (var round = 0u; round < 10u; round++) {
    c = vec4u(
      mul_high(0xcd9e8d57u, c.z) ^ c.y ^ k.x,
      0xcd9e8d57u * c.z,
      mul_high(0xd2511f53u, c.x) ^ c.w ^ k.y,
      0xd2511f53u * c.x
    );
    k = k + vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}
fn start(strides: vec4u, batch: u32, head: u32) -> u32 {
  return strides.w + batch * strides.x + head * strides.y;
}
fn load_q(at: u32, c: u32) -> vec4f {
  let w = q[(at >> 2u) + c];
  return vec4f(unpack_bf16(w.x), unpack_bf16(w.y));
}
fn load_k(at: u32, c: u32) -> vec4f {
  let w = q[(at >> 2u) + c];
  return vec4f(unpack_bf16(w.x), unpack_bf16(w.y));
}
fn load_v(at: u32, c: u32) -> vec4f {
  let w = q[(at >> 2u) + c];
  return vec4f(unpack_bf16(w.x), unpack_bf16(w.y));
}
fn load_g(at: u32, c: u32) -> vec4f {
  let w = g[(at >> 2u) + c];
  return vec4f(unpack_bf16(w.x), unpack_bf16(w.y));
}
fn load_o(at: u32, c: u32) -> vec4f {
  let w = o[(at >> 2u) + c];
  return vec4f(unpack_bf16(w.x), unpack_bf16(w.y));
}
fn store_dq(at: u32, c: u32, x: vec4f) {
  dq[(at >> 2u) + c] = vec2u(pack_bf16(x.xy), pack_bf16(x.zw));
}
@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  var rest = workgroup_index(id, groups);
  let tile = rest % params.tiles;
  rest = rest / params.tiles;
  let head = rest % params.heads;
  let batch = rest / params.heads;
  if (batch >= params.batches) {
    return;
  }
  let row = tile * 8u + lane;
  let i = min(row, params.queries - 1u);
  let place = (batch * params.heads + head) * params.queries + i;
  let base_a = start(params.k, batch, head / params.repeats);
  let base_b = start(params.v, batch, head / params.repeats);
  let base_m = batch * params.m.x + head * params.m.y + i * params.m.z;
  let seen = min(params.keys, i + 1u);
  let end = min(params.keys, (tile + 1u) * 8u);
  let at_q = start(params.q, batch, head) + i * params.q.z;
  var q: array<vec4f, 2>;
  for (var c = 0u; c < params.fours; c++) {
    q[c] = load_q(at_q, c) * params.scale;
  }
  let q0 = q[0u];
  let q1 = q[1u];
  let end_of_stats = params.batches * params.heads * params.queries;
  let step_words = vec3u(stats[end_of_stats], stats[end_of_stats + 1u].x);
  let at_g = start(params.g, batch, head) + i * params.g.z;
  var g: array<vec4f, 2>;
  for (var c = 0u; c < params.valueFours; c++) {
    g[c] = load_g(at_g, c);
  }
  let g0 = g[0u];
  let g1 = g[1u];
  let at_o = start(params.o, batch, head) + i * params.o.z;
  var delta = 0.0;
  for (var c = 0u; c < params.valueFours; c++) {
    delta += dot(g[c], load_o(at_o, c));
  }
  let norm = bitcast<f32>(stats[place].x);
  var x0 = vec4f();
  var x1 = vec4f();
  for (var j = 0u; j < end; j += 4u) {
    let a0 = load_k(base_a + min(j + min(0u + lane, 7u) / 2u, params.keys - 1u) * params.k.z, min(0u + lane, 7u) % 2u);
    let b0 = load_v(base_b + min(j + min(0u + lane, 7u) / 2u, params.keys - 1u) * params.v.z, min(0u + lane, 7u) % 2u);
    var s0 = 0.0;
    var s1 = 0.0;
    var s2 = 0.0;
    var s3 = 0.0;
    s0 += dot(q0, subgroupBroadcast(a0, 0u));
    s1 += dot(q0, subgroupBroadcast(a0, 2u));
    s2 += dot(q0, subgroupBroadcast(a0, 4u));
    s3 += dot(q0, subgroupBroadcast(a0, 6u));
    s0 += dot(q1, subgroupBroadcast(a0, 1u));
    s1 += dot(q1, subgroupBroadcast(a0, 3u));
    s2 += dot(q1, subgroupBroadcast(a0, 5u));
    s3 += dot(q1, subgroupBroadcast(a0, 7u));
    var d0 = 0.0;
    var d1 = 0.0;
    var d2 = 0.0;
    var d3 = 0.0;
    d0 += dot(g0, subgroupBroadcast(b0, 0u));
    d1 += dot(g0, subgroupBroadcast(b0, 2u));
    d2 += dot(g0, subgroupBroadcast(b0, 4u));
    d3 += dot(g0, subgroupBroadcast(b0, 6u));
    d0 += dot(g1, subgroupBroadcast(b0, 1u));
    d1 += dot(g1, subgroupBroadcast(b0, 3u));
    d2 += dot(g1, subgroupBroadcast(b0, 5u));
    d3 += dot(g1, subgroupBroadcast(b0, 7u));
    let h0 = j + 0u >= seen || mask[base_m + min(j + 0u, params.keys - 1u) * params.m.w] == 0u || bitcast<u32>(s0) == 0xff800000u;
    let h1 = j + 1u >= seen || mask[base_m + min(j + 1u, params.keys - 1u) * params.m.w] == 0u || bitcast<u32>(s1) == 0xff800000u;
    let h2 = j + 2u >= seen || mask[base_m + min(j + 2u, params.keys - 1u) * params.m.w] == 0u || bitcast<u32>(s2) == 0xff800000u;
    let h3 = j + 3u >= seen || mask[base_m + min(j + 3u, params.keys - 1u) * params.m.w] == 0u || bitcast<u32>(s3) == 0xff800000u;
    let z0 = decide(place * ((params.keys + 3u) / 4u) + (j >> 2u) + 0u, step_words);
    d0 *= z0.x;
    d1 *= z0.y;
    d2 *= z0.z;
    d3 *= z0.w;
    let t0 = select(exp(s0 - norm), 0.0, h0) * (d0 - delta);
    let t1 = select(exp(s1 - norm), 0.0, h1) * (d1 - delta);
    let t2 = select(exp(s2 - norm), 0.0, h2) * (d2 - delta);
    let t3 = select(exp(s3 - norm), 0.0, h3) * (d3 - delta);
    x0 = x0 + t0 * subgroupBroadcast(a0, 0u) + t1 * subgroupBroadcast(a0, 2u) + t2 * subgroupBroadcast(a0, 4u) + t3 * subgroupBroadcast(a0, 6u);
    x1 = x1 + t0 * subgroupBroadcast(a0, 1u) + t1 * subgroupBroadcast(a0, 3u) + t2 * subgroupBroadcast(a0, 5u) + t3 * subgroupBroadcast(a0, 7u);
  }
  if (row < params.queries) {
    let at_x = start(params.dq, batch, head) + i * params.dq.z;
    var all_x: array<vec4f, 2>;
    all_x[0u] = x0 * params.scale;
    all_x[1u] = x1 * params.scale;
    for (var c = 0u; c < params.fours; c++) {
      store_dq(at_x, c, all_x[c]);
    }
    stats[place].y = bitcast<u32>(delta);
  }
}

fn decide(quad: u32, step: vec3u) -> vec4f {
  let words = philox(vec4u(quad, step), params.seed.xy);
  let uniform = vec4f(words >> vec4u(8u)) * 5.9604644775390625e-8;
  return select(vec4f(), vec4f(params.gain), uniform < vec4f(params.keep));
}

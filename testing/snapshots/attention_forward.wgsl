// o[i] = Σ_j p[i, j] v[j] with p = softmax_j(scale · q[i]·k[j] + mask); stats[i] = log Σ_j exp(score[i, j])
// An invocation makes one query's result, streaming keys and values. Each lane loads a part of them, which the others get from it.
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
@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> o: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> stats: array<vec2u>;
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
fn start(strides: vec4u, batch: u32, head: u32) -> u32 {
  return strides.w + batch * strides.x + head * strides.y;
}
fn load_q(at: u32, c: u32) -> vec4f {
  return q[(at >> 2u) + c];
}
fn load_k(at: u32, c: u32) -> vec4f {
  return q[(at >> 2u) + c];
}
fn load_v(at: u32, c: u32) -> vec4f {
  return q[(at >> 2u) + c];
}
fn store_o(at: u32, c: u32, x: vec4f) {
  o[(at >> 2u) + c] = x;
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
  let seen = min(params.keys, i + 1u);
  let end = min(params.keys, (tile + 1u) * 8u);
  let at_q = start(params.q, batch, head) + i * params.q.z;
  var q0 = load_q(at_q, 0u) * params.scale;
  var q1 = load_q(at_q, 1u) * params.scale;
  var o0 = vec4f();
  var o1 = vec4f();
  var top = -3.4e38;
  var total = 0.0;
  var odd = 0u;
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
    let h0 = j + 0u >= seen || bitcast<u32>(s0) == 0xff800000u;
    let h1 = j + 1u >= seen || bitcast<u32>(s1) == 0xff800000u;
    let h2 = j + 2u >= seen || bitcast<u32>(s2) == 0xff800000u;
    let h3 = j + 3u >= seen || bitcast<u32>(s3) == 0xff800000u;
    odd = max(odd, select(bitcast<u32>(s0) & 0x7fffffffu, 0u, h0));
    odd = max(odd, select(bitcast<u32>(s1) & 0x7fffffffu, 0u, h1));
    odd = max(odd, select(bitcast<u32>(s2) & 0x7fffffffu, 0u, h2));
    odd = max(odd, select(bitcast<u32>(s3) & 0x7fffffffu, 0u, h3));
    s0 = select(s0, -3.4e38, h0);
    s1 = select(s1, -3.4e38, h1);
    s2 = select(s2, -3.4e38, h2);
    s3 = select(s3, -3.4e38, h3);
    let peak = max(top, max(max(max(s0, s1), s2), s3));
    let fade = exp(top - peak);
    top = peak;
    var p0 = select(exp(s0 - peak), 0.0, h0);
    var p1 = select(exp(s1 - peak), 0.0, h1);
    var p2 = select(exp(s2 - peak), 0.0, h2);
    var p3 = select(exp(s3 - peak), 0.0, h3);
    total = total * fade + (p0 + p1 + p2 + p3);
    o0 = o0 * fade + p0 * subgroupBroadcast(b0, 0u) + p1 * subgroupBroadcast(b0, 2u) + p2 * subgroupBroadcast(b0, 4u) + p3 * subgroupBroadcast(b0, 6u);
    o1 = o1 * fade + p0 * subgroupBroadcast(b0, 1u) + p1 * subgroupBroadcast(b0, 3u) + p2 * subgroupBroadcast(b0, 5u) + p3 * subgroupBroadcast(b0, 7u);
  }
  var share = select(1.0 / total, 0.0, total == 0.0);
  var norm = select(top + log(total), 0.0, total == 0.0);
  if (odd >= 0x7f800000u) {
    share = nan();
    norm = share;
  }
  if (row < params.queries) {
    let at_o = start(params.o, batch, head) + i * params.o.z;
    store_o(at_o, 0u, o0 * share);
    store_o(at_o, 1u, o1 * share);
    stats[place] = vec2u(bitcast<u32>(norm), 0u);
  }
}

// dm[i, j] = Σ t[i, j] over the batches and heads that share the mask
// An invocation makes one element.
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
@group(0) @binding(1) var<storage, read> mask: array<f32>;
@group(0) @binding(2) var<storage, read> g: array<vec4f>;
@group(0) @binding(3) var<storage, read> stats: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> dm: array<f32>;
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
fn load_g(at: u32, c: u32) -> vec4f {
  return g[(at >> 2u) + c];
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  var rest = workgroup_index(id, groups);
  let tile = rest % params.tiles;
  rest = rest / params.tiles;
  let i = rest % params.queries;
  rest = rest / params.queries;
  let own_heads = params.heads / params.sumHeads;
  let own_head = rest % own_heads;
  let own_batch = rest / own_heads;
  if (own_batch >= params.batches / params.sumBatches) {
    return;
  }
  let key = tile * 64u + lane;
  if (key >= params.keys) {
    return;
  }
  var total = 0.0;
  for (var member = 0u; member < params.sumBatches * params.sumHeads; member++) {
    let batch = own_batch + member / params.sumHeads;
    let head = own_head + member % params.sumHeads;
    let place = (batch * params.heads + head) * params.queries + i;
    let at_q = start(params.q, batch, head) + i * params.q.z;
    let at_g = start(params.g, batch, head) + i * params.g.z;
    let at_k = start(params.k, batch, head / params.repeats) + key * params.k.z;
    let at_v = start(params.v, batch, head / params.repeats) + key * params.v.z;
    var s = 0.0;
    var d = 0.0;
    s += dot(load_q(at_q, 0u) * params.scale, load_k(at_k, 0u));
    s += dot(load_q(at_q, 1u) * params.scale, load_k(at_k, 1u));
    d += dot(load_g(at_g, 0u), load_v(at_v, 0u));
    d += dot(load_g(at_g, 1u), load_v(at_v, 1u));
    s += mask[batch * params.m.x + head * params.m.y + i * params.m.z + key * params.m.w];
    let stat = stats[place];
    let hidden = key > i || bitcast<u32>(s) == 0xff800000u;
    total += select(exp(s - bitcast<f32>(stat.x)), 0.0, hidden) * (d - bitcast<f32>(stat.y));
  }
  dm[((own_batch * own_heads + own_head) * params.queries + i) * params.keys + key] = total;
}

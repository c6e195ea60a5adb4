// dk[j] = scale · Σ_i t[i, j] q[i] with t = p (g[i]·v[j] − delta[i]); dv[j] = Σ_i p[i, j] g[i]
// An invocation makes the gradients of one key and its value, streaming queries and gradients of results. They come through workgroup memory.
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
@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> mask: array<f32>;
@group(0) @binding(4) var<storage, read> g: array<f32>;
@group(0) @binding(5) var<storage, read> stats: array<vec2u>;
@group(0) @binding(6) var<storage, read_write> dv: array<f32>;
@group(0) @binding(7) var<storage, read_write> dk: array<f32>;
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
var<workgroup> stage_a: array<vec4f, 64>;
var<workgroup> stage_b: array<vec4f, 64>;
fn start(strides: vec4u, batch: u32, head: u32) -> u32 {
  return strides.w + batch * strides.x + head * strides.y;
}
fn load_q(at: u32, c: u32) -> vec4f {
  return vec4f(
    select(0.0, q[at + 4u * c + 0u], 4u * c + 0u < 6u),
    select(0.0, q[at + 4u * c + 1u], 4u * c + 1u < 6u),
    select(0.0, q[at + 4u * c + 2u], 4u * c + 2u < 6u),
    select(0.0, q[at + 4u * c + 3u], 4u * c + 3u < 6u),
  );
}
fn load_k(at: u32, c: u32) -> vec4f {
  return vec4f(
    select(0.0, k[at + 4u * c + 0u], 4u * c + 0u < 6u),
    select(0.0, k[at + 4u * c + 1u], 4u * c + 1u < 6u),
    select(0.0, k[at + 4u * c + 2u], 4u * c + 2u < 6u),
    select(0.0, k[at + 4u * c + 3u], 4u * c + 3u < 6u),
  );
}
fn load_v(at: u32, c: u32) -> vec4f {
  return vec4f(
    select(0.0, v[at + 4u * c + 0u], 4u * c + 0u < 5u),
    select(0.0, v[at + 4u * c + 1u], 4u * c + 1u < 5u),
    select(0.0, v[at + 4u * c + 2u], 4u * c + 2u < 5u),
    select(0.0, v[at + 4u * c + 3u], 4u * c + 3u < 5u),
  );
}
fn load_g(at: u32, c: u32) -> vec4f {
  return vec4f(
    select(0.0, g[at + 4u * c + 0u], 4u * c + 0u < 5u),
    select(0.0, g[at + 4u * c + 1u], 4u * c + 1u < 5u),
    select(0.0, g[at + 4u * c + 2u], 4u * c + 2u < 5u),
    select(0.0, g[at + 4u * c + 3u], 4u * c + 3u < 5u),
  );
}
fn store_dk(at: u32, c: u32, x: vec4f) {
  if (4u * c + 0u < 6u) {
    dk[at + 4u * c + 0u] = x[0];
  }
  if (4u * c + 1u < 6u) {
    dk[at + 4u * c + 1u] = x[1];
  }
  if (4u * c + 2u < 6u) {
    dk[at + 4u * c + 2u] = x[2];
  }
  if (4u * c + 3u < 6u) {
    dk[at + 4u * c + 3u] = x[3];
  }
}
fn store_dv(at: u32, c: u32, x: vec4f) {
  if (4u * c + 0u < 5u) {
    dv[at + 4u * c + 0u] = x[0];
  }
  if (4u * c + 1u < 5u) {
    dv[at + 4u * c + 1u] = x[1];
  }
  if (4u * c + 2u < 5u) {
    dv[at + 4u * c + 2u] = x[2];
  }
  if (4u * c + 3u < 5u) {
    dv[at + 4u * c + 3u] = x[3];
  }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  var rest = workgroup_index(id, groups);
  let tile = rest % params.tiles;
  rest = rest / params.tiles;
  let shared_head = rest % (params.heads / params.repeats);
  let batch = rest / (params.heads / params.repeats);
  if (batch >= params.batches) {
    return;
  }
  let row = tile * 64u + lane;
  let key = min(row, params.keys - 1u);
  let at_k = start(params.k, batch, shared_head) + key * params.k.z;
  let at_v = start(params.v, batch, shared_head) + key * params.v.z;
  var k0 = load_k(at_k, 0u) * params.scale;
  var k1 = load_k(at_k, 1u) * params.scale;
  var v0 = load_v(at_v, 0u);
  var v1 = load_v(at_v, 1u);
  var x0 = vec4f();
  var x1 = vec4f();
  var y0 = vec4f();
  var y1 = vec4f();
  for (var member = 0u; member < params.repeats; member++) {
    let head = shared_head * params.repeats + member;
    let base_a = start(params.q, batch, head);
    let base_b = start(params.g, batch, head);
    let base_place = (batch * params.heads + head) * params.queries;
    let base_m = batch * params.m.x + head * params.m.y + key * params.m.w;
    for (var first = tile * 64u; first < params.queries; first += 32u) {
      workgroupBarrier();
      for (var x = lane; x < 64u; x += 64u) {
        let at = base_a + min(first + x / 2u, params.queries - 1u) * params.q.z;
        stage_a[x] = load_q(at, x % 2u);
      }
      for (var x = lane; x < 64u; x += 64u) {
        let at = base_b + min(first + x / 2u, params.queries - 1u) * params.g.z;
        stage_b[x] = load_g(at, x % 2u);
      }
      workgroupBarrier();
      for (var r = 0u; r < 32u; r += 4u) {
        let j = first + r;
        let a0 = (r + 0u) * 2u;
        let b0 = (r + 0u) * 2u;
        let a1 = (r + 1u) * 2u;
        let b1 = (r + 1u) * 2u;
        let a2 = (r + 2u) * 2u;
        let b2 = (r + 2u) * 2u;
        let a3 = (r + 3u) * 2u;
        let b3 = (r + 3u) * 2u;
        var s0 = 0.0;
        var s1 = 0.0;
        var s2 = 0.0;
        var s3 = 0.0;
        s0 += dot(k0, stage_a[a0 + 0u]);
        s1 += dot(k0, stage_a[a1 + 0u]);
        s2 += dot(k0, stage_a[a2 + 0u]);
        s3 += dot(k0, stage_a[a3 + 0u]);
        s0 += dot(k1, stage_a[a0 + 1u]);
        s1 += dot(k1, stage_a[a1 + 1u]);
        s2 += dot(k1, stage_a[a2 + 1u]);
        s3 += dot(k1, stage_a[a3 + 1u]);
        var d0 = 0.0;
        var d1 = 0.0;
        var d2 = 0.0;
        var d3 = 0.0;
        d0 += dot(v0, stage_b[b0 + 0u]);
        d1 += dot(v0, stage_b[b1 + 0u]);
        d2 += dot(v0, stage_b[b2 + 0u]);
        d3 += dot(v0, stage_b[b3 + 0u]);
        d0 += dot(v1, stage_b[b0 + 1u]);
        d1 += dot(v1, stage_b[b1 + 1u]);
        d2 += dot(v1, stage_b[b2 + 1u]);
        d3 += dot(v1, stage_b[b3 + 1u]);
        s0 += mask[base_m + min(j + 0u, params.queries - 1u) * params.m.z];
        let h0 = key > j + 0u || j + 0u > params.queries - 1u || bitcast<u32>(s0) == 0xff800000u;
        s1 += mask[base_m + min(j + 1u, params.queries - 1u) * params.m.z];
        let h1 = key > j + 1u || j + 1u > params.queries - 1u || bitcast<u32>(s1) == 0xff800000u;
        s2 += mask[base_m + min(j + 2u, params.queries - 1u) * params.m.z];
        let h2 = key > j + 2u || j + 2u > params.queries - 1u || bitcast<u32>(s2) == 0xff800000u;
        s3 += mask[base_m + min(j + 3u, params.queries - 1u) * params.m.z];
        let h3 = key > j + 3u || j + 3u > params.queries - 1u || bitcast<u32>(s3) == 0xff800000u;
        let place0 = base_place + min(j + 0u, params.queries - 1u);
        let stat0 = stats[place0];
        let p0 = select(exp(s0 - bitcast<f32>(stat0.x)), 0.0, h0);
        let place1 = base_place + min(j + 1u, params.queries - 1u);
        let stat1 = stats[place1];
        let p1 = select(exp(s1 - bitcast<f32>(stat1.x)), 0.0, h1);
        let place2 = base_place + min(j + 2u, params.queries - 1u);
        let stat2 = stats[place2];
        let p2 = select(exp(s2 - bitcast<f32>(stat2.x)), 0.0, h2);
        let place3 = base_place + min(j + 3u, params.queries - 1u);
        let stat3 = stats[place3];
        let p3 = select(exp(s3 - bitcast<f32>(stat3.x)), 0.0, h3);
        let w0 = p0;
        let w1 = p1;
        let w2 = p2;
        let w3 = p3;
        let t0 = p0 * (d0 - bitcast<f32>(stat0.y));
        let t1 = p1 * (d1 - bitcast<f32>(stat1.y));
        let t2 = p2 * (d2 - bitcast<f32>(stat2.y));
        let t3 = p3 * (d3 - bitcast<f32>(stat3.y));
        y0 = y0 + w0 * stage_b[b0 + 0u] + w1 * stage_b[b1 + 0u] + w2 * stage_b[b2 + 0u] + w3 * stage_b[b3 + 0u];
        y1 = y1 + w0 * stage_b[b0 + 1u] + w1 * stage_b[b1 + 1u] + w2 * stage_b[b2 + 1u] + w3 * stage_b[b3 + 1u];
        x0 = x0 + t0 * stage_a[a0 + 0u] + t1 * stage_a[a1 + 0u] + t2 * stage_a[a2 + 0u] + t3 * stage_a[a3 + 0u];
        x1 = x1 + t0 * stage_a[a0 + 1u] + t1 * stage_a[a1 + 1u] + t2 * stage_a[a2 + 1u] + t3 * stage_a[a3 + 1u];
      }
    }
  }
  if (row < params.keys) {
    let at_x = start(params.dk, batch, shared_head) + row * params.dk.z;
    let at_y = start(params.dv, batch, shared_head) + row * params.dv.z;
    store_dk(at_x, 0u, x0 * params.scale);
    store_dk(at_x, 1u, x1 * params.scale);
    store_dv(at_y, 0u, y0);
    store_dv(at_y, 1u, y1);
  }
}

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
fn unpack_bf16(w: u32) -> vec2f {
  return vec2f(bitcast<f32>(w << 16u), bitcast<f32>(w & 0xffff0000u));
}
fn workgroup_index(id: vec3u, count: vec3u) -> u32 {
  return (id.z * count.y + id.y) * count.x + id.x;
}
struct Params { ends: array<vec4u, 3>, param: array<vec4u, 3>, a: array<vec4u, 3>, b: array<vec4u, 3> }
@group(0) @binding(0) var<storage, read> numbers: array<f32>;
@group(0) @binding(1) var<storage, read> grad_0: array<vec4f>;
@group(0) @binding(2) var<storage, read> grad_1: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> param: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> a: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> b: array<vec2u>;
@group(0) @binding(32) var<uniform> params: Params;
struct Cell { p: vec4f, a: vec4f, b: vec4f, c: vec4f }
struct Place { p: u32, a: u32, b: u32, c: u32 }
fn rule(gradient: vec4f, cell: Cell) -> Cell {
  let lr = numbers[4u];
  let beta2 = numbers[5u];
  let fresh1 = numbers[6u];
  let fresh2 = numbers[7u];
  let rate1 = numbers[8u];
  let rate2 = numbers[9u];
  let eps = numbers[10u];
  let direction = numbers[11u];
  let weightDecay = numbers[12u];
  let stepSize = numbers[13u];
  let unbias = numbers[14u];
  var g = gradient;
  var p = cell.p;
  var expAvg = cell.a;
  var expAvgSq = cell.b;

  g = direction * g + weightDecay * p;
  expAvg += fresh1 * (g - expAvg);
  expAvgSq = beta2 * expAvgSq + fresh2 * g * g;
  p -= stepSize * expAvg / (sqrt(expAvgSq) * unbias + eps);
  return Cell(p, expAvg, expAvgSq, cell.c);
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let q = workgroup_index(id, groups) * 64u + lane;
  if (numbers[1] != 0.0) { return; }
  var at: Place;
  var g: vec4f;
  if (q < params.ends[0].x) {
    at = Place(q + params.param[0].x, q + params.a[0].x, q + params.b[0].x, 0u);
    g = grad_0[q];
  } else if (q < params.ends[0].y) {
    at = Place(q + params.param[0].y, q + params.a[0].y, q + params.b[0].y, 0u);
    g = grad_1[q - params.ends[0].x];
  } else { return; }
  var cell = Cell(vec4f(unpack_bf16(param[at.p].x), unpack_bf16(param[at.p].y)), vec4f(unpack_bf16(a[at.a].x), unpack_bf16(a[at.a].y)), vec4f(unpack_bf16(b[at.b].x), unpack_bf16(b[at.b].y)), vec4f());
  cell = rule(g * numbers[2], cell);
  param[at.p] = vec2u(pack_bf16(cell.p.xy), pack_bf16(cell.p.zw));
  a[at.a] = vec2u(pack_bf16(cell.a.xy), pack_bf16(cell.a.zw));
  b[at.b] = vec2u(pack_bf16(cell.b.xy), pack_bf16(cell.b.zw));
}
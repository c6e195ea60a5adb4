// y[n, r, o] = Σ_c Σ_tap w[r, c, tap] · x[n, c, i(o, tap)]
// A workgroup of 8 lanes makes one channel; a lane makes 2 × 4 places of it. No barrier, no workgroup memory.
enable subgroups;
struct Params {
  tiles: u32,
  groups: u32,
  positions: u32,
  blocks: u32,
  lineBlocks: u32,
  rows: u32,
  channels: u32,
  height: u32,
  width: u32,
  outHeight: u32,
  outWidth: u32,
  weightRow: u32,
  weightChannel: u32,
  weightGroup: u32,
  hopY: i32,
  hopX: i32,
  startY: i32,
  startX: i32,
  sliceSize: u32,
  sumsAt: u32,
}
fn unpack_bf16(w: u32) -> vec2f {
  return vec2f(bitcast<f32>(w << 16u), bitcast<f32>(w & 0xffff0000u));
}
fn workgroup_index(id: vec3u, count: vec3u) -> u32 {
  return (id.z * count.y + id.y) * count.x + id.x;
}
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<u32>;
fn w_at(i: u32) -> f32 {
  return unpack_bf16(w[i >> 1u] >> ((i & 1u) * 16u)).x;
}
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
fn put(at: u32, x: vec4f) {
  y[at >> 2u] = x;
}
@group(0) @binding(32) var<uniform> params: Params;
@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) lane: u32) {
  var rest = workgroup_index(id, count);
  let position = rest % params.tiles * 8u + lane;
  rest = rest / params.tiles;
  let row = rest % params.rows;
  let group = rest / params.rows;
  if (group >= params.groups) {
    return;
  }
  let place = min(position, params.positions - 1u);
  let block = place % params.blocks;
  let lineBlock = place / params.blocks % params.lineBlocks;
  let n = place / (params.blocks * params.lineBlocks);
  let y0 = i32(lineBlock) * params.hopY + params.startY;
  let x0 = i32(block) * params.hopX + params.startX;
  let in0 = u32(x0 + 0) < params.width;
  let in4 = u32(x0 + 4) < params.width;
  let in8 = u32(x0 + 8) < params.width;
  let plane = i32(params.height * params.width);
  var at = i32((n * params.groups + group) * params.channels) * plane + y0 * i32(params.width) + x0;
  var tap = group * params.weightGroup + row * params.weightRow;
  var s0_0 = 0.0;
  var s0_1 = 0.0;
  var s0_2 = 0.0;
  var s0_3 = 0.0;
  var s1_0 = 0.0;
  var s1_1 = 0.0;
  var s1_2 = 0.0;
  var s1_3 = 0.0;
  for (var c = 0u; c < params.channels; c++) {
    let w0 = w_at(tap + min(lane + 0u, 8u));
    let w1 = w_at(tap + min(lane + 8u, 8u));
    let v0 = subgroupBroadcast(w0, 0u);
    let v1 = subgroupBroadcast(w0, 1u);
    let v2 = subgroupBroadcast(w0, 2u);
    let v3 = subgroupBroadcast(w0, 3u);
    let v4 = subgroupBroadcast(w0, 4u);
    let v5 = subgroupBroadcast(w0, 5u);
    let v6 = subgroupBroadcast(w0, 6u);
    let v7 = subgroupBroadcast(w0, 7u);
    let v8 = subgroupBroadcast(w1, 0u);
    let line0 = u32(y0 + 0) < params.height;
    let p0_0 = select(vec4f(), x[(u32(at + 0 * i32(params.width) + 0)) >> 2u], line0 && in0);
    let p0_4 = select(vec4f(), x[(u32(at + 0 * i32(params.width) + 4)) >> 2u], line0 && in4);
    let p0_8 = select(vec4f(), x[(u32(at + 0 * i32(params.width) + 8)) >> 2u], line0 && in8);
    s0_0 += v0 * p0_0.w;
    s0_0 += v1 * p0_4.x;
    s0_0 += v2 * p0_4.y;
    s0_1 += v0 * p0_4.x;
    s0_1 += v1 * p0_4.y;
    s0_1 += v2 * p0_4.z;
    s0_2 += v0 * p0_4.y;
    s0_2 += v1 * p0_4.z;
    s0_2 += v2 * p0_4.w;
    s0_3 += v0 * p0_4.z;
    s0_3 += v1 * p0_4.w;
    s0_3 += v2 * p0_8.x;
    let line1 = u32(y0 + 1) < params.height;
    let p1_0 = select(vec4f(), x[(u32(at + 1 * i32(params.width) + 0)) >> 2u], line1 && in0);
    let p1_4 = select(vec4f(), x[(u32(at + 1 * i32(params.width) + 4)) >> 2u], line1 && in4);
    let p1_8 = select(vec4f(), x[(u32(at + 1 * i32(params.width) + 8)) >> 2u], line1 && in8);
    s0_0 += v3 * p1_0.w;
    s0_0 += v4 * p1_4.x;
    s0_0 += v5 * p1_4.y;
    s0_1 += v3 * p1_4.x;
    s0_1 += v4 * p1_4.y;
    s0_1 += v5 * p1_4.z;
    s0_2 += v3 * p1_4.y;
    s0_2 += v4 * p1_4.z;
    s0_2 += v5 * p1_4.w;
    s0_3 += v3 * p1_4.z;
    s0_3 += v4 * p1_4.w;
    s0_3 += v5 * p1_8.x;
    s1_0 += v0 * p1_0.w;
    s1_0 += v1 * p1_4.x;
    s1_0 += v2 * p1_4.y;
    s1_1 += v0 * p1_4.x;
    s1_1 += v1 * p1_4.y;
    s1_1 += v2 * p1_4.z;
    s1_2 += v0 * p1_4.y;
    s1_2 += v1 * p1_4.z;
    s1_2 += v2 * p1_4.w;
    s1_3 += v0 * p1_4.z;
    s1_3 += v1 * p1_4.w;
    s1_3 += v2 * p1_8.x;
    let line2 = u32(y0 + 2) < params.height;
    let p2_0 = select(vec4f(), x[(u32(at + 2 * i32(params.width) + 0)) >> 2u], line2 && in0);
    let p2_4 = select(vec4f(), x[(u32(at + 2 * i32(params.width) + 4)) >> 2u], line2 && in4);
    let p2_8 = select(vec4f(), x[(u32(at + 2 * i32(params.width) + 8)) >> 2u], line2 && in8);
    s0_0 += v6 * p2_0.w;
    s0_0 += v7 * p2_4.x;
    s0_0 += v8 * p2_4.y;
    s0_1 += v6 * p2_4.x;
    s0_1 += v7 * p2_4.y;
    s0_1 += v8 * p2_4.z;
    s0_2 += v6 * p2_4.y;
    s0_2 += v7 * p2_4.z;
    s0_2 += v8 * p2_4.w;
    s0_3 += v6 * p2_4.z;
    s0_3 += v7 * p2_4.w;
    s0_3 += v8 * p2_8.x;
    s1_0 += v3 * p2_0.w;
    s1_0 += v4 * p2_4.x;
    s1_0 += v5 * p2_4.y;
    s1_1 += v3 * p2_4.x;
    s1_1 += v4 * p2_4.y;
    s1_1 += v5 * p2_4.z;
    s1_2 += v3 * p2_4.y;
    s1_2 += v4 * p2_4.z;
    s1_2 += v5 * p2_4.w;
    s1_3 += v3 * p2_4.z;
    s1_3 += v4 * p2_4.w;
    s1_3 += v5 * p2_8.x;
    let line3 = u32(y0 + 3) < params.height;
    let p3_0 = select(vec4f(), x[(u32(at + 3 * i32(params.width) + 0)) >> 2u], line3 && in0);
    let p3_4 = select(vec4f(), x[(u32(at + 3 * i32(params.width) + 4)) >> 2u], line3 && in4);
    let p3_8 = select(vec4f(), x[(u32(at + 3 * i32(params.width) + 8)) >> 2u], line3 && in8);
    s1_0 += v6 * p3_0.w;
    s1_0 += v7 * p3_4.x;
    s1_0 += v8 * p3_4.y;
    s1_1 += v6 * p3_4.x;
    s1_1 += v7 * p3_4.y;
    s1_1 += v8 * p3_4.z;
    s1_2 += v6 * p3_4.y;
    s1_2 += v7 * p3_4.z;
    s1_2 += v8 * p3_4.w;
    s1_3 += v6 * p3_4.z;
    s1_3 += v7 * p3_4.w;
    s1_3 += v8 * p3_8.x;
    at += plane;
    tap += params.weightChannel;
  }
  if (position >= params.positions) {
    return;
  }
  let channel = group * params.rows + row;
  let oy = lineBlock * 2u;
  let ox = block * 4u;
  let to = ((n * params.groups * params.rows + channel) * params.outHeight + oy) * params.outWidth + ox;
  if (oy + 0u < params.outHeight) {
    if (ox + 0u < params.outWidth) {
      put(to + 0u * params.outWidth + 0u, vec4f(s0_0, s0_1, s0_2, s0_3));
    }
  }
  if (oy + 1u < params.outHeight) {
    if (ox + 0u < params.outWidth) {
      put(to + 1u * params.outWidth + 0u, vec4f(s1_0, s1_1, s1_2, s1_3));
    }
  }
}

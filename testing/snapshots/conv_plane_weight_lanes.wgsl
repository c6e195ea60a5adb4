// dw[r, c, tap] = Σ_n Σ_o dy[n, r, o] · x[n, c, i(o, tap)]
// A workgroup of 8 lanes works on one pair of channels; a lane takes 2 × 4 places of dy at once. No barrier.
struct Params {
  groups: u32,
  rows: u32,
  channels: u32,
  chunks: u32,
  patches: u32,
  blocks: u32,
  lineBlocks: u32,
  height: u32,
  width: u32,
  outHeight: u32,
  outWidth: u32,
  hopY: i32,
  hopX: i32,
  startY: i32,
  startX: i32,
  sliceSize: u32,
  sumsAt: u32,
}
fn workgroup_index(id: vec3u, count: vec3u) -> u32 {
  return (id.z * count.y + id.y) * count.x + id.x;
}
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
fn put(at: u32, x: f32) {
  y[at] = x;
}
@group(0) @binding(32) var<uniform> params: Params;
@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) lane: u32) {
  var rest = workgroup_index(id, count);
  let chunk = rest % params.chunks;
  rest = rest / params.chunks;
  let channel = rest % params.channels;
  rest = rest / params.channels;
  let row = rest % params.rows;
  let group = rest / params.rows;
  if (group >= params.groups) {
    return;
  }
  let plane = params.height * params.width;
  let area = params.outHeight * params.outWidth;
  var s0 = 0.0;
  var s1 = 0.0;
  var s2 = 0.0;
  var s3 = 0.0;
  var s4 = 0.0;
  var s5 = 0.0;
  var s6 = 0.0;
  var s7 = 0.0;
  var s8 = 0.0;
  for (var place = chunk * 8u + lane; place < params.patches; place += params.chunks * 8u) {
    let block = place % params.blocks;
    let lineBlock = place / params.blocks % params.lineBlocks;
    let n = place / (params.blocks * params.lineBlocks);
    let y0 = i32(lineBlock) * params.hopY + params.startY;
    let x0 = i32(block) * params.hopX + params.startX;
    let in0 = u32(x0 + 0) < params.width;
    let in4 = u32(x0 + 4) < params.width;
    let in8 = u32(x0 + 8) < params.width;
    let at = i32(((n * params.groups + group) * params.channels + channel) * plane) + y0 * i32(params.width) + x0;
    let oy = lineBlock * 2u;
    let ox = block * 4u;
    let to = ((n * params.groups + group) * params.rows + row) * area + oy * params.outWidth + ox;
    let used0 = oy + 0u < params.outHeight;
    let d0_0 = select(vec4f(), dy[(to + 0u * params.outWidth + 0u) >> 2u], used0 && ox + 0u < params.outWidth);
    let used1 = oy + 1u < params.outHeight;
    let d1_0 = select(vec4f(), dy[(to + 1u * params.outWidth + 0u) >> 2u], used1 && ox + 0u < params.outWidth);
    let line0 = u32(y0 + 0) < params.height;
    let p0_0 = select(vec4f(), x[(u32(at + 0 * i32(params.width) + 0)) >> 2u], line0 && in0);
    let p0_4 = select(vec4f(), x[(u32(at + 0 * i32(params.width) + 4)) >> 2u], line0 && in4);
    let p0_8 = select(vec4f(), x[(u32(at + 0 * i32(params.width) + 8)) >> 2u], line0 && in8);
    s0 += d0_0.x * p0_0.w;
    s0 += d0_0.y * p0_4.x;
    s0 += d0_0.z * p0_4.y;
    s0 += d0_0.w * p0_4.z;
    s1 += d0_0.x * p0_4.x;
    s1 += d0_0.y * p0_4.y;
    s1 += d0_0.z * p0_4.z;
    s1 += d0_0.w * p0_4.w;
    s2 += d0_0.x * p0_4.y;
    s2 += d0_0.y * p0_4.z;
    s2 += d0_0.z * p0_4.w;
    s2 += d0_0.w * p0_8.x;
    let line1 = u32(y0 + 1) < params.height;
    let p1_0 = select(vec4f(), x[(u32(at + 1 * i32(params.width) + 0)) >> 2u], line1 && in0);
    let p1_4 = select(vec4f(), x[(u32(at + 1 * i32(params.width) + 4)) >> 2u], line1 && in4);
    let p1_8 = select(vec4f(), x[(u32(at + 1 * i32(params.width) + 8)) >> 2u], line1 && in8);
    s0 += d1_0.x * p1_0.w;
    s0 += d1_0.y * p1_4.x;
    s0 += d1_0.z * p1_4.y;
    s0 += d1_0.w * p1_4.z;
    s1 += d1_0.x * p1_4.x;
    s1 += d1_0.y * p1_4.y;
    s1 += d1_0.z * p1_4.z;
    s1 += d1_0.w * p1_4.w;
    s2 += d1_0.x * p1_4.y;
    s2 += d1_0.y * p1_4.z;
    s2 += d1_0.z * p1_4.w;
    s2 += d1_0.w * p1_8.x;
    s3 += d0_0.x * p1_0.w;
    s3 += d0_0.y * p1_4.x;
    s3 += d0_0.z * p1_4.y;
    s3 += d0_0.w * p1_4.z;
    s4 += d0_0.x * p1_4.x;
    s4 += d0_0.y * p1_4.y;
    s4 += d0_0.z * p1_4.z;
    s4 += d0_0.w * p1_4.w;
    s5 += d0_0.x * p1_4.y;
    s5 += d0_0.y * p1_4.z;
    s5 += d0_0.z * p1_4.w;
    s5 += d0_0.w * p1_8.x;
    let line2 = u32(y0 + 2) < params.height;
    let p2_0 = select(vec4f(), x[(u32(at + 2 * i32(params.width) + 0)) >> 2u], line2 && in0);
    let p2_4 = select(vec4f(), x[(u32(at + 2 * i32(params.width) + 4)) >> 2u], line2 && in4);
    let p2_8 = select(vec4f(), x[(u32(at + 2 * i32(params.width) + 8)) >> 2u], line2 && in8);
    s3 += d1_0.x * p2_0.w;
    s3 += d1_0.y * p2_4.x;
    s3 += d1_0.z * p2_4.y;
    s3 += d1_0.w * p2_4.z;
    s4 += d1_0.x * p2_4.x;
    s4 += d1_0.y * p2_4.y;
    s4 += d1_0.z * p2_4.z;
    s4 += d1_0.w * p2_4.w;
    s5 += d1_0.x * p2_4.y;
    s5 += d1_0.y * p2_4.z;
    s5 += d1_0.z * p2_4.w;
    s5 += d1_0.w * p2_8.x;
    s6 += d0_0.x * p2_0.w;
    s6 += d0_0.y * p2_4.x;
    s6 += d0_0.z * p2_4.y;
    s6 += d0_0.w * p2_4.z;
    s7 += d0_0.x * p2_4.x;
    s7 += d0_0.y * p2_4.y;
    s7 += d0_0.z * p2_4.z;
    s7 += d0_0.w * p2_4.w;
    s8 += d0_0.x * p2_4.y;
    s8 += d0_0.y * p2_4.z;
    s8 += d0_0.z * p2_4.w;
    s8 += d0_0.w * p2_8.x;
    let line3 = u32(y0 + 3) < params.height;
    let p3_0 = select(vec4f(), x[(u32(at + 3 * i32(params.width) + 0)) >> 2u], line3 && in0);
    let p3_4 = select(vec4f(), x[(u32(at + 3 * i32(params.width) + 4)) >> 2u], line3 && in4);
    let p3_8 = select(vec4f(), x[(u32(at + 3 * i32(params.width) + 8)) >> 2u], line3 && in8);
    s6 += d1_0.x * p3_0.w;
    s6 += d1_0.y * p3_4.x;
    s6 += d1_0.z * p3_4.y;
    s6 += d1_0.w * p3_4.z;
    s7 += d1_0.x * p3_4.x;
    s7 += d1_0.y * p3_4.y;
    s7 += d1_0.z * p3_4.z;
    s7 += d1_0.w * p3_4.w;
    s8 += d1_0.x * p3_4.y;
    s8 += d1_0.y * p3_4.z;
    s8 += d1_0.z * p3_4.w;
    s8 += d1_0.w * p3_8.x;
  }
  let slice = (chunk * 8u + lane) * params.sliceSize;
  let first = slice + ((group * params.rows + row) * params.channels + channel) * 9u;
  put(first + 0u, s0);
  put(first + 1u, s1);
  put(first + 2u, s2);
  put(first + 3u, s3);
  put(first + 4u, s4);
  put(first + 5u, s5);
  put(first + 6u, s6);
  put(first + 7u, s7);
  put(first + 8u, s8);
}

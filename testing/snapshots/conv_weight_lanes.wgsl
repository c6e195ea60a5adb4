// dw[r, c, tap] = Σ_n Σ_o dy[n, r, o] · x[n, c, o·stride + tap·dilation − padding]
// A workgroup of 8 lanes makes 4 channels; a lane makes 3 taps of a line of the kernel. No barrier, no workgroup memory.
enable subgroups;
struct Params {
  rowTiles: u32,
  columnTiles: u32,
  groups: u32,
  slices: u32,
  slice: u32,
  lines: u32,
  blocks: u32,
  columns: u32,
  rows: u32,
  channels: u32,
  depth: u32,
  height: u32,
  width: u32,
  outDepth: u32,
  outHeight: u32,
  outWidth: u32,
  kernelDepth: u32,
  kernelHeight: u32,
  kernelWidth: u32,
  stepZ: i32,
  stepY: i32,
  stepX: i32,
  spacingZ: i32,
  spacingY: i32,
  spacingX: i32,
  startZ: i32,
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
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
fn put_sum(at: u32, x: f32) {
  sums[at] = x;
}
fn put(at: u32, x: f32) {
  y[at] = x;
}
@group(0) @binding(32) var<uniform> params: Params;
@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) lane: u32) {
  var rest = workgroup_index(id, count);
  let row = rest % params.rowTiles * 4u;
  rest = rest / params.rowTiles;
  let firstColumn = rest % params.columnTiles * 8u;
  let column = firstColumn + lane;
  rest = rest / params.columnTiles;
  let group = rest % params.groups;
  let slice = rest / params.groups;
  if (slice >= params.slices) {
    return;
  }
  let place = min(column, params.columns - 1u);
  let tap = place % params.blocks * 3u;
  let taps = place / params.blocks;
  let ky = i32(taps % params.kernelHeight);
  let channel = taps / params.kernelHeight;
  let plane = params.depth * params.height * params.width;
  let area = params.outDepth * params.outHeight * params.outWidth;
  let shift = params.startX + i32(tap) * params.spacingX;
  let d0_base = (group * params.rows + min(row + 0u + lane, params.rows - 1u)) * area;
  var t0 = 0.0;
  var s0_0 = 0.0;
  var s0_1 = 0.0;
  var s0_2 = 0.0;
  var s1_0 = 0.0;
  var s1_1 = 0.0;
  var s1_2 = 0.0;
  var s2_0 = 0.0;
  var s2_1 = 0.0;
  var s2_2 = 0.0;
  var s3_0 = 0.0;
  var s3_1 = 0.0;
  var s3_2 = 0.0;
  let end = min((slice + 1u) * params.slice, params.lines);
  for (var line = slice * params.slice; line < end; line++) {
    let oy = line % params.outHeight;
    let iy = i32(oy) * params.stepY + ky * params.spacingY + params.startY;
    let n = line / params.outHeight;
    let inside = u32(iy) < params.height;
    let lineX = iy * i32(params.width);
    let lineY = oy * params.outWidth;
    let origin = i32(((n * params.groups + group) * params.channels + channel) * plane) + lineX + shift;
    let base = n * params.groups * params.rows * area + lineY;
    for (var ox = 0u; ox < params.outWidth; ox += 4u) {
      let d0_0 = dy[(base + d0_base + ox + 0u) >> 2u];
      t0 += dot(d0_0, vec4f(1.0));
      let left = i32(ox) * params.stepX + shift;
      let at = origin + i32(ox) * params.stepX;
      let x0 = select(vec4f(), x[(u32(at + 0)) >> 2u], inside && u32(left + 0) < params.width);
      let x4 = select(vec4f(), x[(u32(at + 4)) >> 2u], inside && u32(left + 4) < params.width);
      let x8 = select(vec4f(), x[(u32(at + 8)) >> 2u], inside && u32(left + 8) < params.width);
      let v0_0 = subgroupBroadcast(d0_0.x, 0u);
      let v0_1 = subgroupBroadcast(d0_0.y, 0u);
      let v0_2 = subgroupBroadcast(d0_0.z, 0u);
      let v0_3 = subgroupBroadcast(d0_0.w, 0u);
      s0_0 += v0_0 * x0.w;
      s0_0 += v0_1 * x4.x;
      s0_0 += v0_2 * x4.y;
      s0_0 += v0_3 * x4.z;
      s0_1 += v0_0 * x4.x;
      s0_1 += v0_1 * x4.y;
      s0_1 += v0_2 * x4.z;
      s0_1 += v0_3 * x4.w;
      s0_2 += v0_0 * x4.y;
      s0_2 += v0_1 * x4.z;
      s0_2 += v0_2 * x4.w;
      s0_2 += v0_3 * x8.x;
      let v1_0 = subgroupBroadcast(d0_0.x, 1u);
      let v1_1 = subgroupBroadcast(d0_0.y, 1u);
      let v1_2 = subgroupBroadcast(d0_0.z, 1u);
      let v1_3 = subgroupBroadcast(d0_0.w, 1u);
      s1_0 += v1_0 * x0.w;
      s1_0 += v1_1 * x4.x;
      s1_0 += v1_2 * x4.y;
      s1_0 += v1_3 * x4.z;
      s1_1 += v1_0 * x4.x;
      s1_1 += v1_1 * x4.y;
      s1_1 += v1_2 * x4.z;
      s1_1 += v1_3 * x4.w;
      s1_2 += v1_0 * x4.y;
      s1_2 += v1_1 * x4.z;
      s1_2 += v1_2 * x4.w;
      s1_2 += v1_3 * x8.x;
      let v2_0 = subgroupBroadcast(d0_0.x, 2u);
      let v2_1 = subgroupBroadcast(d0_0.y, 2u);
      let v2_2 = subgroupBroadcast(d0_0.z, 2u);
      let v2_3 = subgroupBroadcast(d0_0.w, 2u);
      s2_0 += v2_0 * x0.w;
      s2_0 += v2_1 * x4.x;
      s2_0 += v2_2 * x4.y;
      s2_0 += v2_3 * x4.z;
      s2_1 += v2_0 * x4.x;
      s2_1 += v2_1 * x4.y;
      s2_1 += v2_2 * x4.z;
      s2_1 += v2_3 * x4.w;
      s2_2 += v2_0 * x4.y;
      s2_2 += v2_1 * x4.z;
      s2_2 += v2_2 * x4.w;
      s2_2 += v2_3 * x8.x;
      let v3_0 = subgroupBroadcast(d0_0.x, 3u);
      let v3_1 = subgroupBroadcast(d0_0.y, 3u);
      let v3_2 = subgroupBroadcast(d0_0.z, 3u);
      let v3_3 = subgroupBroadcast(d0_0.w, 3u);
      s3_0 += v3_0 * x0.w;
      s3_0 += v3_1 * x4.x;
      s3_0 += v3_2 * x4.y;
      s3_0 += v3_3 * x4.z;
      s3_1 += v3_0 * x4.x;
      s3_1 += v3_1 * x4.y;
      s3_1 += v3_2 * x4.z;
      s3_1 += v3_3 * x4.w;
      s3_2 += v3_0 * x4.y;
      s3_2 += v3_1 * x4.z;
      s3_2 += v3_2 * x4.w;
      s3_2 += v3_3 * x8.x;
    }
  }
  if (firstColumn == 0u) {
    if (row + 0u + lane < params.rows) {
      put_sum(params.sumsAt + slice * params.sliceSize + group * params.rows + row + 0u + lane, t0);
    }
  }
  if (column >= params.columns) {
    return;
  }
  let line = params.columns / params.blocks * params.kernelWidth;
  let to = slice * params.sliceSize + group * params.rows * line + taps * params.kernelWidth + tap;
  var y0: array<f32, 4>;
  y0[0u] = s0_0;
  y0[1u] = s1_0;
  y0[2u] = s2_0;
  y0[3u] = s3_0;
  var y1: array<f32, 4>;
  y1[0u] = s0_1;
  y1[1u] = s1_1;
  y1[2u] = s2_1;
  y1[3u] = s3_1;
  var y2: array<f32, 4>;
  y2[0u] = s0_2;
  y2[1u] = s1_2;
  y2[2u] = s2_2;
  y2[3u] = s3_2;
  for (var r = row; r < min(row + 4u, params.rows); r++) {
    if (tap + 0u < params.kernelWidth) {
      put(to + r * line + 0u, y0[r - row]);
    }
    if (tap + 1u < params.kernelWidth) {
      put(to + r * line + 1u, y1[r - row]);
    }
    if (tap + 2u < params.kernelWidth) {
      put(to + r * line + 2u, y2[r - row]);
    }
  }
}

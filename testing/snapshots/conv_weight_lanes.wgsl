// dw[r, c, ky, kx] = Σ_n Σ_oy Σ_ox dy[n, r, oy, ox] · x[n, c, oy·strideY + ky·dilationY − padTop, ox·strideX + kx·dilationX − padLeft]
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
  height: u32,
  width: u32,
  outHeight: u32,
  outWidth: u32,
  kernelHeight: u32,
  kernelWidth: u32,
  stepY: i32,
  stepX: i32,
  spacingY: i32,
  spacingX: i32,
  startY: i32,
  startX: i32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;
// The number of a workgroup when a long row of them is folded over x, y and z.
fn workgroup_index(id: vec3u, count: vec3u) -> u32 {
  return (id.z * count.y + id.y) * count.x + id.x;
}
@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) lane: u32) {
  var rest = workgroup_index(id, count);
  let row = rest % params.rowTiles * 4u;
  rest = rest / params.rowTiles;
  let column = rest % params.columnTiles * 8u + lane;
  rest = rest / params.columnTiles;
  let group = rest % params.groups;
  let slice = rest / params.groups;
  if (slice >= params.slices) {
    return;
  }
  let place = min(column, params.columns - 1u);
  let tap = place % params.blocks * 3u;
  let ky = place / params.blocks % params.kernelHeight;
  let channel = place / (params.blocks * params.kernelHeight);
  let plane = params.height * params.width;
  let area = params.outHeight * params.outWidth;
  let shift = params.startX + i32(tap) * params.spacingX;
  let d0_at = (group * params.rows + min(row + 0u + lane, params.rows - 1u)) * area;
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
    let n = line / params.outHeight;
    let oy = line % params.outHeight;
    let iy = i32(oy) * params.stepY + i32(ky) * params.spacingY + params.startY;
    let inside = u32(iy) < params.height;
    let first = i32(((n * params.groups + group) * params.channels + channel) * plane) + iy * i32(params.width) + shift;
    let base = n * params.groups * params.rows * area + oy * params.outWidth;
    let whole = params.outWidth / 4u * 4u;
    for (var ox = 0u; ox < whole; ox += 4u) {
      let d0_0 = dy[base + d0_at + ox + 0u];
      let d0_1 = dy[base + d0_at + ox + 1u];
      let d0_2 = dy[base + d0_at + ox + 2u];
      let d0_3 = dy[base + d0_at + ox + 3u];
      let left = i32(ox) * params.stepX + shift;
      let at = first + i32(ox) * params.stepX;
      let x0 = select(0.0, x[u32(at + 0)], inside && u32(left + 0) < params.width);
      let x1 = select(0.0, x[u32(at + 1)], inside && u32(left + 1) < params.width);
      let x2 = select(0.0, x[u32(at + 2)], inside && u32(left + 2) < params.width);
      let x3 = select(0.0, x[u32(at + 3)], inside && u32(left + 3) < params.width);
      let x4 = select(0.0, x[u32(at + 4)], inside && u32(left + 4) < params.width);
      let x5 = select(0.0, x[u32(at + 5)], inside && u32(left + 5) < params.width);
      let x6 = select(0.0, x[u32(at + 6)], inside && u32(left + 6) < params.width);
      let x7 = select(0.0, x[u32(at + 7)], inside && u32(left + 7) < params.width);
      let v0_0 = subgroupBroadcast(d0_0, 0u);
      s0_0 += v0_0 * x0;
      s0_1 += v0_0 * x2;
      s0_2 += v0_0 * x4;
      let v0_1 = subgroupBroadcast(d0_1, 0u);
      s0_0 += v0_1 * x1;
      s0_1 += v0_1 * x3;
      s0_2 += v0_1 * x5;
      let v0_2 = subgroupBroadcast(d0_2, 0u);
      s0_0 += v0_2 * x2;
      s0_1 += v0_2 * x4;
      s0_2 += v0_2 * x6;
      let v0_3 = subgroupBroadcast(d0_3, 0u);
      s0_0 += v0_3 * x3;
      s0_1 += v0_3 * x5;
      s0_2 += v0_3 * x7;
      let v1_0 = subgroupBroadcast(d0_0, 1u);
      s1_0 += v1_0 * x0;
      s1_1 += v1_0 * x2;
      s1_2 += v1_0 * x4;
      let v1_1 = subgroupBroadcast(d0_1, 1u);
      s1_0 += v1_1 * x1;
      s1_1 += v1_1 * x3;
      s1_2 += v1_1 * x5;
      let v1_2 = subgroupBroadcast(d0_2, 1u);
      s1_0 += v1_2 * x2;
      s1_1 += v1_2 * x4;
      s1_2 += v1_2 * x6;
      let v1_3 = subgroupBroadcast(d0_3, 1u);
      s1_0 += v1_3 * x3;
      s1_1 += v1_3 * x5;
      s1_2 += v1_3 * x7;
      let v2_0 = subgroupBroadcast(d0_0, 2u);
      s2_0 += v2_0 * x0;
      s2_1 += v2_0 * x2;
      s2_2 += v2_0 * x4;
      let v2_1 = subgroupBroadcast(d0_1, 2u);
      s2_0 += v2_1 * x1;
      s2_1 += v2_1 * x3;
      s2_2 += v2_1 * x5;
      let v2_2 = subgroupBroadcast(d0_2, 2u);
      s2_0 += v2_2 * x2;
      s2_1 += v2_2 * x4;
      s2_2 += v2_2 * x6;
      let v2_3 = subgroupBroadcast(d0_3, 2u);
      s2_0 += v2_3 * x3;
      s2_1 += v2_3 * x5;
      s2_2 += v2_3 * x7;
      let v3_0 = subgroupBroadcast(d0_0, 3u);
      s3_0 += v3_0 * x0;
      s3_1 += v3_0 * x2;
      s3_2 += v3_0 * x4;
      let v3_1 = subgroupBroadcast(d0_1, 3u);
      s3_0 += v3_1 * x1;
      s3_1 += v3_1 * x3;
      s3_2 += v3_1 * x5;
      let v3_2 = subgroupBroadcast(d0_2, 3u);
      s3_0 += v3_2 * x2;
      s3_1 += v3_2 * x4;
      s3_2 += v3_2 * x6;
      let v3_3 = subgroupBroadcast(d0_3, 3u);
      s3_0 += v3_3 * x3;
      s3_1 += v3_3 * x5;
      s3_2 += v3_3 * x7;
    }
    for (var ox = whole; ox < params.outWidth; ox += 1u) {
      let d0_0 = dy[base + d0_at + ox + 0u];
      let left = i32(ox) * params.stepX + shift;
      let at = first + i32(ox) * params.stepX;
      let x0 = select(0.0, x[u32(at + 0)], inside && u32(left + 0) < params.width);
      let x2 = select(0.0, x[u32(at + 2)], inside && u32(left + 2) < params.width);
      let x4 = select(0.0, x[u32(at + 4)], inside && u32(left + 4) < params.width);
      let v0_0 = subgroupBroadcast(d0_0, 0u);
      s0_0 += v0_0 * x0;
      s0_1 += v0_0 * x2;
      s0_2 += v0_0 * x4;
      let v1_0 = subgroupBroadcast(d0_0, 1u);
      s1_0 += v1_0 * x0;
      s1_1 += v1_0 * x2;
      s1_2 += v1_0 * x4;
      let v2_0 = subgroupBroadcast(d0_0, 2u);
      s2_0 += v2_0 * x0;
      s2_1 += v2_0 * x2;
      s2_2 += v2_0 * x4;
      let v3_0 = subgroupBroadcast(d0_0, 3u);
      s3_0 += v3_0 * x0;
      s3_1 += v3_0 * x2;
      s3_2 += v3_0 * x4;
    }
  }
  if (column >= params.columns) {
    return;
  }
  let line = params.channels * params.kernelHeight * params.kernelWidth;
  let to = (slice * params.groups + group) * params.rows * line + (channel * params.kernelHeight + ky) * params.kernelWidth + tap;
  let to0 = to + min(row + 0u, params.rows - 1u) * line;
  let to1 = to + min(row + 1u, params.rows - 1u) * line;
  let to2 = to + min(row + 2u, params.rows - 1u) * line;
  let to3 = to + min(row + 3u, params.rows - 1u) * line;
  if (tap + 0u < params.kernelWidth) {
    dw[to0 + 0u] = s0_0;
    dw[to1 + 0u] = s1_0;
    dw[to2 + 0u] = s2_0;
    dw[to3 + 0u] = s3_0;
  }
  if (tap + 1u < params.kernelWidth) {
    dw[to0 + 1u] = s0_1;
    dw[to1 + 1u] = s1_1;
    dw[to2 + 1u] = s2_1;
    dw[to3 + 1u] = s3_1;
  }
  if (tap + 2u < params.kernelWidth) {
    dw[to0 + 2u] = s0_2;
    dw[to1 + 2u] = s1_2;
    dw[to2 + 2u] = s2_2;
    dw[to3 + 2u] = s3_2;
  }
}

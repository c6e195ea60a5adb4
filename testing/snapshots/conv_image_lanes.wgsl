// y[n, r, oy, ox] = Σ_c Σ_ky Σ_kx w[r, c, ky, kx] · x[n, c, iy(oy, ky), ix(ox, kx)]
// A workgroup of 8 lanes makes 2 channels; a lane makes 4 columns of a line. No barrier, no workgroup memory.
enable subgroups;
struct Params {
  rowTiles: u32,
  columnTiles: u32,
  groups: u32,
  positions: u32,
  blocks: u32,
  gridHeight: u32,
  rows: u32,
  channels: u32,
  height: u32,
  width: u32,
  outHeight: u32,
  outWidth: u32,
  kernelHeight: u32,
  kernelWidth: u32,
  weightRow: u32,
  weightChannel: u32,
  weightGroup: u32,
  phasesY: u32,
  phasesX: u32,
  stepY: i32,
  stepX: i32,
  spacingY: i32,
  spacingX: i32,
  startY: i32,
  startX: i32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;
// The number of a workgroup when a long row of them is folded over x, y and z.
fn workgroup_index(id: vec3u, count: vec3u) -> u32 {
  return (id.z * count.y + id.y) * count.x + id.x;
}
@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) lane: u32) {
  var rest = workgroup_index(id, count);
  let row = rest % params.rowTiles * 2u;
  rest = rest / params.rowTiles;
  let position = rest % params.columnTiles * 8u + lane;
  rest = rest / params.columnTiles;
  let group = rest % params.groups;
  let phase = rest / params.groups;
  if (phase >= params.phasesY * params.phasesX) {
    return;
  }
  let place = min(position, params.positions - 1u);
  let ox = i32(place % params.blocks) * 4;
  let line = place / params.blocks;
  let oy = i32(line % params.gridHeight);
  let n = line / params.gridHeight;
  let y0 = oy * params.stepY + params.startY;
  let x0 = ox * params.stepX + params.startX;
  let plane = params.height * params.width;
  let source = (n * params.groups + group) * params.channels * plane;
  let w0_at = group * params.weightGroup + min(row + 0u + lane, params.rows - 1u) * params.weightRow;
  let in0 = u32(x0 + 0) < params.width;
  let in1 = u32(x0 + 1) < params.width;
  let in2 = u32(x0 + 2) < params.width;
  let in3 = u32(x0 + 3) < params.width;
  let in4 = u32(x0 + 4) < params.width;
  let in5 = u32(x0 + 5) < params.width;
  let in6 = u32(x0 + 6) < params.width;
  let in7 = u32(x0 + 7) < params.width;
  let in8 = u32(x0 + 8) < params.width;
  var s0_0 = 0.0;
  var s0_1 = 0.0;
  var s0_2 = 0.0;
  var s0_3 = 0.0;
  var s1_0 = 0.0;
  var s1_1 = 0.0;
  var s1_2 = 0.0;
  var s1_3 = 0.0;
  for (var c = 0u; c < params.channels; c++) {
    let image = i32(source + c * plane);
    for (var ky = 0u; ky < params.kernelHeight; ky++) {
      let iy = y0 + i32(ky) * params.spacingY;
      let inside = u32(iy) < params.height;
      let first = image + iy * i32(params.width) + x0;
      let tap = c * params.weightChannel + ky * params.kernelWidth;
      let x0 = select(0.0, x[u32(first + 0)], inside && in0);
      let x1 = select(0.0, x[u32(first + 1)], inside && in1);
      let x2 = select(0.0, x[u32(first + 2)], inside && in2);
      let x3 = select(0.0, x[u32(first + 3)], inside && in3);
      let x4 = select(0.0, x[u32(first + 4)], inside && in4);
      let x5 = select(0.0, x[u32(first + 5)], inside && in5);
      let x6 = select(0.0, x[u32(first + 6)], inside && in6);
      let x7 = select(0.0, x[u32(first + 7)], inside && in7);
      let x8 = select(0.0, x[u32(first + 8)], inside && in8);
      let w0_0 = w[w0_at + tap + 0u];
      let v0_0 = subgroupBroadcast(w0_0, 0u);
      s0_0 += v0_0 * x0;
      s0_1 += v0_0 * x2;
      s0_2 += v0_0 * x4;
      s0_3 += v0_0 * x6;
      let v1_0 = subgroupBroadcast(w0_0, 1u);
      s1_0 += v1_0 * x0;
      s1_1 += v1_0 * x2;
      s1_2 += v1_0 * x4;
      s1_3 += v1_0 * x6;
      let w0_1 = w[w0_at + tap + 1u];
      let v0_1 = subgroupBroadcast(w0_1, 0u);
      s0_0 += v0_1 * x1;
      s0_1 += v0_1 * x3;
      s0_2 += v0_1 * x5;
      s0_3 += v0_1 * x7;
      let v1_1 = subgroupBroadcast(w0_1, 1u);
      s1_0 += v1_1 * x1;
      s1_1 += v1_1 * x3;
      s1_2 += v1_1 * x5;
      s1_3 += v1_1 * x7;
      let w0_2 = w[w0_at + tap + 2u];
      let v0_2 = subgroupBroadcast(w0_2, 0u);
      s0_0 += v0_2 * x2;
      s0_1 += v0_2 * x4;
      s0_2 += v0_2 * x6;
      s0_3 += v0_2 * x8;
      let v1_2 = subgroupBroadcast(w0_2, 1u);
      s1_0 += v1_2 * x2;
      s1_1 += v1_2 * x4;
      s1_2 += v1_2 * x6;
      s1_3 += v1_2 * x8;
    }
  }
  if (position >= params.positions) {
    return;
  }
  let toY = oy;
  let toX = ox;
  let area = params.outHeight * params.outWidth;
  let image = (n * params.groups + group) * params.rows * area + u32(toY) * params.outWidth + u32(toX);
  let left = i32(params.outWidth) - toX;
  let to0 = image + min(row + 0u, params.rows - 1u) * area;
  let to1 = image + min(row + 1u, params.rows - 1u) * area;
  if (0 < left) {
    y[(to0 + 0u) >> 2u] = vec4f(s0_0, s0_1, s0_2, s0_3);
    y[(to1 + 0u) >> 2u] = vec4f(s1_0, s1_1, s1_2, s1_3);
  }
}

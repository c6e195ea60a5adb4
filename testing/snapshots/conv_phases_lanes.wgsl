// y[n, r, oy, ox] = Σ_c Σ_ky Σ_kx w[r, c, ky, kx] · x[n, c, iy(oy, ky), ix(ox, kx)]
// A workgroup of 8 lanes makes 2 channels; a lane makes 2 columns of a line. No barrier, no workgroup memory.
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
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
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
  let ox = i32(place % params.blocks) * 2;
  let line = place / params.blocks;
  let oy = i32(line % params.gridHeight);
  let n = line / params.gridHeight;
  let phaseY = i32(phase / params.phasesX);
  let phaseX = i32(phase % params.phasesX);
  let y0 = oy;
  let x0 = ox;
  let plane = params.height * params.width;
  let source = (n * params.groups + group) * params.channels * plane;
  let w0_at = group * params.weightGroup + min(row + 0u, params.rows - 1u) * params.weightRow;
  let w1_at = group * params.weightGroup + min(row + 1u, params.rows - 1u) * params.weightRow;
  var s0_0 = 0.0;
  var s0_1 = 0.0;
  var s1_0 = 0.0;
  var s1_1 = 0.0;
  for (var c = 0u; c < params.channels; c++) {
    let image = i32(source + c * plane);
    for (var ky = 0u; ky < params.kernelHeight; ky++) {
      let reach = phaseY + params.startY - i32(ky) * params.spacingY;
      let hit = reach / params.stepY;
      if (hit * params.stepY != reach) {
        continue;
      }
      let iy = y0 + hit;
      let inside = u32(iy) < params.height;
      let first = image + iy * i32(params.width) + x0;
      let tap = c * params.weightChannel + ky * params.kernelWidth;
      for (var kx = 0u; kx < params.kernelWidth; kx++) {
        let reachX = phaseX + params.startX - i32(kx) * params.spacingX;
        let hitX = reachX / params.stepX;
        if (hitX * params.stepX != reachX) {
          continue;
        }
        let shift = hitX;
        let x_0 = select(0.0, x[u32(first + shift + 0)], inside && u32(x0 + shift + 0) < params.width);
        let x_1 = select(0.0, x[u32(first + shift + 1)], inside && u32(x0 + shift + 1) < params.width);
        let w0 = w[w0_at + tap + kx];
        let w1 = w[w1_at + tap + kx];
        let v0 = w0;
        s0_0 += v0 * x_0;
        s0_1 += v0 * x_1;
        let v1 = w1;
        s1_0 += v1 * x_0;
        s1_1 += v1 * x_1;
      }
    }
  }
  if (position >= params.positions) {
    return;
  }
  let toY = oy * i32(params.phasesY) + phaseY;
  let toX = ox * i32(params.phasesX) + phaseX;
  if (toY >= i32(params.outHeight)) {
    return;
  }
  let area = params.outHeight * params.outWidth;
  let image = (n * params.groups + group) * params.rows * area + u32(toY) * params.outWidth + u32(toX);
  let left = i32(params.outWidth) - toX;
  let to0 = image + min(row + 0u, params.rows - 1u) * area;
  let to1 = image + min(row + 1u, params.rows - 1u) * area;
  if (0 * i32(params.phasesX) < left) {
    y[to0 + u32(0 * i32(params.phasesX))] = s0_0;
    y[to1 + u32(0 * i32(params.phasesX))] = s1_0;
  }
  if (1 * i32(params.phasesX) < left) {
    y[to0 + u32(1 * i32(params.phasesX))] = s0_1;
    y[to1 + u32(1 * i32(params.phasesX))] = s1_1;
  }
}

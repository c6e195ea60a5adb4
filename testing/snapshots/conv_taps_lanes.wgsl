// y[n, r, o] = Σ_tap Σ_c w[r, c, tap] · x[n, c, i(o, tap)]
// A workgroup of 8 lanes makes 2 channels; a lane makes 1 columns of a line. No barrier, no workgroup memory.
enable subgroups;
struct Params {
  rowTiles: u32,
  columnTiles: u32,
  groups: u32,
  positions: u32,
  blocks: u32,
  gridDepth: u32,
  gridHeight: u32,
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
  weightRow: u32,
  weightChannel: u32,
  weightGroup: u32,
  phasesZ: u32,
  phasesY: u32,
  hop: i32,
  stepZ: i32,
  stepY: i32,
  stepX: i32,
  spacingZ: i32,
  spacingY: i32,
  spacingX: i32,
  startZ: i32,
  startY: i32,
  startX: i32,
  everyZ: i32,
  everyY: i32,
  everyX: i32,
  sliceSize: u32,
  sumsAt: u32,
}
fn workgroup_index(id: vec3u, count: vec3u) -> u32 {
  return (id.z * count.y + id.y) * count.x + id.x;
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
fn put(at: u32, x: f32) {
  y[at] = x;
}
@group(0) @binding(32) var<uniform> params: Params;
@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) lane: u32) {
  var rest = workgroup_index(id, count);
  let row = rest % params.rowTiles * 2u;
  rest = rest / params.rowTiles;
  let position = rest % params.columnTiles * 8u + lane;
  rest = rest / params.columnTiles;
  let group = rest % params.groups;
  let phase = rest / params.groups;
  if (phase >= params.phasesZ * params.phasesY) {
    return;
  }
  let place = min(position, params.positions - 1u);
  let block = place % params.blocks;
  let line = place / params.blocks;
  let ox = block * 1u;
  let x0 = i32(ox) * params.stepX + params.startX;
  let lineY = line % params.gridHeight;
  let phaseY = phase % params.phasesY;
  let oy = lineY * params.phasesY + phaseY;
  let sheet = line / params.gridHeight;
  let lineZ = sheet % params.gridDepth;
  let phaseZ = phase / params.phasesY;
  let oz = lineZ * params.phasesZ + phaseZ;
  let n = sheet / params.gridDepth;
  let plane = i32(params.depth * params.height * params.width);
  let source = i32((n * params.groups + group) * params.channels) * plane;
  let w0_base = group * params.weightGroup + min(row + 0u + lane, params.rows - 1u) * params.weightRow;
  var s0_0 = 0.0;
  var s1_0 = 0.0;
  for (var k = 0u; k < params.kernelDepth * params.kernelHeight; k++) {
    let reachZ = i32(phaseZ) + params.startZ + i32(k / params.kernelHeight) * params.spacingZ;
    let movedZ = reachZ / params.everyZ;
    if (movedZ * params.everyZ != reachZ) {
      continue;
    }
    let iz = i32(lineZ) + movedZ;
    let reachY = i32(phaseY) + params.startY + i32(k % params.kernelHeight) * params.spacingY;
    let movedY = reachY / params.everyY;
    if (movedY * params.everyY != reachY) {
      continue;
    }
    let iy = i32(lineY) + movedY;
    var at = source + (iz * i32(params.height) + iy) * i32(params.width);
    var tap = k * params.kernelWidth;
    let inside = u32(iy) < params.height && u32(iz) < params.depth;
    for (var c = 0u; c < params.channels; c++) {
      for (var kx = 0u; kx < params.kernelWidth; kx++) {
        let reach0 = x0 + 0 * params.stepX + i32(kx) * params.spacingX;
        let i0 = reach0 / params.everyX;
        let x_0 = select(0.0, x[u32(at + i0)], inside && u32(i0) < params.width && i0 * params.everyX == reach0);
        let w0 = w[w0_base + tap + kx];
        let v0 = subgroupBroadcast(w0, 0u);
        s0_0 += v0 * x_0;
        let v1 = subgroupBroadcast(w0, 1u);
        s1_0 += v1 * x_0;
      }
      at += plane;
      tap += params.weightChannel;
    }
  }
  if (position >= params.positions || oy >= params.outHeight || oz >= params.outDepth) {
    return;
  }
  let area = params.outDepth * params.outHeight * params.outWidth;
  let first = (oz * params.outHeight + oy) * params.outWidth + ox;
  var y0: array<f32, 2>;
  y0[0u] = s0_0;
  y0[1u] = s1_0;
  for (var r = row; r < min(row + 2u, params.rows); r++) {
    let channel = group * params.rows + r;
    let to = (n * params.groups * params.rows + channel) * area + first;
    if (ox + 0u < params.outWidth) {
      put(to + 0u, y0[r - row]);
    }
  }
}

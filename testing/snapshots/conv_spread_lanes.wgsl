// y[n, r, o] = Σ_tap Σ_c w[r, c, tap] · x[n, c, i(o, tap)]
// A workgroup of 8 lanes makes 1 channels; a lane makes 4 columns of a line. No barrier, no workgroup memory.
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
@group(0) @binding(2) var<storage, read_write> y: array<vec2<f32>>;
fn put(at: u32, x: vec2f) {
  y[at >> 1u] = x;
}
@group(0) @binding(32) var<uniform> params: Params;
@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) lane: u32) {
  var rest = workgroup_index(id, count);
  let row = rest % params.rowTiles * 1u;
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
  let ox = block * 4u;
  let x0 = i32(block) * params.hop + params.startX;
  let lineY = line % params.gridHeight;
  let phaseY = phase % params.phasesY;
  let oy = lineY * params.phasesY + phaseY;
  let n = line / params.gridHeight;
  let plane = i32(params.depth * params.height * params.width);
  let source = i32((n * params.groups + group) * params.channels) * plane;
  let w0_base = group * params.weightGroup + min(row + 0u, params.rows - 1u) * params.weightRow;
  let in0 = u32(x0 + 0) < params.width;
  let in1 = u32(x0 + 1) < params.width;
  let in2 = u32(x0 + 2) < params.width;
  var s0_0 = 0.0;
  var s0_1 = 0.0;
  var s0_2 = 0.0;
  var s0_3 = 0.0;
  for (var k = 0u; k < params.kernelHeight; k++) {
    let reachY = i32(phaseY) + params.startY + i32(k) * params.spacingY;
    let movedY = reachY / params.everyY;
    if (movedY * params.everyY != reachY) {
      continue;
    }
    let iy = i32(lineY) + movedY;
    var at = source + iy * i32(params.width);
    var tap = k * params.kernelWidth;
    let inside = u32(iy) < params.height;
    let here0 = inside && in0;
    let here1 = inside && in1;
    let here2 = inside && in2;
    for (var c = 0u; c < params.channels; c++) {
      let p0 = select(0.0, x[u32(at + x0 + 0)], here0);
      let p1 = select(0.0, x[u32(at + x0 + 1)], here1);
      let p2 = select(0.0, x[u32(at + x0 + 2)], here2);
      let w0_0 = w[w0_base + tap + 0u];
      let w0_1 = w[w0_base + tap + 1u];
      let w0_2 = w[w0_base + tap + 2u];
      let v0_0 = w0_0;
      let v0_1 = w0_1;
      let v0_2 = w0_2;
      s0_0 += v0_1 * p0;
      s0_1 += v0_0 * p1;
      s0_1 += v0_2 * p0;
      s0_2 += v0_1 * p1;
      s0_3 += v0_0 * p2;
      s0_3 += v0_2 * p1;
      at += plane;
      tap += params.weightChannel;
    }
  }
  if (position >= params.positions || oy >= params.outHeight) {
    return;
  }
  let area = params.outHeight * params.outWidth;
  let first = oy * params.outWidth + ox;
  var y0: array<vec2f, 1>;
  y0[0u] = vec2f(s0_0, s0_1);
  var y1: array<vec2f, 1>;
  y1[0u] = vec2f(s0_2, s0_3);
  for (var r = row; r < min(row + 1u, params.rows); r++) {
    let channel = group * params.rows + r;
    let to = (n * params.groups * params.rows + channel) * area + first;
    if (ox + 0u < params.outWidth) {
      put(to + 0u, y0[r - row]);
    }
    if (ox + 2u < params.outWidth) {
      put(to + 2u, y1[r - row]);
    }
  }
}

// y[n, r, o] = Σ_tap Σ_c w[r, c, tap] · x[n, c, i(o, tap)]
// A workgroup of 8 lanes makes 2 channels; a lane makes 4 columns of a line. No barrier, no workgroup memory.
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
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
fn put(at: u32, x: vec4f) {
  y[at >> 2u] = x;
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
  let ox = block * 4u;
  let x0 = i32(block) * params.hop + params.startX;
  let lineY = line % params.gridHeight;
  let phaseY = phase % params.phasesY;
  let oy = lineY * params.phasesY + phaseY;
  let n = line / params.gridHeight;
  let plane = i32(params.depth * params.height * params.width);
  let source = i32((n * params.groups + group) * params.channels) * plane;
  let w0_base = group * params.weightGroup + min(row + 0u + lane, params.rows - 1u) * params.weightRow;
  let in0 = u32(x0 + 0) < params.width;
  let in4 = u32(x0 + 4) < params.width;
  let in8 = u32(x0 + 8) < params.width;
  var s0_0 = 0.0;
  var s0_1 = 0.0;
  var s0_2 = 0.0;
  var s0_3 = 0.0;
  var s1_0 = 0.0;
  var s1_1 = 0.0;
  var s1_2 = 0.0;
  var s1_3 = 0.0;
  for (var k = 0u; k < params.kernelHeight; k++) {
    let iy = i32(oy) * params.stepY + params.startY + i32(k) * params.spacingY;
    var at = source + iy * i32(params.width);
    var tap = k * params.kernelWidth;
    let inside = u32(iy) < params.height;
    let here0 = inside && in0;
    let here4 = inside && in4;
    let here8 = inside && in8;
    for (var c = 0u; c < params.channels; c++) {
      let p0 = select(vec4f(), x[(u32(at + x0 + 0)) >> 2u], here0);
      let p4 = select(vec4f(), x[(u32(at + x0 + 4)) >> 2u], here4);
      let p8 = select(vec4f(), x[(u32(at + x0 + 8)) >> 2u], here8);
      let w0_0 = w[w0_base + tap + 0u];
      let w0_1 = w[w0_base + tap + 1u];
      let w0_2 = w[w0_base + tap + 2u];
      let v0_0 = subgroupBroadcast(w0_0, 0u);
      let v0_1 = subgroupBroadcast(w0_1, 0u);
      let v0_2 = subgroupBroadcast(w0_2, 0u);
      s0_0 += v0_0 * p0.w;
      s0_0 += v0_1 * p4.x;
      s0_0 += v0_2 * p4.y;
      s0_1 += v0_0 * p4.x;
      s0_1 += v0_1 * p4.y;
      s0_1 += v0_2 * p4.z;
      s0_2 += v0_0 * p4.y;
      s0_2 += v0_1 * p4.z;
      s0_2 += v0_2 * p4.w;
      s0_3 += v0_0 * p4.z;
      s0_3 += v0_1 * p4.w;
      s0_3 += v0_2 * p8.x;
      let v1_0 = subgroupBroadcast(w0_0, 1u);
      let v1_1 = subgroupBroadcast(w0_1, 1u);
      let v1_2 = subgroupBroadcast(w0_2, 1u);
      s1_0 += v1_0 * p0.w;
      s1_0 += v1_1 * p4.x;
      s1_0 += v1_2 * p4.y;
      s1_1 += v1_0 * p4.x;
      s1_1 += v1_1 * p4.y;
      s1_1 += v1_2 * p4.z;
      s1_2 += v1_0 * p4.y;
      s1_2 += v1_1 * p4.z;
      s1_2 += v1_2 * p4.w;
      s1_3 += v1_0 * p4.z;
      s1_3 += v1_1 * p4.w;
      s1_3 += v1_2 * p8.x;
      at += plane;
      tap += params.weightChannel;
    }
  }
  if (position >= params.positions) {
    return;
  }
  let area = params.outHeight * params.outWidth;
  let first = oy * params.outWidth + ox;
  var y0: array<vec4f, 2>;
  y0[0u] = vec4f(s0_0, s0_1, s0_2, s0_3);
  y0[1u] = vec4f(s1_0, s1_1, s1_2, s1_3);
  for (var r = row; r < min(row + 2u, params.rows); r++) {
    let channel = group * params.rows + r;
    let to = (n * params.groups * params.rows + channel) * area + first;
    put(to + 0u, y0[r - row]);
  }
}

// y[batch, i, j] = Σ_reduce Σ_k a[batch, reduce, i, k] · b[batch, reduce, k, j]
// A workgroup of 8 lanes makes 8 rows; lanes lie along the columns, 4 each. No barrier, no workgroup memory.
enable subgroups;
struct Params {
  batchSizes: vec4u,
  batchA: vec4u,
  batchB: vec4u,
  reduceSizes: vec4u,
  reduceA: vec4u,
  reduceB: vec4u,
  batches: u32,
  reduce: u32,
  m: u32,
  n: u32,
  k: u32,
  offsetA: u32,
  rowA: u32,
  columnA: u32,
  offsetB: u32,
  rowB: u32,
  columnB: u32,
  rowY: u32,
  columnY: u32,
  rowTiles: u32,
  columnTiles: u32,
  slices: u32,
  slice: u32,
  sliceSize: u32,
  sumsAt: u32,
  tileRows: u32,
}
fn workgroup_index(id: vec3u, count: vec3u) -> u32 {
  return (id.z * count.y + id.y) * count.x + id.x;
}
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
fn put(at: u32, x: vec4f) {
  y[at >> 2u] = x;
}
@group(0) @binding(32) var<uniform> params: Params;
@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  var rest = workgroup_index(id, groups);
  let row = rest % params.rowTiles * 8u;
  rest = rest / params.rowTiles;
  let column = rest % params.columnTiles * 32u + lane * 4u;
  rest = rest / params.columnTiles;
  let batch = rest % params.batches;
  let slice = rest / params.batches;
  if (slice >= params.slices) {
    return;
  }
  let firstStep = slice * params.slice;
  let lastStep = min(firstStep + params.slice, params.reduce);
  let first = 0u;
  let last = params.k;
  let batchA = params.offsetA + batch * params.batchA.w;
  let batchB = params.offsetB + batch * params.batchB.w;
  var s0_0 = vec4f();
  var s1_0 = vec4f();
  var s2_0 = vec4f();
  var s3_0 = vec4f();
  var s4_0 = vec4f();
  var s5_0 = vec4f();
  var s6_0 = vec4f();
  var s7_0 = vec4f();
  for (var step = firstStep; step < lastStep; step++) {
    let baseA = batchA + step % params.reduceSizes.w * params.reduceA.w + (step / params.reduceSizes.w) * params.reduceA.z;
    let baseB = batchB + step % params.reduceSizes.w * params.reduceB.w + (step / params.reduceSizes.w) * params.reduceB.z;
    let a0_at = baseA + min(row + 0u + (lane >> 2u) * 4u, params.m - 4u) + (lane & 3u) * params.columnA;
    let b0_at = baseB + min(column, (params.n + 3u) / 4u * 4u - 4u);
    for (var k = first; k < last; k += 4u) {
      let a0 = select(vec4f(), a[(a0_at + k * params.columnA) >> 2u], k + (lane & 3u) < last);
      let b0_0 = select(vec4f(), b[(b0_at + (k + 0u) * params.rowB) >> 2u], k + 0u < last);
      let b0_1 = select(vec4f(), b[(b0_at + (k + 1u) * params.rowB) >> 2u], k + 1u < last);
      let b0_2 = select(vec4f(), b[(b0_at + (k + 2u) * params.rowB) >> 2u], k + 2u < last);
      let b0_3 = select(vec4f(), b[(b0_at + (k + 3u) * params.rowB) >> 2u], k + 3u < last);
      let v0_0 = subgroupBroadcast(a0.x, 0u);
      s0_0 += v0_0 * b0_0;
      let v0_1 = subgroupBroadcast(a0.x, 1u);
      s0_0 += v0_1 * b0_1;
      let v0_2 = subgroupBroadcast(a0.x, 2u);
      s0_0 += v0_2 * b0_2;
      let v0_3 = subgroupBroadcast(a0.x, 3u);
      s0_0 += v0_3 * b0_3;
      let v1_0 = subgroupBroadcast(a0.y, 0u);
      s1_0 += v1_0 * b0_0;
      let v1_1 = subgroupBroadcast(a0.y, 1u);
      s1_0 += v1_1 * b0_1;
      let v1_2 = subgroupBroadcast(a0.y, 2u);
      s1_0 += v1_2 * b0_2;
      let v1_3 = subgroupBroadcast(a0.y, 3u);
      s1_0 += v1_3 * b0_3;
      let v2_0 = subgroupBroadcast(a0.z, 0u);
      s2_0 += v2_0 * b0_0;
      let v2_1 = subgroupBroadcast(a0.z, 1u);
      s2_0 += v2_1 * b0_1;
      let v2_2 = subgroupBroadcast(a0.z, 2u);
      s2_0 += v2_2 * b0_2;
      let v2_3 = subgroupBroadcast(a0.z, 3u);
      s2_0 += v2_3 * b0_3;
      let v3_0 = subgroupBroadcast(a0.w, 0u);
      s3_0 += v3_0 * b0_0;
      let v3_1 = subgroupBroadcast(a0.w, 1u);
      s3_0 += v3_1 * b0_1;
      let v3_2 = subgroupBroadcast(a0.w, 2u);
      s3_0 += v3_2 * b0_2;
      let v3_3 = subgroupBroadcast(a0.w, 3u);
      s3_0 += v3_3 * b0_3;
      let v4_0 = subgroupBroadcast(a0.x, 4u);
      s4_0 += v4_0 * b0_0;
      let v4_1 = subgroupBroadcast(a0.x, 5u);
      s4_0 += v4_1 * b0_1;
      let v4_2 = subgroupBroadcast(a0.x, 6u);
      s4_0 += v4_2 * b0_2;
      let v4_3 = subgroupBroadcast(a0.x, 7u);
      s4_0 += v4_3 * b0_3;
      let v5_0 = subgroupBroadcast(a0.y, 4u);
      s5_0 += v5_0 * b0_0;
      let v5_1 = subgroupBroadcast(a0.y, 5u);
      s5_0 += v5_1 * b0_1;
      let v5_2 = subgroupBroadcast(a0.y, 6u);
      s5_0 += v5_2 * b0_2;
      let v5_3 = subgroupBroadcast(a0.y, 7u);
      s5_0 += v5_3 * b0_3;
      let v6_0 = subgroupBroadcast(a0.z, 4u);
      s6_0 += v6_0 * b0_0;
      let v6_1 = subgroupBroadcast(a0.z, 5u);
      s6_0 += v6_1 * b0_1;
      let v6_2 = subgroupBroadcast(a0.z, 6u);
      s6_0 += v6_2 * b0_2;
      let v6_3 = subgroupBroadcast(a0.z, 7u);
      s6_0 += v6_3 * b0_3;
      let v7_0 = subgroupBroadcast(a0.w, 4u);
      s7_0 += v7_0 * b0_0;
      let v7_1 = subgroupBroadcast(a0.w, 5u);
      s7_0 += v7_1 * b0_1;
      let v7_2 = subgroupBroadcast(a0.w, 6u);
      s7_0 += v7_2 * b0_2;
      let v7_3 = subgroupBroadcast(a0.w, 7u);
      s7_0 += v7_3 * b0_3;
    }
  }
  let baseY = slice * params.sliceSize + batch * params.m * params.n;
  if (column + 0u < params.n) {
    let x = baseY + (column + 0u) * params.columnY;
    var y0_: array<vec4f, 8>;
    y0_[0u] = s0_0;
    y0_[1u] = s1_0;
    y0_[2u] = s2_0;
    y0_[3u] = s3_0;
    y0_[4u] = s4_0;
    y0_[5u] = s5_0;
    y0_[6u] = s6_0;
    y0_[7u] = s7_0;
    for (var r = 0u; r < params.tileRows; r++) {
      let i = min(row + r / 4u * 4u, params.m - 4u) + r % 4u;
      put(x + i * params.rowY, y0_[r]);
    }
  }
}

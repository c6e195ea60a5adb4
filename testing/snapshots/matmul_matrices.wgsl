// y[batch, i, j] = Σ_reduce Σ_k a[batch, reduce, i, k] · b[batch, reduce, k, j]
// A subgroup makes 2 × 1 matrices of 8 × 16, a workgroup 2 × 2 times that.
enable subgroups;
enable chromium_experimental_subgroup_matrix;
enable f16;
diagnostic(off, chromium.subgroup_matrix_uniformity);
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
@group(0) @binding(0) var<storage, read> a: array<f16>;
@group(0) @binding(1) var<storage, read> b: array<f16>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32, @builtin(subgroup_size) size: u32) {
  let own = subgroupBroadcastFirst(lane) / size;
  var rest = workgroup_index(id, groups);
  let row = (rest % params.rowTiles * 2u + own % 2u) * 16u;
  rest = rest / params.rowTiles;
  let column = (rest % params.columnTiles * 2u + own / 2u) * 16u;
  rest = rest / params.columnTiles;
  let batch = rest % params.batches;
  let slice = rest / params.batches;
  if (slice >= params.slices || own >= 4u || row >= params.m || column >= params.n) {
    return;
  }
  let placeA = params.offsetA + batch * params.batchA.w + row * params.rowA;
  let placeB = params.offsetB + batch * params.batchB.w + column * params.columnB;
  var s0_0: subgroup_matrix_result<f32, 16, 8>;
  var s1_0: subgroup_matrix_result<f32, 16, 8>;
  let first = slice * params.slice;
  let last = min(first + params.slice, params.k);
  {
    let baseA = placeA;
    let baseB = placeB;
    for (var k = first; k < last; k += 32u) {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 32, 8>, row_major>(&a, baseA + 0u * params.rowA + k * params.columnA, params.rowA);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 32, 8>, row_major>(&a, baseA + 8u * params.rowA + k * params.columnA, params.rowA);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 32>, col_major>(&b, baseB + 0u * params.columnB + k * params.rowB, params.columnB);
      s0_0 = subgroupMatrixMultiplyAccumulate(a0, b0, s0_0);
      s1_0 = subgroupMatrixMultiplyAccumulate(a1, b0, s1_0);
    }
  }
  let place = slice * params.sliceSize + batch * params.m * params.n + row * params.rowY + column;
  subgroupMatrixStore<row_major>(&y, place + 0u * params.rowY + 0u, s0_0, params.rowY);
  subgroupMatrixStore<row_major>(&y, place + 8u * params.rowY + 0u, s1_0, params.rowY);
}

// y[b, i, j] = Σ_k a[b, i, k] · b[b, k, j]
// One invocation makes one element of y; it is the plain form that the fast ones are tested against.
// uses: place
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
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

fn offset(index: u32, sizes: vec4u, strides: vec4u) -> u32 {
  let w = index % sizes.w;
  let z = index / sizes.w % sizes.z;
  let v = index / (sizes.w * sizes.z) % sizes.y;
  let u = index / (sizes.w * sizes.z * sizes.y);
  return u * strides.x + v * strides.y + z * strides.z + w * strides.w;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_index(id, groups) * 64u + lane;
  if (at >= params.batches * params.m * params.n) {
    return;
  }
  let j = at % params.n;
  let i = at / params.n % params.m;
  let batch = at / (params.n * params.m);
  let firstA = params.offsetA + offset(batch, params.batchSizes, params.batchA) + i * params.rowA;
  let firstB = params.offsetB + offset(batch, params.batchSizes, params.batchB) + j * params.columnB;
  var total = 0.0;
  for (var r = 0u; r < params.reduce; r++) {
    let fromA = firstA + offset(r, params.reduceSizes, params.reduceA);
    let fromB = firstB + offset(r, params.reduceSizes, params.reduceB);
    for (var k = 0u; k < params.k; k++) {
      total += a[fromA + k * params.columnA] * b[fromB + k * params.rowB];
    }
  }
  y[at] = total;
}

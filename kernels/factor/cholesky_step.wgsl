// y[k, k] = √x[k, k], y[i, k] = x[i, k] / y[k, k], y[i, j] = x[i, j] − y[i, k] y[j, k] for i ≥ j > k; zeros above the diagonal
// One invocation makes one element.
// uses: place, bits
struct Params {
  size: u32,
  step: u32,
  count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_index(id, groups) * 64u + lane;
  if (at >= params.count) {
    return;
  }
  let size = params.size;
  let k = params.step;
  let j = at % size;
  let i = at / size % size;
  let base = at / size / size * size;
  if (i < j) {
    y[at] = 0.0;
    return;
  }
  let v = x[at];
  if (j < k) {
    y[at] = v;
    return;
  }
  let d = x[(base + k) * size + k];
  let root = select(nan(), sqrt(d), d > 0.0);
  let left = x[(base + i) * size + k] / root;
  let right = x[(base + j) * size + k] / root;
  y[at] = select(v - left * right, select(left, root, i == k), j == k);
}

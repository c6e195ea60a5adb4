// y = x with rows `step` and swaps[step] exchanged, and then below row p = `step`: y[i, p] = x[i, p] / x[p, p], y[i, j] = x[i, j] − y[i, p] x[p, j]
// One invocation makes one element.
// uses: place
struct Params {
  size: u32,
  step: u32,
  count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> swaps: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
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
  let step = params.step;
  let j = at % size;
  let i = at / size % size;
  let base = at / size / size * size;
  let pivot = u32(swaps[base + step]);
  let row = select(select(i, step, i == pivot), pivot, i == step);
  let v = x[(base + row) * size + j];
  if (i <= step || j < step) {
    y[at] = v;
    return;
  }
  // A column of zeros has nothing to take away: its matrix is singular, and the zero on the diagonal says so.
  let divisor = x[(base + pivot) * size + step];
  let factor = select(0.0, x[(base + row) * size + step] / divisor, divisor != 0.0);
  y[at] = select(v - factor * x[(base + pivot) * size + j], factor, j == step);
}

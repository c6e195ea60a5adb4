// mean[c] = Σ_k n_k means[k, c] / n,  result[c] = finish(Σ_k squares[k, c] + n_k (means[k, c] − mean[c])²)
// One invocation makes one column c from its parts k; all parts have `count` elements, the last `repeat` of them `rest`.
// uses: place
struct Params {
  columns: u32,
  parts: u32,
  repeat: u32,
  count: f32,
  rest: f32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> means: array<f32>;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;

fn finish(v: f32) -> f32 {
  return v * params.scale;
}

@compute @workgroup_size(group)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = workgroup_index(id, groups) * group + lane;
  if (c >= params.columns) {
    return;
  }
  let full = params.parts - params.repeat;
  // Differences to the first part's mean are small, so that little is lost when they are added.
  let origin = means[c];
  var sum = 0.0;
  var n = 0.0;
  for (var k = 0u; k < params.parts; k++) {
    let count = select(params.rest, params.count, k < full);
    sum += count * (means[k * params.columns + c] - origin);
    n += count;
  }
  let middle = origin + sum / n;
  var square = 0.0;
  for (var k = 0u; k < params.parts; k++) {
    let count = select(params.rest, params.count, k < full);
    let d = means[k * params.columns + c] - middle;
    square += squares[k * params.columns + c] + count * d * d;
  }
  mean[c] = middle;
  result[c] = finish(square);
}

// mean[c] = Σ_k n_k means[k, c] / n,  variance[c] = Σ_k (squares[k, c] + n_k (means[k, c] − mean[c])²) / n; running ← running + momentum · (new − running)
// One invocation makes one channel c from its parts k; all parts have `count` elements, the last `repeat` of them `rest`.
// uses: place
struct Params {
  channels: u32,
  parts: u32,
  repeat: u32,
  count: f32,
  rest: f32,
  // 1/n, and what makes the variance unbiased: n / (n − 1).
  share: f32,
  unbiased: f32,
  momentum: f32,
}

@group(0) @binding(0) var<storage, read> means: array<f32>;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> variance: array<f32>;
@group(0) @binding(4) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> running_variance: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;
override running: bool = true;

@compute @workgroup_size(group)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = workgroup_index(id, groups) * group + lane;
  if (c >= params.channels) {
    return;
  }
  let full = params.parts - params.repeat;
  // Differences to the first part's mean are small, so that little is lost when they are added.
  let origin = means[c];
  var sum = 0.0;
  for (var k = 0u; k < params.parts; k++) {
    let count = select(params.rest, params.count, k < full);
    sum += count * (means[k * params.channels + c] - origin);
  }
  let middle = origin + sum * params.share;
  var square = 0.0;
  for (var k = 0u; k < params.parts; k++) {
    let count = select(params.rest, params.count, k < full);
    let d = means[k * params.channels + c] - middle;
    square += squares[k * params.channels + c] + count * d * d;
  }
  let spread = square * params.share;
  mean[c] = middle;
  variance[c] = spread;
  if (running) {
    running_mean[c] += params.momentum * (middle - running_mean[c]);
    running_variance[c] += params.momentum * (spread * params.unbiased - running_variance[c]);
  }
}

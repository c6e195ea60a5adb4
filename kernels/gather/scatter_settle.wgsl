// y[at] = src[claims[at] − 1] (or `value`) where there is a claim, x[at] elsewhere
// One invocation makes one element of y.
// uses: place
struct Params {
  count: u32,
  value: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> claims: array<u32>;
@group(0) @binding(2) var<storage, read> src: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;
@group(0) @binding(32) var<uniform> params: Params;

override constant: bool = false;

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
  let claim = claims[at];
  var word = params.value;
  if (claim == 0u) {
    word = x[at];
  } else if (!constant) {
    word = src[claim - 1u];
  }
  y[at] = word;
}

// starts[k] = how many of the sorted keys are below k, for k = 0 … the number of keys there may be
// One invocation searches for one k.
// uses: place
struct Params {
  length: u32,
  count: u32,
}

@group(0) @binding(0) var<storage, read> sorted: array<u32>;
@group(0) @binding(1) var<storage, read_write> starts: array<u32>;
@group(0) @binding(32) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = workgroup_index(id, groups) * 64u + lane;
  if (k >= params.count) {
    return;
  }
  var low = 0u;
  var high = params.length;
  for (var step = 0u; step < 32u; step++) {
    if (low >= high) {
      break;
    }
    let middle = (low + high) >> 1u;
    if (sorted[middle] < k) {
      low = middle + 1u;
    } else {
      high = middle;
    }
  }
  starts[k] = low;
}

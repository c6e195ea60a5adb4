// y[at] = the element that keys[at] stands for
// One invocation makes one element.
// uses: place
struct Params {
  count: u32,
}

@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(32) var<uniform> params: Params;

fn from_key(key: u32) -> u32 {
  return key;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_index(id, groups) * 64u + lane;
  if (at < params.count) {
    y[at] = from_key(keys[at]);
  }
}

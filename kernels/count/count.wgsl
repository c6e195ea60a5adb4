// counts[keys[i]] += 1, for keys from 0 to size - 1
// One invocation counts one key. Sums of whole numbers do not depend on who comes first.
// uses: place
struct Params {
  size: u32,
  count: u32,
}

@group(0) @binding(0) var<storage, read> keys: array<i32>;
@group(0) @binding(1) var<storage, read_write> counts: array<atomic<u32>>;
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
  let key = keys[at];
  if (key >= 0 && u32(key) < params.size) {
    atomicAdd(&counts[key], 1u);
  }
}

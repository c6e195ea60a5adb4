// keys[at] = a whole number for the element x[at], the larger the better it is
// One invocation makes one key.
// uses: place
struct Params {
  count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> keys: array<u32>;
@group(0) @binding(32) var<uniform> params: Params;

fn to_key(word: u32) -> u32 {
  return word;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_index(id, groups) * 64u + lane;
  if (at < params.count) {
    keys[at] = to_key(x[at]);
  }
}

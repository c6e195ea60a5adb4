// keys[o, index[o, j, i], i] = the largest of the key that is there and the key of src[o, j, i]
// One invocation brings one element of src. The largest of whole numbers does not depend on who comes first.
// uses: place, split
struct Params {
  length: vec4u,
  inner: vec4u,
  size: u32,
  count: u32,
}

@group(0) @binding(0) var<storage, read> src: array<u32>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> keys: array<atomic<u32>>;
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
  if (at >= params.count) {
    return;
  }
  let k = index[at];
  if (k >= 0 && u32(k) < params.size) {
    let row = split(at, params.inner);
    let o = split(row.x, params.length).x;
    atomicMax(&keys[(o * params.size + u32(k)) * params.inner.x + row.y], to_key(src[at]));
  }
}

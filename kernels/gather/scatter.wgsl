// y[o, k, i] = src[o, j, i] (or `value`) for the last place j with index[o, j, i] = k; x[o, k, i] where there is none
// One invocation makes one element of y; neighbours differ in i, then in k.
// uses: place, split
struct Params {
  size: vec4u,
  inner: vec4u,
  length: u32,
  count: u32,
  value: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
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
  let row = split(at, params.inner);
  let spot = split(row.x, params.size);
  let k = i32(spot.y);
  let base = spot.x * params.length * params.inner.x + row.y;
  var found = 0u;
  for (var j = 0u; j < params.length; j++) {
    if (index[base + j * params.inner.x] == k) {
      found = j + 1u;
    }
  }
  var word = params.value;
  if (found == 0u) {
    word = x[at];
  } else if (!constant) {
    word = src[base + (found - 1u) * params.inner.x];
  }
  y[at] = word;
}

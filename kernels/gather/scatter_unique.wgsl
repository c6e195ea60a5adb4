// y[o, index[o, j, i], i] = src[o, j, i], for indices of which no two lead to the same place
// One invocation moves one element.
// uses: place, split
struct Params {
  length: vec4u,
  inner: vec4u,
  size: u32,
  count: u32,
}

alias Word = u32;

@group(0) @binding(0) var<storage, read> src: array<Word>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<Word>;
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
  let k = index[at];
  if (k >= 0 && u32(k) < params.size) {
    let row = split(at, params.inner);
    let o = split(row.x, params.length).x;
    y[(o * params.size + u32(k)) * params.inner.x + row.y] = src[at];
  }
}

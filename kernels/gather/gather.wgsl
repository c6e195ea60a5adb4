// y[o, j, i] = x[o, index[o, j, i], i]; `missing` where the index lies outside
// One invocation moves one element; neighbours differ in i, then in j.
// uses: place, split
struct Params {
  length: vec4u,
  inner: vec4u,
  size: u32,
  count: u32,
  missing: u32,
}

alias Word = u32;

@group(0) @binding(0) var<storage, read> x: array<Word>;
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
  let row = split(at, params.inner);
  let o = split(row.x, params.length).x;
  var word = bitcast<Word>(params.missing);
  if (k >= 0 && u32(k) < params.size) {
    word = x[(o * params.size + u32(k)) * params.inner.x + row.y];
  }
  y[at] = word;
}

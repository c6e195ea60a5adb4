// keys[at] = the place that element `at` of index leads to; `size` where there is none, or where it is `skip`
// One invocation makes one key. With outer · inner > 1 places are those of a whole tensor [outer, size, inner].
// uses: place, split
struct Params {
  length: vec4u,
  inner: vec4u,
  size: u32,
  count: u32,
  none: u32,
  skip: i32,
}

@group(0) @binding(0) var<storage, read> index: array<i32>;
@group(0) @binding(1) var<storage, read_write> keys: array<u32>;
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
  let found = k >= 0 && u32(k) < params.size && k != params.skip;
  keys[at] = select(params.none, (o * params.size + u32(k)) * params.inner.x + row.y, found);
}

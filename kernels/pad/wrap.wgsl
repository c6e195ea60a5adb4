// y[o, q, i] = x[o, source(q − before), i], where source folds places beyond the ends back inside
// One invocation writes one word (four in the wide variant) of y; neighbours differ in i, then in q.
// uses: place, split
struct Params {
  outSize: vec4u,
  inner: vec4u,
  size: i32,
  before: i32,
  count: u32,
}

alias Word = u32;

@group(0) @binding(0) var<storage, read> x: array<Word>;
@group(0) @binding(1) var<storage, read_write> y: array<Word>;
@group(0) @binding(32) var<uniform> params: Params;

fn source(p: i32, n: i32) -> i32 {
  return select(select(p, p - n, p >= n), p + n, p < 0);
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
  let row = split(at, params.inner);
  let spot = split(row.x, params.outSize);
  let p = source(i32(spot.y) - params.before, params.size);
  y[at] = x[(spot.x * u32(params.size) + u32(p)) * params.inner.x + row.y];
}

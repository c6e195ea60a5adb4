// dx[o, p, i] = Σ dy[o, q, i] over the places q that read p, in increasing q
// One invocation makes one element (four in the wide variant) of dx; neighbours differ in i, then in p.
// uses: place, split
struct Params {
  sizes: vec4u,
  inner: vec4u,
  size: i32,
  outSize: i32,
  before: i32,
  most: u32,
  count: u32,
}

alias Row = f32;

@group(0) @binding(0) var<storage, read> dy: array<Row>;
@group(0) @binding(1) var<storage, read_write> dx: array<Row>;
@group(0) @binding(32) var<uniform> params: Params;

// The t-th place that reads p, or one outside of dy.
fn reader(p: i32, t: i32) -> i32 {
  return p + params.before + (t - 1) * params.size;
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
  let spot = split(row.x, params.sizes);
  let p = i32(spot.y);
  let o = spot.x;
  var total = Row(0.0);
  for (var t = 0u; t < params.most; t++) {
    let q = reader(p, i32(t));
    if (q >= 0 && q < params.outSize) {
      total += dy[(o * u32(params.outSize) + u32(q)) * params.inner.x + row.y];
    }
  }
  dx[at] = total;
}

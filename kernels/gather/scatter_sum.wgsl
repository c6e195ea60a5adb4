// y[o, k, i] = Σ src[o, j, i] over the places j with index[o, j, i] = k, in increasing j
// One invocation makes one element of y; neighbours differ in i, then in k.
// uses: place, split
struct Params {
  size: vec4u,
  inner: vec4u,
  length: u32,
  count: u32,
}

alias Row = f32;

@group(0) @binding(0) var<storage, read> src: array<Row>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<Row>;
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
  let row = split(at, params.inner);
  let spot = split(row.x, params.size);
  let k = i32(spot.y);
  let base = spot.x * params.length * params.inner.x + row.y;
  var total = Row(0);
  for (var j = 0u; j < params.length; j++) {
    let place = base + j * params.inner.x;
    if (index[place] == k) {
      total += src[place];
    }
  }
  y[at] = total;
}

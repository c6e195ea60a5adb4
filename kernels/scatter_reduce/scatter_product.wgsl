// y[o, k, i] = x[o, k, i] · Π src[o, j, i] over the places j with index[o, j, i] = k, in increasing j
// One invocation makes one element of y; neighbours differ in i, then in k.
// uses: place, split
struct Params {
  size: vec4u,
  inner: vec4u,
  length: u32,
  count: u32,
}

alias Item = f32;

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read> src: array<Item>;
@group(0) @binding(2) var<storage, read> index: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<Item>;
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
  let place = split(row.x, params.size);
  let k = i32(place.y);
  let base = place.x * params.length * params.inner.x + row.y;
  var product = x[at];
  for (var j = 0u; j < params.length; j++) {
    let here = base + j * params.inner.x;
    if (index[here] == k) {
      product *= src[here];
    }
  }
  y[at] = product;
}

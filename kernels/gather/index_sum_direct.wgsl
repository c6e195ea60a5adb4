// y[o, k, i] = Σ src[o, j, i] over the places j with index[j] = k, in increasing j; nothing for k = skip
// One invocation makes one element (four in the wide variant) of y; neighbours differ in i, then in k.
// uses: place, split
struct Params {
  size: vec4u,
  inner: vec4u,
  length: u32,
  count: u32,
  skip: i32,
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
  let place = split(row.x, params.size);
  let k = i32(place.y);
  let base = place.x * params.length * params.inner.x + row.y;
  var total = Row(0);
  if (k != params.skip) {
    for (var j = 0u; j < params.length; j++) {
      if (index[j] == k) {
        total += src[base + j * params.inner.x];
      }
    }
  }
  y[at] = total;
}

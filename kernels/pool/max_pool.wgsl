// y[p, oy, ox] = max of x[p, iy, ix] in the window of (oy, ox); indices = iy·width + ix of the first maximum, NaN above all
// One invocation makes one output; neighbours differ in ox.
// uses: place, bits, pooling
struct Params {
  sizes: vec4u,
  steps: vec4u,
  edges: vec4u,
  count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> indices: array<i32>;
@group(1) @binding(0) var<uniform> params: Params;

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
  let row = at / params.sizes.w;
  let plane = row / params.sizes.z;
  let down = window(row - plane * params.sizes.z, 0u);
  let across = window(at - row * params.sizes.w, 1u);
  let base = plane * params.sizes.x * params.sizes.y;
  var bits = 0xff800000u;
  var best = bitcast<f32>(bits);
  var place = -1;
  for (var ky = 0; ky < down.y; ky++) {
    let iy = down.x + ky * i32(params.edges.z);
    if (iy < 0 || iy >= i32(params.sizes.x)) {
      continue;
    }
    for (var kx = 0; kx < across.y; kx++) {
      let ix = across.x + kx * i32(params.edges.w);
      if (ix < 0 || ix >= i32(params.sizes.y)) {
        continue;
      }
      let here = iy * i32(params.sizes.y) + ix;
      let value = x[base + u32(here)];
      if (place < 0 || (!is_nan(best) && (value > best || is_nan(value)))) {
        best = value;
        place = here;
      }
    }
  }
  y[at] = best;
  indices[at] = place;
}

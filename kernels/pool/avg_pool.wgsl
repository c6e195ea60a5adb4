// y[p, oy, ox] = Σ x[p, iy, ix] / divisor over the window of (oy, ox)
// One invocation makes one output; neighbours differ in ox.
// uses: place, pooling, pooling_divisor
struct Params {
  sizes: vec4u,
  steps: vec4u,
  edges: vec4u,
  count: u32,
  divisor: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
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
  let left = u32(max(across.x, 0));
  let right = u32(min(across.x + across.y, i32(params.sizes.y)));
  var total = 0.0;
  for (var iy = u32(max(down.x, 0)); iy < u32(min(down.x + down.y, i32(params.sizes.x))); iy++) {
    let start = base + iy * params.sizes.y;
    for (var ix = left; ix < right; ix++) {
      total += x[start + ix];
    }
  }
  y[at] = total / divisor(down, across);
}

// y[p, oy, ox] = Σ x[p, iy, ix] / divisor over the window of (oy, ox)
// One invocation makes one output; neighbours differ in ox.
// uses: place, pooling, pooling_divisor
struct Params {
  sizes: vec4u,
  steps: vec4u,
  edges: vec4u,
  by: array<vec4u, 4>,
  rows: vec4u,
  columns: vec4u,
  count: u32,
  divisor: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

// The most taps of a window.
override taps_down: u32 = 2u;
override taps_across: u32 = 2u;

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
  let across = split(at, params.columns);
  let down = split(across.x, params.rows);
  let rows = window(down.y, 0u);
  let columns = window(across.y, 1u);
  let base = down.x * params.sizes.x * params.sizes.y;
  var total = 0.0;
  for (var ky = 0u; ky < taps_down; ky++) {
    let iy = u32(rows.x) + ky;
    let row_inside = iy < params.sizes.x && i32(ky) < rows.y;
    for (var kx = 0u; kx < taps_across; kx++) {
      let ix = u32(columns.x) + kx;
      let inside = row_inside && ix < params.sizes.y && i32(kx) < columns.y;
      total += select(0.0, x[base + select(0u, iy * params.sizes.y + ix, inside)], inside);
    }
  }
  y[at] = total / divisor(rows, columns);
}

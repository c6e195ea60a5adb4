// y[p, oy, ox] = max of x[p, iy, ix] in the window of (oy, ox); indices = iy·width + ix of the first maximum, NaN above all
// One invocation makes one output; neighbours differ in ox.
// uses: place, bits, pooling
struct Params {
  sizes: vec4u,
  steps: vec4u,
  edges: vec4u,
  by: array<vec4u, 4>,
  rows: vec4u,
  columns: vec4u,
  count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> indices: array<i32>;
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
  var infinite = 0xff800000u;
  var best = bitcast<f32>(infinite);
  var place = -1;
  var open = true;
  for (var ky = 0u; ky < taps_down; ky++) {
    let iy = u32(rows.x) + ky * params.edges.z;
    let row_inside = iy < params.sizes.x && i32(ky) < rows.y;
    for (var kx = 0u; kx < taps_across; kx++) {
      let ix = u32(columns.x) + kx * params.edges.w;
      let inside = row_inside && ix < params.sizes.y && i32(kx) < columns.y;
      let here = select(0u, iy * params.sizes.y + ix, inside);
      let value = x[base + here];
      let none = is_nan(value);
      let better = inside && open && (place < 0 || none || value > best);
      best = select(best, value, better);
      place = select(place, i32(here), better);
      open = open && !(better && none);
    }
  }
  y[at] = best;
  indices[at] = place;
}

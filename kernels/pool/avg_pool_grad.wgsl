// dx[p, iy, ix] = Σ dy[p, oy, ox] / divisor over the outputs whose windows hold (iy, ix), in increasing order
// One invocation makes one element of dx; neighbours differ in ix.
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

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

// The most outputs along an axis that read one place.
override readers_down: u32 = 1u;
override readers_across: u32 = 1u;

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
  let last_row = last_reader(down.y, 0u);
  let last_column = last_reader(across.y, 1u);
  var total = 0.0;
  for (var ky = readers_down; ky > 0u; ky--) {
    // In front of the first output this wraps around to one far behind the last.
    let oy = last_row - (ky - 1u);
    let row_inside = oy < params.sizes.z && holds(oy, down.y, 0u);
    let rows = window(oy, 0u);
    let start = (down.x * params.sizes.z + oy) * params.sizes.w;
    for (var kx = readers_across; kx > 0u; kx--) {
      let ox = last_column - (kx - 1u);
      let inside = row_inside && ox < params.sizes.w && holds(ox, across.y, 1u);
      let share = dy[select(0u, start + ox, inside)] / divisor(rows, window(ox, 1u));
      total += select(0.0, share, inside);
    }
  }
  dx[at] = total;
}

// dx[p, iy, ix] = Σ dy[p, oy, ox] / divisor over the outputs whose windows hold (iy, ix), in increasing order
// One invocation makes one element of dx; neighbours differ in ix.
// uses: place, pooling, pooling_divisor
struct Params {
  sizes: vec4u,
  steps: vec4u,
  edges: vec4u,
  count: u32,
  divisor: f32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;
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
  let row = at / params.sizes.y;
  let plane = row / params.sizes.x;
  let down = readers(row - plane * params.sizes.x, 0u);
  let across = readers(at - row * params.sizes.y, 1u);
  var total = 0.0;
  for (var oy = down.x; oy <= down.y; oy++) {
    let start = (plane * params.sizes.z + u32(oy)) * params.sizes.w;
    let rows = window(u32(oy), 0u);
    for (var ox = across.x; ox <= across.y; ox++) {
      total += dy[start + u32(ox)] / divisor(rows, window(u32(ox), 1u));
    }
  }
  dx[at] = total;
}

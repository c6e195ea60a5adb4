// dx[p, iy, ix] = Σ dy[p, oy, ox] over the outputs whose maximum lies at (iy, ix), in increasing order
// One invocation makes one element of dx; neighbours differ in ix.
// uses: place, pooling
struct Params {
  sizes: vec4u,
  steps: vec4u,
  edges: vec4u,
  count: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
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
  let iy = row - plane * params.sizes.x;
  let ix = at - row * params.sizes.y;
  let here = i32(iy * params.sizes.y + ix);
  let down = readers(iy, 0u);
  let across = readers(ix, 1u);
  var total = 0.0;
  for (var oy = down.x; oy <= down.y; oy++) {
    let start = (plane * params.sizes.z + u32(oy)) * params.sizes.w;
    for (var ox = across.x; ox <= across.y; ox++) {
      let o = start + u32(ox);
      if (indices[o] == here) {
        total += dy[o];
      }
    }
  }
  dx[at] = total;
}

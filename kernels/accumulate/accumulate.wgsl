// y += x
// One invocation adds four neighbouring elements.
// uses: place, halves
struct Params {
  quads: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Quad>;
@group(0) @binding(1) var<storage, read_write> y: array<Quad>;
@group(0) @binding(32) var<uniform> params: Params;

alias Quad = vec4f;

fn load(q: Quad) -> vec4f {
  return q;
}

fn store(v: vec4f) -> Quad {
  return v;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let q = workgroup_index(id, groups) * 64u + lane;
  if (q < params.quads) {
    y[q] = store(load(y[q]) + load(x[q]));
  }
}

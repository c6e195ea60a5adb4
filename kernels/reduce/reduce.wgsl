// y[o, i] = finish(fold(combine, x[o, r, i] for r in a slice of the reduced axis))
// One invocation makes one element of y for one slice; neighbours differ in i, then in o.
// uses: place
struct Params {
  outer: u32,
  length: u32,
  inner: u32,
  slices: u32,
  slice: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

override start: f32 = 0.0;

fn combine(a: f32, b: f32) -> f32 {
  return a + b;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_index(id, groups) * 64u + lane;
  let columns = params.outer * params.inner;
  if (at >= columns * params.slices) {
    return;
  }
  let slice = at / columns;
  let column = at % columns;
  let o = column / params.inner;
  let i = column % params.inner;
  let first = slice * params.slice;
  let last = min(first + params.slice, params.length);
  let base = o * params.length * params.inner + i;
  var total = start;
  for (var r = first; r < last; r++) {
    total = combine(total, x[base + r * params.inner]);
  }
  y[at] = total * params.scale;
}

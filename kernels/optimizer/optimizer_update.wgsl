// (param, state) = rule(grad, param, state): one step of an optimizer; every element is read once and written once
// One invocation updates four neighbouring elements.
// uses: place, halves
struct Params {
  quads: u32,
}

// numbers: 0 steps counted, 1 whether this step is skipped, 2 factor of the gradients, 3 what the rule carries from step to
// step, from 4 on the options of the parameter group, then what the rule derives from them once a step.
@group(0) @binding(0) var<storage, read> numbers: array<f32>;
@group(0) @binding(1) var<storage, read> grad: array<GradQuad>;
@group(0) @binding(2) var<storage, read_write> param: array<ParamQuad>;
@group(0) @binding(3) var<storage, read_write> state_a: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> state_b: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> state_c: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

alias GradQuad = vec4f;
alias ParamQuad = vec4f;

// How many state tensors the rule has; bindings beyond are not touched.
override states: u32 = 3u;

struct Cell {
  p: vec4f,
  a: vec4f,
  b: vec4f,
  c: vec4f,
}

fn load_grad(q: GradQuad) -> vec4f {
  return q;
}

fn load_param(q: ParamQuad) -> vec4f {
  return q;
}

fn store_param(x: vec4f) -> ParamQuad {
  return x;
}

fn rule(gradient: vec4f, cell: Cell) -> Cell {
  return Cell(cell.p - numbers[4] * gradient, cell.a, cell.b, cell.c);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let q = workgroup_index(id, groups) * 64u + lane;
  if (q >= params.quads || numbers[1] != 0.0) {
    return;
  }
  var cell = Cell(load_param(param[q]), vec4f(), vec4f(), vec4f());
  if (states > 0u) {
    cell.a = state_a[q];
  }
  if (states > 1u) {
    cell.b = state_b[q];
  }
  if (states > 2u) {
    cell.c = state_c[q];
  }
  cell = rule(load_grad(grad[q]) * numbers[2], cell);
  param[q] = store_param(cell.p);
  if (states > 0u) {
    state_a[q] = cell.a;
  }
  if (states > 1u) {
    state_b[q] = cell.b;
  }
  if (states > 2u) {
    state_c[q] = cell.c;
  }
}

// dgates[t] = ∂cell/∂gates · (dy[t] + dgates[t + 1]·wᵀ + …): one time step of a recurrent layer's gradient
// One invocation makes one unit of four rows; neighbours make neighbouring units, so that they read weights side by side.
// uses: place, hyperbolic
alias Gates = array<vec4f, 4>;
alias Saved = array<vec4f, 5>;

// Gradients of a step, four rows at once.
struct Slope {
  // Of the gates, as the old state's product enters them.
  gates: Gates,
  // Of the last gate, as the input enters it.
  own: vec4f,
  // What goes to the old state and the old cell past the gates.
  h: vec4f,
  c: vec4f,
}

struct Params {
  time: u32,
  batch: u32,
  hidden: u32,
  // Distance of neighbouring rows of w.
  inner: u32,
  unit_groups: u32,
  dy_at: u32,
  dy_row: u32,
  // Where the gradients of this time's gates start, and those of the time that came after it.
  gates_at: u32,
  gates_after: u32,
  gates_row: u32,
  saved_at: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> saved: array<f32>;
// The weight; or the product of the later time's gradients and the weight, when another kernel made it.
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> lengths: array<i32>;
@group(0) @binding(4) var<storage, read_write> dgates: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<storage, read_write> dh: array<f32>;
@group(0) @binding(7) var<storage, read_write> dc: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;
override gates: u32 = 4u;
override saves: u32 = 5u;
override multiplied: bool = false;
// Whether nothing came after this time.
override last: bool = false;
override has_dy: bool = true;
override has_cell: bool = true;
// Whether the last gate has a gradient of its own for the input.
override has_own: bool = false;
override has_lengths: bool = false;

fn each_tanh(v: vec4f) -> vec4f {
  return vec4f(tanh_f32(v.x), tanh_f32(v.y), tanh_f32(v.z), tanh_f32(v.w));
}

// The gradients from what the step saved and the gradients of the new state and cell.
fn slope(saved: Saved, h: vec4f, c: vec4f) -> Slope {
  let i = saved[0];
  let f = saved[1];
  let g = saved[2];
  let o = saved[3];
  let t = each_tanh(f * saved[4] + i * g);
  let cell = c + h * o * (1.0 - t * t);
  let gates = Gates(
    cell * g * i * (1.0 - i),
    cell * saved[4] * f * (1.0 - f),
    cell * i * (1.0 - g * g),
    h * t * o * (1.0 - o),
  );
  return Slope(gates, vec4f(), vec4f(), cell * f);
}

@compute @workgroup_size(group)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = workgroup_index(id, groups);
  // Nobody returns early: where all lanes are at work, a load of one place for all of them is a single one.
  let own_unit = index % params.unit_groups * group + lane;
  let unit = min(own_unit, params.hidden - 1u);
  let row = index / params.unit_groups * 4u;
  let rows = min(vec4u(row) + vec4u(0u, 1u, 2u, 3u), vec4u(params.batch - 1u));
  let own_rows = rows * params.hidden + unit;
  let width = gates * params.hidden;
  var h = vec4f();
  if (!last) {
    h = vec4f(dh[own_rows.x], dh[own_rows.y], dh[own_rows.z], dh[own_rows.w]);
    if (multiplied) {
      h += vec4f(w[own_rows.x], w[own_rows.y], w[own_rows.z], w[own_rows.w]);
    } else {
      let start = rows * params.gates_row + params.gates_after;
      for (var k = 0u; k < width; k++) {
        let at = start + k;
        h += vec4f(dgates[at.x], dgates[at.y], dgates[at.z], dgates[at.w]) * w[k * params.inner + unit];
      }
    }
  }
  if (has_dy) {
    let at = rows * params.dy_row + params.dy_at + unit;
    h += vec4f(dy[at.x], dy[at.y], dy[at.z], dy[at.w]);
  }
  var c = vec4f();
  if (has_cell) {
    c = vec4f(dc[own_rows.x], dc[own_rows.y], dc[own_rows.z], dc[own_rows.w]);
  }
  var kept: Saved;
  let start = rows * (saves * params.hidden) + params.saved_at + unit;
  for (var s = 0u; s < saves; s++) {
    let at = start + s * params.hidden;
    kept[s] = vec4f(saved[at.x], saved[at.y], saved[at.z], saved[at.w]);
  }
  var step = slope(kept, h, c);
  if (has_lengths) {
    // A row that has ended passes its gradients on.
    let live = vec4i(i32(params.time)) <
      vec4i(lengths[rows.x], lengths[rows.y], lengths[rows.z], lengths[rows.w]);
    for (var g = 0u; g < gates; g++) {
      step.gates[g] = select(vec4f(), step.gates[g], live);
    }
    step.own = select(vec4f(), step.own, live);
    step.h = select(h, step.h, live);
    step.c = select(c, step.c, live);
  }
  for (var r = 0u; r < 4u; r++) {
    let b = row + r;
    if (b < params.batch && own_unit < params.hidden) {
      let to = params.gates_at + b * params.gates_row + unit;
      for (var g = 0u; g < gates; g++) {
        dgates[to + g * params.hidden] = step.gates[g][r];
        if (has_own) {
          dx[to + g * params.hidden] = select(step.gates[g][r], step.own[r], g == gates - 1u);
        }
      }
      dh[b * params.hidden + unit] = step.h[r];
      if (has_cell) {
        dc[b * params.hidden + unit] = step.c[r];
      }
    }
  }
}

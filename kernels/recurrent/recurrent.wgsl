// h[t] = cell(x[t], h[t − 1]·w + b, state[t − 1]): one time step of a recurrent layer, for all its gates at once
// One invocation makes one unit of four rows; neighbours make neighbouring units, so that they read weights side by side.
// uses: place, activation
alias Gates = array<vec4f, 4>;
alias Saved = array<vec4f, 5>;

// A new state, four rows at once, and what its gradient will need.
struct Step {
  h: vec4f,
  c: vec4f,
  saved: Saved,
}

struct Params {
  // The time, for comparison with lengths.
  time: u32,
  batch: u32,
  hidden: u32,
  // Size of the state that is multiplied.
  inner: u32,
  // Workgroups along the units.
  unit_groups: u32,
  // Where this time's gates start, and how far apart rows are.
  x_at: u32,
  x_row: u32,
  y_at: u32,
  y_row: u32,
  // Where the state before starts in y.
  before: u32,
  saved_at: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> h0: array<f32>;
// The first cells; of a kind without, the bias.
@group(0) @binding(2) var<storage, read> c0: array<f32>;
// The weight, gates side by side; or the product h·w itself, when another kernel made it.
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read> lengths: array<i32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read_write> c: array<f32>;
@group(0) @binding(7) var<storage, read_write> saved: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;
override gates: u32 = 4u;
override saves: u32 = 5u;
override multiplied: bool = false;
// Whether the states before are h0 and c0.
override first: bool = false;
override has_cell: bool = true;
override has_bias: bool = false;
override has_lengths: bool = false;
// Whether the state that is multiplied is as wide as the one that is made.
override square: bool = true;

fn each_sigmoid(v: vec4f) -> vec4f {
  return vec4f(sigmoid_f32(v.x), sigmoid_f32(v.y), sigmoid_f32(v.z), sigmoid_f32(v.w));
}

fn each_tanh(v: vec4f) -> vec4f {
  return vec4f(tanh_f32(v.x), tanh_f32(v.y), tanh_f32(v.z), tanh_f32(v.w));
}

// The state from the input's share of the gates, the old state's share, the old state and the old cell.
fn cell(own: Gates, other: Gates, h: vec4f, c: vec4f) -> Step {
  let i = each_sigmoid(own[0] + other[0]);
  let f = each_sigmoid(own[1] + other[1]);
  let g = each_tanh(own[2] + other[2]);
  let o = each_sigmoid(own[3] + other[3]);
  let next = f * c + i * g;
  return Step(o * each_tanh(next), next, Saved(i, f, g, o, c));
}

fn state_before(row: u32, k: u32) -> f32 {
  if (first) {
    return h0[row * params.inner + k];
  }
  return y[params.before + row * params.y_row + k];
}

fn states_before(rows: vec4u, k: u32) -> vec4f {
  return vec4f(state_before(rows.x, k), state_before(rows.y, k), state_before(rows.z, k), state_before(rows.w, k));
}

fn cell_before(at: u32) -> f32 {
  if (first) {
    return c0[at];
  }
  return c[at];
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
  let width = gates * params.hidden;
  var other: Gates;
  if (has_bias) {
    for (var g = 0u; g < gates; g++) {
      other[g] = vec4f(c0[g * params.hidden + unit]);
    }
  }
  if (multiplied) {
    let products = rows * width + unit;
    for (var g = 0u; g < gates; g++) {
      let at = products + g * params.hidden;
      other[g] += vec4f(w[at.x], w[at.y], w[at.z], w[at.w]);
    }
  } else {
    for (var k = 0u; k < params.inner; k++) {
      let h = states_before(rows, k);
      for (var g = 0u; g < gates; g++) {
        other[g] += h * w[k * width + g * params.hidden + unit];
      }
    }
  }
  var own: Gates;
  let start = rows * params.x_row + params.x_at + unit;
  for (var g = 0u; g < gates; g++) {
    let at = start + g * params.hidden;
    own[g] = vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
  }
  let own_rows = rows * params.hidden + unit;
  var cells = vec4f();
  if (has_cell) {
    cells = vec4f(
      cell_before(own_rows.x),
      cell_before(own_rows.y),
      cell_before(own_rows.z),
      cell_before(own_rows.w),
    );
  }
  var states = vec4f();
  if (square) {
    states = states_before(rows, unit);
  }
  var step = cell(own, other, states, cells);
  if (has_lengths) {
    let live = vec4i(i32(params.time)) <
      vec4i(lengths[rows.x], lengths[rows.y], lengths[rows.z], lengths[rows.w]);
    step.h = select(states, step.h, live);
    step.c = select(cells, step.c, live);
  }
  for (var r = 0u; r < 4u; r++) {
    let b = row + r;
    if (b < params.batch && own_unit < params.hidden) {
      y[params.y_at + b * params.y_row + unit] = step.h[r];
      if (has_cell) {
        c[b * params.hidden + unit] = step.c[r];
      }
      for (var s = 0u; s < saves; s++) {
        saved[params.saved_at + (b * saves + s) * params.hidden + unit] = step.saved[s][r];
      }
    }
  }
}

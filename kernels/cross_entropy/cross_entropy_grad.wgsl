// dx[o, c, i] = dy · factor · ((1 − smoothing) w_t (p_c − [c = t]) + smoothing / C · (p_c Σ w − w_c)), p = softmax(x)
// One invocation makes `run` items of a row; neighbours are neighbouring rows, or neighbouring items where rows are shared.
// uses: place, items
struct Params {
  rows: u32,
  length: u32,
  classes: u32,
  inner: u32,
  // Invocations of a row, and items of an invocation.
  parts: u32,
  run: u32,
  ignore: i32,
  smoothing: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read> weight: array<Item>;
@group(0) @binding(3) var<storage, read> stats: array<vec4f>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read> factor: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<Item>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;
override shared_rows: bool = false;
override smooth_labels: bool = false;

// The gradient of the row's loss.
fn slope(row: u32) -> f32 {
  return dy[0] * factor[0];
}

// The probabilities of an item; of rows that are logarithms already they do not matter.
fn share(v: Item, stat: vec4f) -> Item {
  return exp((v - stat.x) - stat.y);
}

// Whose elements of item r are class c.
fn is_class(r: u32, c: i32) -> Item {
  return select(Item(0), Item(1), i32(r) == c);
}

fn weight_of(c: u32) -> f32 {
  return 1.0;
}

fn weights_at(r: u32) -> Item {
  return Item(1);
}

@compute @workgroup_size(group)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_index(id, groups) * group + lane;
  if (at >= params.rows * params.parts) {
    return;
  }
  let row = select(at % params.rows, at / params.parts, shared_rows);
  let first = select(at / params.rows * params.run, at % params.parts, shared_rows);
  let step = select(1u, params.parts, shared_rows);
  let last = select(min(first + params.run, params.length), params.length, shared_rows);
  let base = row / params.inner * params.length * params.inner + row % params.inner;
  let label = labels[row];
  let known = label >= 0 && u32(label) < params.classes;
  let ignored = label == params.ignore;
  let stat = stats[row];
  let s = poison(slope(row), select(1u, 0u, known || ignored));
  let own = s * weight_of(select(0u, u32(label), known)) * (1.0 - params.smoothing);
  let spread = s * params.smoothing / f32(params.classes);
  for (var r = first; r < last; r += step) {
    let p = share(x[base + r * params.inner], stat);
    var g = own * (p - is_class(r, label));
    if (smooth_labels) {
      g += spread * (p * stat.z - weights_at(r));
    }
    dx[base + r * params.inner] = select(g, Item(0), ignored);
  }
}

// loss[o, i] = w_t (log Σ_c exp(x[o, c, i]) − x[o, t, i]), t = labels[o, i]; with label smoothing the mean over all classes is mixed in
// One invocation makes one row of classes; neighbours differ in i, then in o.
// uses: place, items, exponentials
struct Params {
  rows: u32,
  // Items of a row, and classes.
  length: u32,
  classes: u32,
  inner: u32,
  ignore: i32,
  smoothing: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read> weight: array<Item>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;
// What each row counts in the mean.
@group(0) @binding(4) var<storage, read_write> counts: array<f32>;
// The largest element, log Σ exp(x − largest), and the sum of all weights.
@group(0) @binding(5) var<storage, read_write> stats: array<vec4f>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;
override smooth_labels: bool = false;

// The row's sum of exponentials; of rows that are logarithms already it is 1.
fn row_exponentials(base: u32) -> Exponentials {
  return exponentials(base, params.inner, 0u, params.length);
}

// Element c of the row that begins at item `base`.
fn element(base: u32, c: u32) -> f32 {
  return x[base + c * params.inner];
}

fn weight_of(c: u32) -> f32 {
  return 1.0;
}

// The weights of item r.
fn weights_at(r: u32) -> Item {
  return Item(1);
}

@compute @workgroup_size(group)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup_index(id, groups) * group + lane;
  if (row >= params.rows) {
    return;
  }
  let base = row / params.inner * params.length * params.inner + row % params.inner;
  let e = row_exponentials(base);
  let log_total = poison(log(e.total), e.nan);
  // Σ w_c (log-probability of c, without its sign), for the part that smoothing gives to all classes alike.
  var spread = 0.0;
  var all_weights = 0.0;
  if (smooth_labels) {
    var below = Item(0);
    var weights = Item(0);
    for (var begin = 0u; begin < params.length; begin += 64u) {
      let end = min(begin + 64u, params.length);
      var part = Item(0);
      for (var r = begin; r < end; r++) {
        let w = weights_at(r);
        part += w * (e.top - x[base + r * params.inner]);
        weights += w;
      }
      below += part;
    }
    all_weights = fold_sum(weights);
    spread = fold_sum(below) + all_weights * log_total;
  }
  let label = labels[row];
  let known = label >= 0 && u32(label) < params.classes;
  let class_index = select(0u, u32(label), known);
  let picked = weight_of(class_index);
  let own = picked * (log_total + (e.top - element(base, class_index)));
  let loss = (1.0 - params.smoothing) * own + params.smoothing / f32(params.classes) * spread;
  let ignored = label == params.ignore;
  // A label that is no class has no loss: NaN.
  let wrong = select(1u, 0u, known || ignored);
  losses[row] = select(poison(loss, wrong), 0.0, ignored);
  counts[row] = select(poison(picked, wrong), 0.0, ignored);
  stats[row] = vec4f(e.top, log_total, all_weights, 0.0);
}

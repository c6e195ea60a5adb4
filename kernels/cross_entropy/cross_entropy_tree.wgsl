// loss[row] = w_t (log Σ_c exp(x[row, c]) − x[row, t]), t = labels[row]; with label smoothing the mean over all classes is mixed in
// `width` neighbouring invocations share a row, each taking every width-th item; a workgroup of 256 has 256 / width rows.
// uses: place, items, tree
struct Params {
  rows: u32,
  length: u32,
  classes: u32,
  ignore: i32,
  smoothing: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read> weight: array<Item>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;
@group(0) @binding(4) var<storage, read_write> counts: array<f32>;
@group(0) @binding(5) var<storage, read_write> stats: array<vec4f>;
@group(0) @binding(32) var<uniform> params: Params;

override smooth_labels: bool = false;

struct Leaf {
  top: f32,
  // Σ exp(x − top)
  total: f32,
  // Σ w (top − x) and Σ w
  below: f32,
  weights: f32,
  nan: u32,
}

fn join(a: Leaf, b: Leaf) -> Leaf {
  let top = max(a.top, b.top);
  return Leaf(
    top,
    a.total * exp(a.top - top) + b.total * exp(b.top - top),
    lifted(a, top) + lifted(b, top),
    a.weights + b.weights,
    a.nan | b.nan,
  );
}

// Σ w (top − x) for another top. Without items the old one is the lowest number, which must not come in.
fn lifted(v: Leaf, top: f32) -> f32 {
  return select(v.below + v.weights * (top - v.top), 0.0, v.weights == 0.0);
}

fn element(base: u32, c: u32) -> f32 {
  return x[base + c];
}

fn weight_of(c: u32) -> f32 {
  return 1.0;
}

fn weights_at(r: u32) -> Item {
  return Item(1);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup_index(id, groups) * (256u / width) + lane / width;
  let inside = row < params.rows;
  let base = row * params.length;
  let first = lane % width;
  let last = select(0u, params.length, inside);
  var top = Item(lowest);
  var worst = Bits(0u);
  for (var r = first; r < last; r += width) {
    let v = x[base + r];
    top = max(top, v);
    worst = max(worst, magnitude(v));
  }
  let m = fold_max(top);
  var total = Item(0);
  var below = Item(0);
  var weights = Item(0);
  for (var r = first; r < last; r += width) {
    let v = m - x[base + r];
    total += exp(-v);
    if (smooth_labels) {
      let w = weights_at(r);
      below += w * v;
      weights += w;
    }
  }
  let nan = select(0u, 1u, fold_bits(worst) > infinity_bits);
  let e = fold_tree(lane, Leaf(m, fold_sum(total), fold_sum(below), fold_sum(weights), nan));
  if (!inside || first != 0u) {
    return;
  }
  let log_total = poison(log(e.total), e.nan);
  let label = labels[row];
  let known = label >= 0 && u32(label) < params.classes;
  let class_index = select(0u, u32(label), known);
  let picked = weight_of(class_index);
  let own = picked * (log_total + (e.top - element(base, class_index)));
  var loss = own;
  if (smooth_labels) {
    let spread = e.below + e.weights * log_total;
    loss = (1.0 - params.smoothing) * own + params.smoothing / f32(params.classes) * spread;
  }
  let ignored = label == params.ignore;
  let wrong = select(1u, 0u, known || ignored);
  losses[row] = select(poison(loss, wrong), 0.0, ignored);
  counts[row] = select(poison(picked, wrong), 0.0, ignored);
  stats[row] = vec4f(e.top, log_total, e.weights, 0.0);
}

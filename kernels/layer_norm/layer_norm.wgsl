// y[row, r] = affine((x[row, r] − mean) · rstd, r), rstd = 1 / √(Σ_r (x[row, r] − mean)² / n + eps)
// One invocation makes one row; the weights, equal for neighbouring invocations, are read once for all of them.
// uses: place, items
struct Params {
  rows: u32,
  length: u32,
  // Elements of a row.
  count: f32,
  eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read> weight: array<Item>;
@group(0) @binding(2) var<storage, read> bias: array<Item>;
@group(0) @binding(3) var<storage, read_write> y: array<Item>;
@group(0) @binding(4) var<storage, read_write> means: array<f32>;
@group(0) @binding(5) var<storage, read_write> rstds: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;
// Whether the mean is subtracted; otherwise it is taken to be 0 (rmsNorm).
override centred: bool = true;

fn squared(v: Item) -> Item {
  return v * v;
}

fn affine(v: Item, r: u32) -> Item {
  return v * weight[r] + bias[r];
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
  let base = row * params.length;
  // Four items at a time stay in registers, where loads are dear: their mean, and the squares of their distances to it, join
  // those so far (Chan, Golub and LeVeque, 1983).
  var middle = Item(0);
  var square = Item(0);
  var seen = 0.0;
  let end = base + params.length;
  var at = base;
  for (; at + 4u <= end; at += 4u) {
    let a = x[at];
    let b = x[at + 1u];
    let c = x[at + 2u];
    let d = x[at + 3u];
    let own = select(Item(0), ((a + b) + (c + d)) * 0.25, centred);
    let apart = own - middle;
    let share = 4.0 / (seen + 4.0);
    square += (squared(a - own) + squared(b - own)) + (squared(c - own) + squared(d - own)) +
      squared(apart) * (seen * share);
    middle += apart * share;
    seen += 4.0;
  }
  for (; at < end; at++) {
    let v = x[at];
    let own = select(Item(0), v, centred);
    let apart = own - middle;
    let share = 1.0 / (seen + 1.0);
    square += squared(v - own) + squared(apart) * (seen * share);
    middle += apart * share;
    seen += 1.0;
  }
  // The parts of an item are rows of their own up to here.
  let mean = fold_sum(middle) * seen / params.count;
  let rstd = inverseSqrt(fold_sum(square + squared(middle - mean) * seen) / params.count + params.eps);
  for (var r = 0u; r < params.length; r++) {
    y[base + r] = affine((x[base + r] - mean) * rstd, r);
  }
  means[row] = mean;
  rstds[row] = rstd;
}

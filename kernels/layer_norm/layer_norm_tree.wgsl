// y[row, r] = affine((x[row, r] − mean) · rstd, r), rstd = 1 / √(Σ_r (x[row, r] − mean)² / n + eps)
// `width` neighbouring invocations share a row, each taking every width-th item; a workgroup of 256 has 256 / width rows.
// uses: place, items, tree
alias Leaf = f32;

struct Params {
  rows: u32,
  length: u32,
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

override centred: bool = true;
// Items of an invocation that stay in registers; with `all_held` that is all of them, and x is read once.
alias Held = array<Item, 1>;
override held_items: u32 = 1u;
override all_held: bool = false;

fn join(a: Leaf, b: Leaf) -> Leaf {
  return a + b;
}

fn affine(v: Item, r: u32) -> Item {
  return v * weight[r] + bias[r];
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup_index(id, groups) * (256u / width) + lane / width;
  let base = row * params.length;
  let first = lane % width;
  let last = select(0u, params.length, row < params.rows);
  var held: Held;
  var total = Item(0);
  if (all_held) {
    for (var k = 0u; k < held_items; k++) {
      let r = first + k * width;
      if (r < last) {
        held[k] = x[base + r];
        total += held[k];
      }
    }
  } else if (centred) {
    for (var r = first; r < last; r += width) {
      total += x[base + r];
    }
  }
  var mean = 0.0;
  if (centred) {
    mean = fold_tree(lane, fold_sum(total)) / params.count;
  }
  var square = Item(0);
  if (all_held) {
    for (var k = 0u; k < held_items; k++) {
      if (first + k * width < last) {
        let d = held[k] - mean;
        square += d * d;
      }
    }
  } else {
    for (var r = first; r < last; r += width) {
      let d = x[base + r] - mean;
      square += d * d;
    }
  }
  let rstd = inverseSqrt(fold_tree(lane, fold_sum(square)) / params.count + params.eps);
  if (all_held) {
    for (var k = 0u; k < held_items; k++) {
      let r = first + k * width;
      if (r < last) {
        y[base + r] = affine((held[k] - mean) * rstd, r);
      }
    }
  } else {
    for (var r = first; r < last; r += width) {
      y[base + r] = affine((x[base + r] - mean) * rstd, r);
    }
  }
  if (row < params.rows && first == 0u) {
    means[row] = mean;
    rstds[row] = rstd;
  }
}

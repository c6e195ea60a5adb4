// y[row, r] = exp(x[row, r] − m) / Σ_r exp(x[row, r] − m), m = max_r x[row, r]; its logarithm with another finish()
// `width` neighbouring invocations share a row, each taking every width-th item; a workgroup of 256 has 256 / width rows.
// uses: place, exponentials_tree
struct Params {
  rows: u32,
  length: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read_write> y: array<Item>;
@group(0) @binding(32) var<uniform> params: Params;

// Items of an invocation that stay in registers; with `all_held` that is all of them, and x is read once.
alias Held = array<Item, 1>;
override held_items: u32 = 1u;
override all_held: bool = false;

fn prepare(total: Row) -> Row {
  return 1.0 / total;
}

fn finish(v: Item, prepared: Row) -> Item {
  return exp(v) * prepared;
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
  var top = Item(lowest);
  var worst = Bits(0u);
  var total = Item(0);
  if (all_held) {
    for (var k = 0u; k < held_items; k++) {
      let r = first + k * width;
      if (r < last) {
        held[k] = x[base + r];
        top = max(top, held[k]);
        worst = max(worst, magnitude(held[k]));
      }
    }
  } else {
    for (var r = first; r < last; r += width) {
      let v = x[base + r];
      top = max(top, v);
      worst = max(worst, magnitude(v));
    }
  }
  let m = fold_max(top);
  if (all_held) {
    for (var k = 0u; k < held_items; k++) {
      if (first + k * width < last) {
        total += exp(held[k] - m);
      }
    }
  } else {
    for (var r = first; r < last; r += width) {
      total += exp(x[base + r] - m);
    }
  }
  let e = fold_tree(lane, Leaf(m, fold_sum(total), select(0u, 1u, fold_bits(worst) > infinity_bits)));
  let infinite = bitcast<u32>(e.top) == infinity_bits;
  let wrong = e.nan | select(0u, 1u, infinite || e.total == 0.0);
  let prepared = poison(prepare(e.total), wrong);
  if (all_held) {
    for (var k = 0u; k < held_items; k++) {
      let r = first + k * width;
      if (r < last) {
        y[base + r] = finish(held[k] - e.top, prepared);
      }
    }
  } else {
    for (var r = first; r < last; r += width) {
      y[base + r] = finish(x[base + r] - e.top, prepared);
    }
  }
}

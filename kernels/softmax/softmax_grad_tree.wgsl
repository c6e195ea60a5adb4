// dx[row, r] = y[row, r] (dy[row, r] − Σ_r dy[row, r] y[row, r]); for the logarithm with other term() and result()
// `width` neighbouring invocations share a row, each taking every width-th item; a workgroup of 256 has 256 / width rows.
// uses: place, items, tree
alias Leaf = f32;

struct Params {
  rows: u32,
  length: u32,
}

@group(0) @binding(0) var<storage, read> y: array<Item>;
@group(0) @binding(1) var<storage, read> dy: array<Item>;
@group(0) @binding(2) var<storage, read_write> dx: array<Item>;
@group(0) @binding(32) var<uniform> params: Params;

// Items of an invocation that stay in registers; with `all_held` that is all of them, and each input is read once.
alias Held = array<Item, 1>;
override held_items: u32 = 1u;
override all_held: bool = false;

fn join(a: Leaf, b: Leaf) -> Leaf {
  return a + b;
}

fn term(y: Item, dy: Item) -> Item {
  return y * dy;
}

fn result(y: Item, dy: Item, sum: Row) -> Item {
  return y * (dy - sum);
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
  var held_y: Held;
  var held_dy: Held;
  var total = Item(0);
  if (all_held) {
    for (var k = 0u; k < held_items; k++) {
      let r = first + k * width;
      if (r < last) {
        held_y[k] = y[base + r];
        held_dy[k] = dy[base + r];
        total += term(held_y[k], held_dy[k]);
      }
    }
  } else {
    for (var r = first; r < last; r += width) {
      total += term(y[base + r], dy[base + r]);
    }
  }
  let sum = fold_tree(lane, fold_sum(total));
  if (all_held) {
    for (var k = 0u; k < held_items; k++) {
      let r = first + k * width;
      if (r < last) {
        dx[base + r] = result(held_y[k], held_dy[k], sum);
      }
    }
  } else {
    for (var r = first; r < last; r += width) {
      dx[base + r] = result(y[base + r], dy[base + r], sum);
    }
  }
}

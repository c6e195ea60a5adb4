// total = factor · Σ losses, factor = 1 / Σ counts for the mean and 1 for the sum
// One workgroup, each of its 256 invocations adding up every 256th row.
// uses: tree
alias Leaf = vec2f;

struct Params {
  rows: u32,
}

@group(0) @binding(0) var<storage, read> losses: array<f32>;
@group(0) @binding(1) var<storage, read> counts: array<f32>;
@group(0) @binding(2) var<storage, read_write> total: array<f32>;
@group(0) @binding(3) var<storage, read_write> factor: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

override averaged: bool = true;

fn join(a: Leaf, b: Leaf) -> Leaf {
  return a + b;
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sums = vec2f();
  for (var begin = lane; begin < params.rows; begin += 32u * 256u) {
    let end = min(begin + 32u * 256u, params.rows);
    var part = vec2f();
    for (var row = begin; row < end; row += 256u) {
      part += vec2f(losses[row], counts[row]);
    }
    sums += part;
  }
  let all = fold_tree(lane, sums);
  if (lane == 0u) {
    let share = select(1.0, 1.0 / all.y, averaged);
    factor[0] = share;
    total[0] = select(all.x, all.x / all.y, averaged);
  }
}

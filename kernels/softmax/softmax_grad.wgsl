// dx[o, r, i] = y[o, r, i] (dy[o, r, i] − Σ_r dy[o, r, i] y[o, r, i]); for the logarithm with other term() and result()
// One invocation makes one row, or four neighbouring rows at once; neighbours differ in i, then in o.
// uses: place, items
struct Params {
  rows: u32,
  length: u32,
  inner: u32,
}

@group(0) @binding(0) var<storage, read> y: array<Item>;
@group(0) @binding(1) var<storage, read> dy: array<Item>;
@group(0) @binding(2) var<storage, read_write> dx: array<Item>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;

// What an element adds to the row's sum.
fn term(y: Item, dy: Item) -> Item {
  return y * dy;
}

fn result(y: Item, dy: Item, sum: Row) -> Item {
  return y * (dy - sum);
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
  var total = Item(0);
  for (var begin = 0u; begin < params.length; begin += 64u) {
    let end = min(begin + 64u, params.length);
    var part = Item(0);
    for (var r = begin; r < end; r++) {
      let at = base + r * params.inner;
      part += term(y[at], dy[at]);
    }
    total += part;
  }
  let sum = fold_sum(total);
  for (var r = 0u; r < params.length; r++) {
    let at = base + r * params.inner;
    dx[at] = result(y[at], dy[at], sum);
  }
}

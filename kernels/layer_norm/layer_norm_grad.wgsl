// dx[row, r] = rstd (g_r − Σ_r g_r / n − h_r Σ_r g_r h_r / n), g_r = dy[row, r] · weight[r], h_r = (x[row, r] − mean) rstd
// One invocation makes one row; the weights, equal for neighbouring invocations, are read once for all of them.
// uses: place, items
struct Params {
  rows: u32,
  length: u32,
  count: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read> dy: array<Item>;
@group(0) @binding(2) var<storage, read> weight: array<Item>;
@group(0) @binding(3) var<storage, read> means: array<f32>;
@group(0) @binding(4) var<storage, read> rstds: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<Item>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;
override centred: bool = true;
const block = 64u;

fn weighted(dy: Item, r: u32) -> Item {
  return dy * weight[r];
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
  let mean = means[row];
  let rstd = rstds[row];
  var sums = Item(0);
  var products = Item(0);
  for (var begin = 0u; begin < params.length; begin += block) {
    let end = min(begin + block, params.length);
    var sum = Item(0);
    var product = Item(0);
    for (var r = begin; r < end; r++) {
      let g = weighted(dy[base + r], r);
      sum += g;
      product += g * (x[base + r] - mean);
    }
    sums += sum;
    products += product;
  }
  let shift = select(0.0, fold_sum(sums) / params.count, centred);
  let slope = fold_sum(products) * rstd * rstd / params.count;
  for (var r = 0u; r < params.length; r++) {
    let g = weighted(dy[base + r], r);
    dx[base + r] = rstd * (g - shift - (x[base + r] - mean) * slope);
  }
}

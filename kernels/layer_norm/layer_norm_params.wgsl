// a[c] = Σ_row dy[row, c] (x[row, c] − mean[row]) rstd[row],  b[c] = Σ_row dy[row, c], for each slice of the rows
// One invocation makes one item of both for one slice; neighbours differ in the column, so they share mean and rstd.
// uses: place, items
struct Params {
  rows: u32,
  columns: u32,
  slices: u32,
  slice: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read> dy: array<Item>;
@group(0) @binding(2) var<storage, read> means: array<f32>;
@group(0) @binding(3) var<storage, read> rstds: array<f32>;
@group(0) @binding(4) var<storage, read_write> a: array<Item>;
@group(0) @binding(5) var<storage, read_write> b: array<Item>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;
const block = 64u;

@compute @workgroup_size(group)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_index(id, groups) * group + lane;
  if (at >= params.columns * params.slices) {
    return;
  }
  let column = at % params.columns;
  let first = at / params.columns * params.slice;
  let last = min(first + params.slice, params.rows);
  var products = Item(0);
  var sums = Item(0);
  for (var begin = first; begin < last; begin += block) {
    let end = min(begin + block, last);
    var product = Item(0);
    var sum = Item(0);
    for (var row = begin; row < end; row++) {
      let g = dy[row * params.columns + column];
      product += g * ((x[row * params.columns + column] - means[row]) * rstds[row]);
      sum += g;
    }
    products += product;
    sums += sum;
  }
  a[at] = products;
  b[at] = sums;
}

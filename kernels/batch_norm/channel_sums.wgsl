// a[c] = Σ dy · (x − mean[c]) · rstd[c],  b[c] = Σ dy, over the elements of channel c, for each slice of a row
// One invocation makes one item of both for one slice of row (o, i); neighbours differ in i, then in o, then in the slice.
// uses: place, items
struct Params {
  rows: u32,
  length: u32,
  inner: u32,
  channels: u32,
  slices: u32,
  slice: u32,
  eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read> dy: array<Item>;
@group(0) @binding(2) var<storage, read> means: array<Row>;
@group(0) @binding(3) var<storage, read> variances: array<Row>;
@group(0) @binding(4) var<storage, read_write> a: array<Row>;
@group(0) @binding(5) var<storage, read_write> b: array<Row>;
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
  if (at >= params.rows * params.slices) {
    return;
  }
  let row = at % params.rows;
  let first = at / params.rows * params.slice;
  let last = min(first + params.slice, params.length);
  let base = row / params.inner * params.length * params.inner + row % params.inner;
  let mean = means[row % params.channels];
  var products = Item(0);
  var sums = Item(0);
  for (var begin = first; begin < last; begin += block) {
    let end = min(begin + block, last);
    var product = Item(0);
    var sum = Item(0);
    for (var r = begin; r < end; r++) {
      let g = dy[base + r * params.inner];
      product += g * (x[base + r * params.inner] - mean);
      sum += g;
    }
    products += product;
    sums += sum;
  }
  a[at] = fold_sum(products) * inverseSqrt(variances[row % params.channels] + params.eps);
  b[at] = fold_sum(sums);
}

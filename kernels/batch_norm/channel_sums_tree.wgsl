// a[c] = Σ dy · (x − mean[c]) · rstd[c],  b[c] = Σ dy, over the elements of channel c, for each row of them
// `width` neighbouring invocations share a slice of a row, each taking every width-th item; a workgroup has 256 / width.
// uses: place, items, tree
alias Leaf = vec2f;

struct Params {
  rows: u32,
  length: u32,
  channels: u32,
  slices: u32,
  slice: u32,
  eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read> dy: array<Item>;
@group(0) @binding(2) var<storage, read> means: array<f32>;
@group(0) @binding(3) var<storage, read> variances: array<f32>;
@group(0) @binding(4) var<storage, read_write> a: array<f32>;
@group(0) @binding(5) var<storage, read_write> b: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

fn join(a: Leaf, b: Leaf) -> Leaf {
  return a + b;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_index(id, groups) * (256u / width) + lane / width;
  let inside = at < params.rows * params.slices;
  let row = at / params.slices;
  let first = at % params.slices * params.slice;
  let last = select(first, min(first + params.slice, params.length), inside);
  let base = row * params.length;
  let channel = select(0u, row % params.channels, inside);
  let mean = means[channel];
  var product = Item(0);
  var sum = Item(0);
  for (var r = first + lane % width; r < last; r += width) {
    let g = dy[base + r];
    product += g * (x[base + r] - mean);
    sum += g;
  }
  let both = fold_tree(lane, vec2f(fold_sum(product), fold_sum(sum)));
  if (inside && lane % width == 0u) {
    let to = at % params.slices * params.rows + row;
    a[to] = both.x * inverseSqrt(variances[channel] + params.eps);
    b[to] = both.y;
  }
}

// y[row] = log Σ_r exp(x[row, r]), for each slice of the row
// `width` neighbouring invocations share a slice of a row, each taking every width-th item; a workgroup has 256 / width.
// uses: place, exponentials_tree
struct Params {
  rows: u32,
  length: u32,
  slices: u32,
  slice: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_index(id, groups) * (256u / width) + lane / width;
  let inside = at < params.rows * params.slices;
  let base = at / params.slices * params.length;
  let first = at % params.slices * params.slice;
  let last = select(0u, min(first + params.slice, params.length), inside);
  var top = Item(lowest);
  var worst = Bits(0u);
  for (var r = first + lane % width; r < last; r += width) {
    let v = x[base + r];
    top = max(top, v);
    worst = max(worst, magnitude(v));
  }
  let m = fold_max(top);
  var total = Item(0);
  for (var r = first + lane % width; r < last; r += width) {
    total += exp(x[base + r] - m);
  }
  let e = fold_tree(lane, Leaf(m, fold_sum(total), select(0u, 1u, fold_bits(worst) > infinity_bits)));
  if (inside && lane % width == 0u) {
    let infinite = bitcast<u32>(e.top) == infinity_bits;
    let value = bitcast<u32>(e.top + log(e.total));
    y[at] = poison(bitcast<f32>(select(value, bitcast<u32>(e.top), infinite)), e.nan);
  }
}

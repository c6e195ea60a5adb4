// y[o, i] = log Σ_r exp(x[o, r, i]), for each slice of the row
// One invocation makes one item of y for one slice of the row; neighbours differ in i, then in o, then in the slice.
// uses: place, items, exponentials
struct Params {
  rows: u32,
  length: u32,
  inner: u32,
  slices: u32,
  slice: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read_write> y: array<Row>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;

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
  let e = exponentials(base, params.inner, first, last);
  let infinite = bitcast<RowBits>(e.top) == RowBits(infinity_bits);
  let value = bitcast<RowBits>(e.top + log(e.total));
  y[at] = poison(bitcast<Row>(select(value, bitcast<RowBits>(e.top), infinite)), e.nan);
}

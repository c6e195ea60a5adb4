// y[o, r, i] = exp(x[o, r, i] − m) / Σ_r exp(x[o, r, i] − m), m = max_r x[o, r, i]; its logarithm with another finish()
// One invocation makes one row, or four neighbouring rows at once; neighbours differ in i, then in o.
// uses: place, items, exponentials
struct Params {
  rows: u32,
  length: u32,
  inner: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read_write> y: array<Item>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;

// What every element of a row needs of the row's sum.
fn prepare(total: Row) -> Row {
  return 1.0 / total;
}

// An element, less the row's largest one, as a result.
fn finish(v: Item, prepared: Row) -> Item {
  return exp(v) * prepared;
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
  let e = exponentials(base, params.inner, 0u, params.length);
  // A row with NaN or ∞, or of −∞ alone, is NaN.
  let infinite = bitcast<RowBits>(e.top) == RowBits(infinity_bits);
  let wrong = e.nan | select(RowBits(0u), RowBits(1u), infinite | (e.total == Row(0)));
  let prepared = poison(prepare(e.total), wrong);
  for (var r = 0u; r < params.length; r++) {
    let at = base + r * params.inner;
    y[at] = finish(x[at] - e.top, prepared);
  }
}

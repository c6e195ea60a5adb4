// y[o, r, i] = offsets[o, i] + Σ_{s ≤ r} x[o, s, i] in each slice of the row; s ≥ r when reversed, s < r when exclusive
// One invocation makes one slice of a row, or of four neighbouring rows; neighbours differ in i, then in o, then in the slice.
// uses: place
alias Item = f32;

struct Params {
  rows: u32,
  length: u32,
  inner: u32,
  slices: u32,
  slice: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read> offsets: array<Item>;
@group(0) @binding(2) var<storage, read_write> y: array<Item>;
@group(1) @binding(0) var<uniform> params: Params;

override group: u32 = 64u;
override reversed: bool = false;
override exclusive: bool = false;
override has_offsets: bool = false;

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
  var offset = Item(0);
  if (has_offsets) {
    offset = offsets[at];
  }
  var total = Item(0);
  for (var k = first; k < last; k++) {
    let r = select(k, first + (last - 1u - k), reversed);
    let here = base + r * params.inner;
    let v = x[here];
    let after = total + v;
    y[here] = offset + select(after, total, exclusive);
    total = after;
  }
}

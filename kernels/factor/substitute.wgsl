// y with T·y = b, T the lower triangle of t, or the upper one; with ones on its diagonal where `unit` is not 0
// One invocation makes one column of y, row after row; neighbours differ in the column.
// uses: place
struct Params {
  size: u32,
  columns: u32,
  count: u32,
  upper: u32,
  unit: u32,
}

@group(0) @binding(0) var<storage, read> t: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> order: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

// Which row of b belongs to row i of page `base`.
fn row_of(base: u32, i: u32) -> u32 {
  return i;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_index(id, groups) * 64u + lane;
  if (at >= params.count) {
    return;
  }
  let size = params.size;
  let columns = params.columns;
  let column = at % columns;
  let base = at / columns * size;
  for (var s = 0u; s < size; s++) {
    let i = select(s, size - 1u - s, params.upper != 0u);
    var v = b[(base + row_of(base, i)) * columns + column];
    for (var r = 0u; r < s; r++) {
      let k = select(r, size - 1u - r, params.upper != 0u);
      v -= t[(base + i) * size + k] * y[(base + k) * columns + column];
    }
    if (params.unit == 0u) {
      v /= t[(base + i) * size + i];
    }
    y[(base + i) * columns + column] = v;
  }
}

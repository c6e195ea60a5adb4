// means[o, i] = (1/n) Σ_r x[o, r, i],  squares[o, i] = finish(Σ_r (x[o, r, i] − mean)²), for each slice of the row
// One invocation makes one item of a result for one slice; neighbours differ in i, then in o, then in the slice.
// uses: place, items

struct Params {
  rows: u32,
  length: u32,
  inner: u32,
  slices: u32,
  slice: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read_write> means: array<Row>;
@group(0) @binding(2) var<storage, read_write> squares: array<Row>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;
// Elements in an item along the row.
override parts: u32 = 1u;
const block = 64u;

fn finish(v: Row) -> Row {
  return v * params.scale;
}

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
  let count = f32((last - first) * parts);
  var total = Item(0);
  for (var begin = first; begin < last; begin += block) {
    let to = min(begin + block, last);
    var part = Item(0);
    for (var r = begin; r < to; r++) {
      part += x[base + r * params.inner];
    }
    total += part;
  }
  let mean = fold_sum(total) / count;
  var square = Item(0);
  var rest = Item(0);
  for (var begin = first; begin < last; begin += block) {
    let to = min(begin + block, last);
    var part = Item(0);
    for (var r = begin; r < to; r++) {
      let d = x[base + r * params.inner] - mean;
      part += d * d;
      rest += d;
    }
    square += part;
  }
  // What the rounding of the mean left over: Σ d would be 0 with an exact one.
  let left = fold_sum(rest) / count;
  means[at] = mean + left;
  squares[at] = finish(fold_sum(square) - left * left * count);
}

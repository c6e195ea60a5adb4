// means[row] = (1/n) Σ_r x[row, r],  squares[row] = finish(Σ_r (x[row, r] − mean)²), for each slice of the row
// `width` neighbouring invocations share a slice of a row, each taking every width-th item; a workgroup has 256 / width.
// uses: place, items, tree
alias Leaf = vec2f;

struct Params {
  rows: u32,
  length: u32,
  slices: u32,
  slice: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read_write> means: array<f32>;
@group(0) @binding(2) var<storage, read_write> squares: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

override parts: u32 = 1u;

fn join(a: Leaf, b: Leaf) -> Leaf {
  return a + b;
}

fn finish(v: Row) -> Row {
  return v * params.scale;
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
  let count = f32((last - first) * parts);
  var total = Item(0);
  for (var r = first + lane % width; r < last; r += width) {
    total += x[base + r];
  }
  let mean = fold_tree(lane, vec2f(fold_sum(total), 0.0)).x / count;
  var square = Item(0);
  var rest = Item(0);
  for (var r = first + lane % width; r < last; r += width) {
    let d = x[base + r] - mean;
    square += d * d;
    rest += d;
  }
  let both = fold_tree(lane, vec2f(fold_sum(square), fold_sum(rest)));
  if (inside && lane % width == 0u) {
    let left = both.y / count;
    let to = at % params.slices * params.rows + row;
    means[to] = mean + left;
    squares[to] = finish(both.x - left * left * count);
  }
}

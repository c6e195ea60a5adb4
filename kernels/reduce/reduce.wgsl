// y[o, i] = finish(load(x[o, 0, i]) combined with load(x[o, 1, i]) and so on)
// One invocation makes one item of y for one slice of the row; neighbours differ in i, then in o, then in the slice.
// uses: place
alias In = f32;
alias Acc = f32;
alias Out = f32;

struct Params {
  rows: u32,
  length: u32,
  inner: u32,
  slices: u32,
  slice: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<In>;
@group(0) @binding(1) var<storage, read_write> y: array<Out>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;
// Long rows are summed block by block, so that rounding errors do not pile up.
const block = 64u;

fn start() -> Acc {
  return Acc(0);
}

fn load(v: In) -> Acc {
  return v;
}

fn combine(a: Acc, b: Acc) -> Acc {
  return a + b;
}

// Folds the parts of an item that lies along the row.
fn fold(v: Acc) -> Out {
  return v;
}

fn finish(v: Out) -> Out {
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
  var total = start();
  for (var begin = first; begin < last; begin += block) {
    let to = min(begin + block, last);
    var part = start();
    for (var r = begin; r < to; r++) {
      part = combine(part, load(x[base + r * params.inner]));
    }
    total = combine(total, part);
  }
  y[at] = finish(fold(total));
}

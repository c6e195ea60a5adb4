// y[row] = finish(load(x[row, 0]) combined with load(x[row, 1]) and so on)
// `width` neighbouring invocations share a slice of a row, each taking every width-th item; a workgroup has 256 / width.
// uses: place, tree
alias In = f32;
alias Acc = f32;
alias Out = f32;
alias Leaf = f32;

struct Params {
  rows: u32,
  length: u32,
  slices: u32,
  slice: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<In>;
@group(0) @binding(1) var<storage, read_write> y: array<Out>;
@group(0) @binding(32) var<uniform> params: Params;

const block = 16u;

fn start() -> Acc {
  return Acc(0);
}

fn load(v: In) -> Acc {
  return v;
}

fn combine(a: Acc, b: Acc) -> Acc {
  return a + b;
}

fn fold(v: Acc) -> Out {
  return v;
}

fn join(a: Leaf, b: Leaf) -> Leaf {
  return a + b;
}

fn finish(v: Out) -> Out {
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
  let last = select(0u, min(first + params.slice, params.length), inside);
  var total = start();
  for (var begin = first + lane % width; begin < last; begin += block * width) {
    let to = min(begin + block * width, last);
    var part = start();
    for (var r = begin; r < to; r += width) {
      part = combine(part, load(x[row * params.length + r]));
    }
    total = combine(total, part);
  }
  let all = fold_tree(lane, fold(total));
  if (inside && lane % width == 0u) {
    y[at] = finish(all);
  }
}

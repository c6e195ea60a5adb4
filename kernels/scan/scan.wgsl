// y[o, r, i] = store(x[o, 0, i] combined with … with x[o, r, i]); from the end of the row when reversed
// One invocation makes one slice of a row, or of four neighbouring rows; neighbours differ in i, then in o, then in the slice.
// uses: place, bits, log
alias In = f32;
alias Acc = f32;
alias Out = f32;

struct Params {
  rows: u32,
  length: u32,
  inner: u32,
  slices: u32,
  slice: u32,
}

@group(0) @binding(0) var<storage, read> x: array<In>;
@group(0) @binding(1) var<storage, read> before: array<Out>;
@group(0) @binding(2) var<storage, read_write> y: array<Out>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;
override reversed: bool = false;
// Long rows take three steps: what each slice gives in all, at [slice, row]; from those what stands before each slice, at
// the same places; then the slices, each from there on.
override totals: bool = false;
override offsets: bool = false;
override continued: bool = false;

fn start() -> Acc {
  return Acc(0);
}

fn combine(a: Acc, b: Acc) -> Acc {
  return a + b;
}

// The element at place r of the row that begins at `base`.
fn load(base: u32, r: u32) -> Acc {
  return x[base + r * params.inner];
}

fn store(v: Acc) -> Out {
  return v;
}

fn restore(v: Out, base: u32) -> Acc {
  return v;
}

@compute @workgroup_size(group)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_index(id, groups) * group + lane;
  if (at >= params.rows * select(params.slices, 1u, offsets)) {
    return;
  }
  let row = at % params.rows;
  let base = row / params.inner * params.length * params.inner + row % params.inner;
  var total = start();
  if (offsets) {
    for (var s = 0u; s < params.slices; s++) {
      let here = select(s, params.slices - 1u - s, reversed) * params.rows + row;
      y[here] = store(total);
      total = combine(total, restore(before[here], base));
    }
    return;
  }
  let first = at / params.rows * params.slice;
  let last = min(first + params.slice, params.length);
  var offset = start();
  if (continued) {
    offset = restore(before[at], base);
  }
  for (var k = first; k < last; k++) {
    let r = select(k, first + (last - 1u - k), reversed);
    total = combine(total, load(base, r));
    if (!totals) {
      y[base + r * params.inner] = store(combine(offset, total));
    }
  }
  if (totals) {
    y[at] = store(total);
  }
}

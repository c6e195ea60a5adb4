// values[o, i] = max over r of x[o, r, i], indices[o, i] = the first r where it is; the order is that of key()
// One invocation makes one item of a result for one slice of the row; neighbours differ in i, then in o, then in the slice.
// uses: place
alias In = u32;
alias Item = u32;
alias Row = u32;

struct Params {
  rows: u32,
  length: u32,
  inner: u32,
  slices: u32,
  slice: u32,
}

@group(0) @binding(0) var<storage, read> x: array<In>;
@group(0) @binding(1) var<storage, read> places: array<Item>;
@group(0) @binding(2) var<storage, read_write> values: array<Row>;
@group(0) @binding(3) var<storage, read_write> indices: array<Row>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;

fn key(v: In) -> Item {
  return v;
}

// The index of item r, which lies at `at`: known from r, or kept by an earlier pass over slices.
fn place(at: u32, r: u32) -> Item {
  return Item(r);
}

struct Best {
  key: Row,
  place: Row,
}

// The best part of an item that lies along the row.
fn fold(key: Item, place: Item) -> Best {
  return Best(key, place);
}

fn finish(v: Row) -> Row {
  return v;
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
  var best = key(x[base + first * params.inner]);
  var found = place(base + first * params.inner, first);
  for (var r = first + 1u; r < last; r++) {
    let here = base + r * params.inner;
    let candidate = key(x[here]);
    found = select(found, place(here, r), candidate > best);
    best = max(best, candidate);
  }
  let result = fold(best, found);
  values[at] = finish(result.key);
  indices[at] = result.place;
}

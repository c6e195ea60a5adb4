// values[row] = max over r of x[row, r], indices[row] = the first r where it is; the order is that of key()
// `width` neighbouring invocations share a slice of a row, each taking every width-th item; a workgroup has 256 / width.
// uses: place, tree
alias In = u32;
alias Item = u32;
alias Leaf = vec2u;

struct Params {
  rows: u32,
  length: u32,
  slices: u32,
  slice: u32,
}

@group(0) @binding(0) var<storage, read> x: array<In>;
@group(0) @binding(1) var<storage, read> places: array<Item>;
@group(0) @binding(2) var<storage, read_write> values: array<u32>;
@group(0) @binding(3) var<storage, read_write> indices: array<u32>;
@group(0) @binding(32) var<uniform> params: Params;

fn key(v: In) -> Item {
  return v;
}

fn place(at: u32, r: u32) -> Item {
  return Item(r);
}

struct Best {
  key: u32,
  place: u32,
}

fn fold(key: Item, place: Item) -> Best {
  return Best(key, place);
}

// The greater key, and of equal keys the earlier place.
fn join(a: Leaf, b: Leaf) -> Leaf {
  return select(a, b, b.x > a.x || (b.x == a.x && b.y < a.y));
}

fn finish(v: u32) -> u32 {
  return v;
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
  var leaf = vec2u(0u, 0xffffffffu);
  for (var r = first + lane % width; r < last; r += width) {
    let here = row * params.length + r;
    let best = fold(key(x[here]), place(here, r));
    leaf = join(leaf, vec2u(best.key, best.place));
  }
  let all = fold_tree(lane, leaf);
  if (inside && lane % width == 0u) {
    values[at] = finish(all.x);
    indices[at] = all.y;
  }
}

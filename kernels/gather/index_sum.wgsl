// y[o, k, i] = Σ src[o, order[t], i] over starts[k] ≤ t < starts[k + 1]: in place up to the end of a block, then by heads
// One invocation makes one element (four in the wide variant) of y; neighbours differ in i, then in k.
// uses: place, split
struct Params {
  size: vec4u,
  inner: vec4u,
  block: vec4u,
  length: u32,
  blocks: u32,
  count: u32,
}

alias Row = f32;

@group(0) @binding(0) var<storage, read> src: array<Row>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read> heads: array<Row>;
@group(0) @binding(4) var<storage, read_write> y: array<Row>;
@group(0) @binding(32) var<uniform> params: Params;

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
  let row = split(at, params.inner);
  let place = split(row.x, params.size);
  let o = place.x;
  let k = place.y;
  let start = starts[k];
  let stop = starts[k + 1u];
  var total = Row(0);
  if (start < stop) {
    let base = o * params.length * params.inner.x + row.y;
    let next = split(start, params.block).x + 1u;
    let near = min(stop, next * params.block.x);
    for (var t = start; t < near; t++) {
      total += src[base + order[t] * params.inner.x];
    }
    let last = min(split(stop + params.block.x - 1u, params.block).x, params.blocks);
    for (var b = next; b < last; b++) {
      total += heads[(o * params.blocks + b) * params.inner.x + row.y];
    }
  }
  y[at] = total;
}

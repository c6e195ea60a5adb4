// heads[o, b, i] = Σ src[o, order[t], i] over the first rows of block b that continue the key of the block in front
// One invocation makes one element (four in the wide variant); it lets long runs of one key be summed side by side.
// uses: place, split
struct Params {
  blocks: vec4u,
  inner: vec4u,
  length: u32,
  block: u32,
  count: u32,
}

alias Row = f32;

@group(0) @binding(0) var<storage, read> src: array<Row>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> sorted: array<u32>;
@group(0) @binding(3) var<storage, read_write> heads: array<Row>;
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
  let place = split(row.x, params.blocks);
  let start = place.y * params.block;
  let base = place.x * params.length * params.inner.x + row.y;
  let key = sorted[start];
  var total = Row(0);
  if (start > 0u && sorted[start - 1u] == key) {
    let stop = min(start + params.block, params.length);
    for (var t = start; t < stop; t++) {
      if (sorted[t] != key) {
        break;
      }
      total += src[base + order[t] * params.inner.x];
    }
  }
  heads[at] = total;
}

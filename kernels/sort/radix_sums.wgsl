// sums[r, c] = Σ counts[r, i] over the places i of chunk c
// One invocation makes one sum.
// uses: place
struct Params {
  rows: u32,
  length: u32,
  chunks: u32,
  chunk: u32,
}

@group(0) @binding(0) var<storage, read> counts: array<u32>;
@group(0) @binding(1) var<storage, read_write> sums: array<u32>;
@group(0) @binding(32) var<uniform> params: Params;

@compute @workgroup_size(32)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_index(id, groups) * 32u + lane;
  if (at >= params.rows * params.chunks) {
    return;
  }
  let row = at / params.chunks;
  let chunk = at % params.chunks;
  let stop = min((chunk + 1u) * params.chunk, params.length);
  var total = 0u;
  for (var i = chunk * params.chunk; i < stop; i++) {
    total += counts[row * params.length + i];
  }
  sums[at] = total;
}

// counts[r, i] ← Σ of counts[r, 0 … i − 1], with the sums of whole chunks at hand
// One invocation rewrites one chunk.
// uses: place
struct Params {
  rows: u32,
  length: u32,
  chunks: u32,
  chunk: u32,
}

@group(0) @binding(0) var<storage, read> sums: array<u32>;
@group(0) @binding(1) var<storage, read_write> counts: array<u32>;
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
  var total = 0u;
  for (var c = 0u; c < chunk; c++) {
    total += sums[row * params.chunks + c];
  }
  let stop = min((chunk + 1u) * params.chunk, params.length);
  for (var i = chunk * params.chunk; i < stop; i++) {
    let here = row * params.length + i;
    let count = counts[here];
    counts[here] = total;
    total += count;
  }
}

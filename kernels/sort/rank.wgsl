// order[r, rank(i)] = i and sorted[r, rank(i)] = keys[r, i], rank(i) = keys of row r that are smaller, or equal and in front
// for the first `kept` of each row. One invocation places one key: a workgroup holds part of a row, or (packed) several short rows.
// uses: place
struct Params {
  rows: u32,
  length: u32,
  chunks: u32,
  rowsInGroup: u32,
  kept: u32,
}

@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read_write> order: array<u32>;
@group(0) @binding(2) var<storage, read_write> sorted: array<u32>;
@group(0) @binding(32) var<uniform> params: Params;

override packed: bool = false;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = workgroup_index(id, groups);
  var row = group / params.chunks;
  var i = (group % params.chunks) * 64u + lane;
  if (packed) {
    row = group * params.rowsInGroup + lane / params.length;
    i = lane % params.length;
    if (lane >= params.rowsInGroup * params.length) {
      return;
    }
  }
  if (row >= params.rows || i >= params.length) {
    return;
  }
  let base = row * params.length;
  let key = keys[base + i];
  var rank = 0u;
  for (var j = 0u; j < params.length; j++) {
    let other = keys[base + j];
    rank += select(0u, 1u, other < key || (other == key && j < i));
  }
  if (rank < params.kept) {
    order[row * params.kept + rank] = i;
    sorted[row * params.kept + rank] = key;
  }
}

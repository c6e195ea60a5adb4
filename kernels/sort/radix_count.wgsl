// counts[r, d, t] = how many keys in tile t of row r have digit d
// One invocation counts one tile, in places of its own.
// uses: place
struct Params {
  rows: u32,
  length: u32,
  tiles: u32,
  tile: u32,
  shift: u32,
  digits: u32,
}

@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read_write> counts: array<u32>;
@group(0) @binding(32) var<uniform> params: Params;

@compute @workgroup_size(32)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_index(id, groups) * 32u + lane;
  if (at >= params.rows * params.tiles) {
    return;
  }
  let row = at / params.tiles;
  let tile = at % params.tiles;
  let base = row * params.digits * params.tiles + tile;
  for (var d = 0u; d < params.digits; d++) {
    counts[base + d * params.tiles] = 0u;
  }
  let start = row * params.length;
  let stop = min((tile + 1u) * params.tile, params.length);
  for (var i = tile * params.tile; i < stop; i++) {
    let digit = (keys[start + i] >> params.shift) & (params.digits - 1u);
    counts[base + digit * params.tiles] += 1u;
  }
}

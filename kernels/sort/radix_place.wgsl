// Moves each key, and the place it came from, behind all keys of smaller digits and those of its own digit in front of it
// One invocation moves one tile, in order; `places` says where the next key of each digit and tile goes.
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
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read_write> places: array<u32>;
@group(0) @binding(3) var<storage, read_write> nextKeys: array<u32>;
@group(0) @binding(4) var<storage, read_write> nextOrder: array<u32>;
@group(0) @binding(32) var<uniform> params: Params;

// Whether keys are still in their first order, so that `order` has nothing to say.
override first: bool = false;

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
  let start = row * params.length;
  let stop = min((tile + 1u) * params.tile, params.length);
  for (var i = tile * params.tile; i < stop; i++) {
    let key = keys[start + i];
    let slot = base + ((key >> params.shift) & (params.digits - 1u)) * params.tiles;
    let place = start + places[slot];
    places[slot] += 1u;
    nextKeys[place] = key;
    var source = i;
    if (!first) {
      source = order[start + i];
    }
    nextOrder[place] = source;
  }
}

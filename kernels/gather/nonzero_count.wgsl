// counts[t] = how many elements of tile t are not 0; 0 behind the last tile
// One invocation counts one tile.
// uses: place
struct Params {
  length: u32,
  tiles: u32,
  tile: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> counts: array<u32>;
@group(0) @binding(32) var<uniform> params: Params;

// The bits of a word that are 0 for the number 0: a float's sign is not among them.
override bits: u32 = 0xffffffffu;

@compute @workgroup_size(32)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = workgroup_index(id, groups) * 32u + lane;
  if (tile > params.tiles) {
    return;
  }
  let start = min(tile * params.tile, params.length);
  let stop = min(start + params.tile, params.length);
  var count = 0u;
  for (var i = start; i < stop; i++) {
    count += select(0u, 1u, (x[i] & bits) != 0u);
  }
  counts[tile] = count;
}

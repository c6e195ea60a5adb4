// places[k, axis] = the place along each axis of the k-th element that is not 0
// One invocation writes the places of one tile; `starts` says how many there are in front of it.
// uses: place
struct Params {
  sizes: array<vec4u, 2>,
  length: u32,
  tiles: u32,
  tile: u32,
  rank: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> places: array<i32>;
@group(0) @binding(32) var<uniform> params: Params;

override bits: u32 = 0xffffffffu;

@compute @workgroup_size(32)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = workgroup_index(id, groups) * 32u + lane;
  if (tile >= params.tiles) {
    return;
  }
  let stop = min((tile + 1u) * params.tile, params.length);
  var k = starts[tile];
  for (var i = tile * params.tile; i < stop; i++) {
    if ((x[i] & bits) != 0u) {
      var rest = i;
      for (var a = params.rank; a > 0u; a--) {
        let size = params.sizes[(a - 1u) >> 2u][(a - 1u) & 3u];
        places[k * params.rank + a - 1u] = i32(rest % size);
        rest = rest / size;
      }
      k++;
    }
  }
}

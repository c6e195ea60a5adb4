// y[q0, q1, …] = x[(q0 − before0) / step0, …] where all of these are whole and inside x, and `value` elsewhere
// One invocation writes one word (four in the wide variant) of y; neighbours differ in the last axis.
// uses: place, split
struct Params {
  axes: array<vec4u, 7>,
  places: array<vec4u, 7>,
  count: u32,
  value: u32,
}

alias Word = u32;

@group(0) @binding(0) var<storage, read> x: array<Word>;
@group(0) @binding(1) var<storage, read_write> y: array<Word>;
@group(0) @binding(32) var<uniform> params: Params;

override rank: u32 = 7u;
override stepped: bool = true;

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
  var rest = at;
  var source = 0u;
  var stride = 1u;
  var inside = true;
  for (var k = 0u; k < rank; k++) {
    let axis = rank - 1u - k;
    let size = params.places[axis].x;
    var p = rest;
    if (axis > 0u) {
      let q = split(rest, params.axes[axis]);
      rest = q.x;
      p = q.y;
    }
    // In front of x this wraps around to a place far behind it.
    p -= params.axes[axis].w;
    if (stepped) {
      inside = inside && p < 0x80000000u;
      let place = split(p & 0x7fffffffu, params.places[axis].yzwy);
      inside = inside && place.y == 0u;
      p = place.x;
    }
    inside = inside && p < size;
    source += p * stride;
    stride *= size;
  }
  var word = Word(params.value);
  if (inside) {
    word = x[source];
  }
  y[at] = word;
}

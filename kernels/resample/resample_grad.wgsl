// dx[o, p, i] = Σ weight(t, …) · dy[o, q, i] over the places q and taps t that read p, in increasing q
// One invocation makes one element (four in the wide variant) of dx; neighbours differ in i, then in p.
// uses: place, split, resample_taps
struct Params {
  step: vec4u,
  start: vec4u,
  sizes: vec4u,
  inner: vec4u,
  size: u32,
  outSize: u32,
  count: u32,
  scale: f32,
  offset: f32,
}

alias Row = f32;

@group(0) @binding(0) var<storage, read> dy: array<Row>;
@group(0) @binding(1) var<storage, read_write> dx: array<Row>;
@group(0) @binding(32) var<uniform> params: Params;

override taps: u32 = 2u;
override lead: i32 = 0;

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
  let place = split(row.x, params.sizes);
  let base = place.x * params.outSize * params.inner.x + row.y;
  let p = i32(place.y);
  // Places that may read p: a little more than the taps reach; at the ends also all those beyond.
  let last = f32(params.outSize - 1u);
  var first = 0u;
  var stop = params.outSize;
  if (params.scale > 0.0) {
    if (p > 0) {
      first = u32(clamp(floor((f32(p) - f32(taps) - params.offset) / params.scale) - 1.0, 0.0, last));
    }
    if (p < i32(params.size) - 1) {
      stop = u32(clamp(ceil((f32(p) + f32(taps) - params.offset) / params.scale) + 1.0, 0.0, last)) + 1u;
    }
  }
  var total = Row(0.0);
  for (var q = first; q < stop; q++) {
    let near = spot(q);
    var factor = 0.0;
    for (var t = 0u; t < taps; t++) {
      if (clamp(near.whole + i32(t) - lead, 0, i32(params.size) - 1) == p) {
        factor += weight(t, near.fraction);
      }
    }
    if (factor != 0.0) {
      total += factor * dy[base + q * params.inner.x];
    }
  }
  dx[at] = total;
}

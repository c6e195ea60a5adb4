// y[o, q, i] = Σ weight(t, p − ⌊p⌋) · x[o, ⌊p⌋ + t − lead, i], p the spot of q; places beyond the ends are the ends
// One invocation makes one element (four in the wide variant) of y; neighbours differ in i, then in q.
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

@group(0) @binding(0) var<storage, read> x: array<Row>;
@group(0) @binding(1) var<storage, read_write> y: array<Row>;
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
  let base = place.x * params.size * params.inner.x + row.y;
  let p = spot(place.y);
  var total = Row(0.0);
  for (var t = 0u; t < taps; t++) {
    let from_x = clamp(p.whole + i32(t) - lead, 0, i32(params.size) - 1);
    total += weight(t, p.fraction) * x[base + u32(from_x) * params.inner.x];
  }
  y[at] = total;
}

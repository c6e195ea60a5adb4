// y[o, q, i] = Σ weight(t, p − ⌊p⌋) · x[o, ⌊p⌋ + t − lead, i], p the spot of q; places beyond the ends are the ends
// One invocation makes one element (four in the wide variant) of y; neighbours differ in i, then in q.
// uses: place, resample_taps
struct Params {
  step: vec4u,
  start: vec4u,
  size: u32,
  outSize: u32,
  inner: u32,
  count: u32,
  scale: f32,
  offset: f32,
}

alias Row = f32;

@group(0) @binding(0) var<storage, read> x: array<Row>;
@group(0) @binding(1) var<storage, read_write> y: array<Row>;
@group(1) @binding(0) var<uniform> params: Params;

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
  let i = at % params.inner;
  let row = at / params.inner;
  let base = row / params.outSize * params.size * params.inner + i;
  let p = spot(row % params.outSize);
  var total = Row(0.0);
  for (var t = 0u; t < taps; t++) {
    let place = clamp(p.whole + i32(t) - lead, 0, i32(params.size) - 1);
    total += weight(t, p.fraction) * x[base + u32(place) * params.inner];
  }
  y[at] = total;
}

// x = v * numbers[0], for the elements v of 2 tensors
// A workgroup takes a part of one tensor: every n-th 64 quads of it, where n is the tensor's number of workgroups.
// The number of a workgroup when a long row of them is folded over x, y and z.
fn workgroup_index(id: vec3u, count: vec3u) -> u32 {
  return (id.z * count.y + id.y) * count.x + id.x;
}
struct Params {
  // Elements of each tensor.
  lengths: array<vec4u, 4>,
  // Number of workgroups up to and including each tensor.
  ends: array<vec4u, 4>,
  first: u32,
  number: f32,
}
@group(0) @binding(0) var<storage, read_write> x0: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> x1: array<vec4f>;
@group(0) @binding(2) var<storage, read> numbers: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;
fn changed(v: vec4f) -> vec4f {
  let number = params.number;
  return v * numbers[0];
}
@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = workgroup_index(id, groups);
  var tensor = 0u;
  var begin = 0u;
  for (var t = 0u; t < 1u; t++) {
    let end = params.ends[t / 4u][t % 4u];
    if (group >= end) {
      tensor = t + 1u;
      begin = end;
    }
  }
  let end = params.ends[tensor / 4u][tensor % 4u];
  if (group >= end) {
    return;
  }
  let length = params.lengths[tensor / 4u][tensor % 4u];
  let start = (group - begin) * 64u + lane;
  let step = (end - begin) * 64u;
  let quads = (length + 3u) / 4u;
  switch tensor {
    case 0u: {
      for (var at = start; at < quads; at += step) {
        let q = x0[at];
        let v = q;
        let w = changed(v);
        x0[at] = w;
      }
    }
    case 1u: {
      for (var at = start; at < quads; at += step) {
        let q = x1[at];
        let v = q;
        let w = changed(v);
        x1[at] = w;
      }
    }
    default: {
    }
  }
}

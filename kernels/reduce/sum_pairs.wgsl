// a[c] = Σ_k partial_a[k, c],  b[c] = Σ_k partial_b[k, c], in the order of k
// One invocation makes one column of both.
// uses: place
struct Params {
  columns: u32,
  parts: u32,
}

@group(0) @binding(0) var<storage, read> partial_a: array<f32>;
@group(0) @binding(1) var<storage, read> partial_b: array<f32>;
@group(0) @binding(2) var<storage, read_write> a: array<f32>;
@group(0) @binding(3) var<storage, read_write> b: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

override group: u32 = 64u;
const block = 32u;

@compute @workgroup_size(group)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = workgroup_index(id, groups) * group + lane;
  if (c >= params.columns) {
    return;
  }
  var total = vec2f();
  for (var begin = 0u; begin < params.parts; begin += block) {
    let end = min(begin + block, params.parts);
    var part = vec2f();
    for (var k = begin; k < end; k++) {
      part += vec2f(partial_a[k * params.columns + c], partial_b[k * params.columns + c]);
    }
    total += part;
  }
  a[c] = total.x;
  b[c] = total.y;
}

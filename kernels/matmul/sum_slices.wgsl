// y[i] = Σ_s x[s, i], in the order of s
// One invocation makes one item of y.
// uses: place
alias Item = f32;

struct Params {
  count: u32,
  slices: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read_write> y: array<Item>;
@group(0) @binding(32) var<uniform> params: Params;

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
  var total = Item();
  for (var s = 0u; s < params.slices; s++) {
    total += x[s * params.count + at];
  }
  y[at] = total;
}

// det = ± Π lu[i, i], minus for an odd number of exchanges; its sign, and log |det|
// One invocation makes one matrix' numbers.
// uses: place, log
struct Params {
  size: u32,
  pages: u32,
}

@group(0) @binding(0) var<storage, read> lu: array<f32>;
@group(0) @binding(1) var<storage, read> swaps: array<i32>;
@group(0) @binding(2) var<storage, read_write> det: array<f32>;
@group(0) @binding(3) var<storage, read_write> signs: array<f32>;
@group(0) @binding(4) var<storage, read_write> logs: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let page = workgroup_index(id, groups) * 64u + lane;
  if (page >= params.pages) {
    return;
  }
  let base = page * params.size;
  var product = 1.0;
  var direction = 1.0;
  var total = 0.0;
  for (var i = 0u; i < params.size; i++) {
    let v = lu[(base + i) * params.size + i];
    let turned = select(v, -v, u32(swaps[base + i]) != i);
    product *= turned;
    direction *= sign(turned);
    total += log_f32(abs(v));
  }
  det[page] = product;
  signs[page] = direction;
  logs[page] = total;
}

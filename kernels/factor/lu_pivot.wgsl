// swaps[page, step] = the row from `step` on with the largest |x[page, row, step]|; order[page] follows the exchange
// One invocation looks through one matrix' column.
// uses: place
struct Params {
  size: u32,
  step: u32,
  pages: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> swaps: array<i32>;
@group(0) @binding(2) var<storage, read_write> order: array<i32>;
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
  if (params.step == 0u) {
    for (var i = 0u; i < params.size; i++) {
      order[base + i] = i32(i);
    }
  }
  var pivot = params.step;
  var largest = abs(x[(base + pivot) * params.size + params.step]);
  for (var i = params.step + 1u; i < params.size; i++) {
    let v = abs(x[(base + i) * params.size + params.step]);
    if (v > largest) {
      largest = v;
      pivot = i;
    }
  }
  swaps[base + params.step] = i32(pivot);
  let other = order[base + pivot];
  order[base + pivot] = order[base + params.step];
  order[base + params.step] = other;
}

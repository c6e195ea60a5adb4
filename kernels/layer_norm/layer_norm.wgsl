// y[row, r] = affine((x[row, r] − mean) · rstd, r), rstd = 1 / √(Σ_r (x[row, r] − mean)² / n + eps)
// One invocation makes one row; the weights, equal for neighbouring invocations, are read once for all of them.
// uses: place, items
struct Params {
  rows: u32,
  length: u32,
  // Elements of a row.
  count: f32,
  eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read> weight: array<Item>;
@group(0) @binding(2) var<storage, read> bias: array<Item>;
@group(0) @binding(3) var<storage, read_write> y: array<Item>;
@group(0) @binding(4) var<storage, read_write> means: array<f32>;
@group(0) @binding(5) var<storage, read_write> rstds: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

override group: u32 = 64u;
// Whether the mean is subtracted; otherwise it is taken to be 0 (rmsNorm).
override centred: bool = true;
const block = 64u;

fn affine(v: Item, r: u32) -> Item {
  return v * weight[r] + bias[r];
}

@compute @workgroup_size(group)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup_index(id, groups) * group + lane;
  if (row >= params.rows) {
    return;
  }
  let base = row * params.length;
  var mean = 0.0;
  if (centred) {
    var total = Item(0);
    for (var begin = 0u; begin < params.length; begin += block) {
      let end = min(begin + block, params.length);
      var part = Item(0);
      for (var r = begin; r < end; r++) {
        part += x[base + r];
      }
      total += part;
    }
    mean = fold_sum(total) / params.count;
  }
  var square = Item(0);
  for (var begin = 0u; begin < params.length; begin += block) {
    let end = min(begin + block, params.length);
    var part = Item(0);
    for (var r = begin; r < end; r++) {
      let d = x[base + r] - mean;
      part += d * d;
    }
    square += part;
  }
  let rstd = inverseSqrt(fold_sum(square) / params.count + params.eps);
  for (var r = 0u; r < params.length; r++) {
    y[base + r] = affine((x[base + r] - mean) * rstd, r);
  }
  means[row] = mean;
  rstds[row] = rstd;
}

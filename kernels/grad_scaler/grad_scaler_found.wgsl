// found = whether a partial result counts elements that are not finite; norm = sqrt(sum of the squares)
// One workgroup in all: each invocation takes every 64th partial result, the first one combines what they have.
struct Params {
  count: u32,
}

// Sums of squares, and numbers of elements that are not finite.
@group(0) @binding(0) var<storage, read> partials: array<vec2f>;
// Whether the step is skipped, and the factor of its gradients, which are unscaled already.
@group(0) @binding(1) var<storage, read_write> control: array<f32>;
// Whether any optimizer's step is skipped before the next update.
@group(0) @binding(2) var<storage, read_write> skipped: array<f32>;
@group(0) @binding(3) var<storage, read_write> norm: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

var<workgroup> parts: array<vec2f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var part = vec2f();
  for (var at = lane; at < params.count; at += 64u) {
    part += partials[at];
  }
  parts[lane] = part;
  workgroupBarrier();
  if (lane == 0u) {
    var all = parts[0];
    for (var i = 1u; i < 64u; i++) {
      all += parts[i];
    }
    norm[0] = sqrt(all.x);
    let found = select(0.0, 1.0, all.y > 0.0);
    control[0] = found;
    control[1] = 1.0;
    skipped[0] = max(skipped[0], found);
  }
}

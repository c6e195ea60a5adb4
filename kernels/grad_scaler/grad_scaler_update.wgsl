// scale = max(scale · backoff, 2⁻¹²⁶) after a skipped step; scale · growth after `interval` steps in a row that were not skipped
// One invocation in all.
// uses: bits
@group(0) @binding(0) var<storage, read_write> scale: array<f32>;
// Steps since the scale changed.
@group(0) @binding(1) var<storage, read_write> tracker: array<f32>;
@group(0) @binding(2) var<storage, read_write> skipped: array<f32>;
// Growth, backoff, interval.
@group(0) @binding(3) var<storage, read> options: array<f32>;

@compute @workgroup_size(1)
fn main() {
  if (skipped[0] != 0.0) {
    // The smallest normal number: of what lies below, the inverse would be infinite.
    scale[0] = max(scale[0] * options[1], 0x1p-126f);
    tracker[0] = 0.0;
  } else {
    let successful = tracker[0] + 1.0;
    if (successful == options[2]) {
      let grown = scale[0] * options[0];
      if (is_finite(grown)) {
        scale[0] = grown;
      }
      tracker[0] = 0.0;
    } else {
      tracker[0] = successful;
    }
  }
  skipped[0] = 0.0;
}

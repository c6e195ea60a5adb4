// numbers = derive(options, steps counted so far + 1): what all elements of an optimizer's step have in common
// One invocation in all.
struct Params {
  options: u32,
}

@group(0) @binding(0) var<storage, read> options: array<f32>;
// 0: whether this step is skipped, 1: the factor of the gradients.
@group(0) @binding(1) var<storage, read> control: array<f32>;
@group(0) @binding(2) var<storage, read_write> numbers: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

// 1 - exp(-x) for x >= 0, exact to the last places also where x is small and the difference would cancel.
fn rise(x: f32) -> f32 {
  if (x > 0.25) {
    return 1.0 - exp(-x);
  }
  let s = 1.0 / 24.0 - x * (1.0 / 120.0 - x * (1.0 / 720.0 - x * (1.0 / 5040.0)));
  return x * (1.0 - x * (0.5 - x * (1.0 / 6.0 - x * s)));
}

// x / (exp(x) - 1) - 1 + x / 2 for x >= 0: x^2/12 - x^4/720 + ...
fn bernoulli(x: f32) -> f32 {
  if (x > 1.0) {
    return x * exp(-x) / (1.0 - exp(-x)) - 1.0 + 0.5 * x;
  }
  let s = x * x;
  return s * (1.0 / 12.0 - s * (1.0 / 720.0 - s * (1.0 / 30240.0 - s * (1.0 / 1209600.0 - s * (1.0 / 47900160.0)))));
}

fn derive(t: f32) {
}

@compute @workgroup_size(1)
fn main() {
  numbers[1] = control[0];
  numbers[2] = control[1];
  if (control[0] != 0.0) {
    return;
  }
  numbers[0] += 1.0;
  for (var i = 0u; i < params.options; i++) {
    numbers[4u + i] = options[i];
  }
  derive(numbers[0]);
}

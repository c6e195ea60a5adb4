// total = finish(combine(partials))
// One workgroup in all: each invocation takes every 64th partial, the first one combines what they have.
alias Part = f32;

struct Params {
  count: u32,
  exponent: f32,
}

@group(0) @binding(0) var<storage, read> partials: array<Part>;
@group(0) @binding(1) var<storage, read_write> total: array<f32>;
@group(0) @binding(32) var<uniform> params: Params;

var<workgroup> parts: array<Part, 64>;

fn combine(a: Part, b: Part) -> Part {
  return a + b;
}

fn finish(v: Part) -> f32 {
  return sqrt(v);
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var part = Part();
  for (var at = lane; at < params.count; at += 64u) {
    part = combine(part, partials[at]);
  }
  parts[lane] = part;
  workgroupBarrier();
  if (lane == 0u) {
    var all = parts[0];
    for (var i = 1u; i < 64u; i++) {
      all = combine(all, parts[i]);
    }
    total[0] = finish(all);
  }
}

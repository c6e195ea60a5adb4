// count[0] += by
// One invocation in all.
struct Params {
  by: i32,
}

@group(0) @binding(0) var<storage, read_write> count: array<i32>;
@group(0) @binding(32) var<uniform> params: Params;

@compute @workgroup_size(1)
fn main() {
  count[0] += params.by;
}

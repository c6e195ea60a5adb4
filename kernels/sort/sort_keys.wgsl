// keys[at] = a whole number for x[at] such that keys are in the order of the elements (or, descending, in the opposite one)
// One invocation makes one key. NaN is above all numbers, and 0 and −0 are equal.
// uses: place
struct Params {
  count: u32,
  flip: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> keys: array<u32>;
@group(0) @binding(32) var<uniform> params: Params;

fn key(word: u32) -> u32 {
  let size = word & 0x7fffffffu;
  if (size > 0x7f800000u) {
    return 0xffffffffu;
  }
  if (size == 0u) {
    return 0x80000000u;
  }
  return select(word | 0x80000000u, ~word, word != size);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_index(id, groups) * 64u + lane;
  if (at < params.count) {
    keys[at] = key(x[at]) ^ params.flip;
  }
}

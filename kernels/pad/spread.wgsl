// y[q0, q1, …] = x[(q0 − before0) / step0, …] where all of these are whole and inside x, and `value` elsewhere
// One invocation writes one word (four in the wide variant) of y; neighbours differ in the last axis.
// uses: place
struct Params {
  outSizes: array<vec4u, 2>,
  inSizes: array<vec4u, 2>,
  before: array<vec4u, 2>,
  step: array<vec4u, 2>,
  rank: u32,
  count: u32,
  value: u32,
}

alias Word = u32;

@group(0) @binding(0) var<storage, read> x: array<Word>;
@group(0) @binding(1) var<storage, read_write> y: array<Word>;
@group(1) @binding(0) var<uniform> params: Params;

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
  var rest = at;
  var source = 0u;
  var stride = 1u;
  var inside = true;
  for (var k = 0u; k < 8u; k++) {
    if (k >= params.rank) {
      break;
    }
    let axis = params.rank - 1u - k;
    let a = axis >> 2u;
    let b = axis & 3u;
    let q = rest % params.outSizes[a][b];
    rest = rest / params.outSizes[a][b];
    let before = params.before[a][b];
    let size = params.inSizes[a][b];
    let p = (q - before) / params.step[a][b];
    inside = inside && q >= before && p * params.step[a][b] == q - before && p < size;
    source += p * stride;
    stride *= size;
  }
  var word = Word(params.value);
  if (inside) {
    word = x[source];
  }
  y[at] = word;
}

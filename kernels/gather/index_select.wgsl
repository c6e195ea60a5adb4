// y[o, j, i] = x[o, index[j], i]; `missing` where index[j] lies outside, 0 where it is `skip`
// One invocation moves one word (four in the wide variant) of y; neighbours differ in i, then in j.
// uses: place
struct Params {
  size: u32,
  length: u32,
  inner: u32,
  count: u32,
  missing: u32,
  skip: i32,
}

alias Word = u32;

@group(0) @binding(0) var<storage, read> x: array<Word>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<Word>;
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
  let i = at % params.inner;
  let row = at / params.inner;
  let k = index[row % params.length];
  var word = Word(params.missing);
  if (k >= 0 && u32(k) < params.size) {
    word = x[(row / params.length * params.size + u32(k)) * params.inner + i];
  }
  if (k == params.skip) {
    word = Word(0u);
  }
  y[at] = word;
}

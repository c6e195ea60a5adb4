// y[o, j, i] = x[o, index[j], i]; `missing` where index[j] lies outside, 0 where it is `skip`
// One invocation moves `run` words (of four in the wide variant) of y, 64 apart; neighbours differ in i, then in j.
// uses: place, split
struct Params {
  length: vec4u,
  inner: vec4u,
  size: u32,
  count: u32,
  missing: u32,
  skip: i32,
  // Words of an invocation, one after the other.
  run: u32,
}

alias Word = u32;

@group(0) @binding(0) var<storage, read> x: array<Word>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<Word>;
@group(0) @binding(32) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = workgroup_index(id, groups) * params.run * 64u;
  let last = min(first + params.run * 64u, params.count);
  for (var at = first + lane; at < last; at += 64u) {
    let row = split(at, params.inner);
    let place = split(row.x, params.length);
    let k = index[place.y];
    var word = Word(params.missing);
    if (k >= 0 && u32(k) < params.size) {
      word = x[(place.x * params.size + u32(k)) * params.inner.x + row.y];
    }
    if (k == params.skip) {
      word = Word(0u);
    }
    y[at] = word;
  }
}

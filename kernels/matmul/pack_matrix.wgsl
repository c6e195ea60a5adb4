// y[batch, line, i] = i < length ? x[offset + batch·strides + line·lineStride + i·stride] : 0
// One invocation makes four neighbouring elements of a line, so that lines start at multiples of four.
// uses: place, halves
alias Word = f32;

struct Params {
  batchSizes: vec4u,
  batchStrides: vec4u,
  count: u32,
  lines: u32,
  length: u32,
  offset: u32,
  lineStride: u32,
  stride: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Word>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(32) var<uniform> params: Params;

fn value(i: u32) -> f32 {
  return x[i];
}

fn element(first: u32, i: u32) -> f32 {
  return select(0.0, value(first + i * params.stride), i < params.length);
}

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
  let quads = (params.length + 3u) / 4u;
  let line = at / quads % params.lines;
  let batch = at / (quads * params.lines);
  let w = batch % params.batchSizes.w;
  let z = batch / params.batchSizes.w % params.batchSizes.z;
  let v = batch / (params.batchSizes.w * params.batchSizes.z) % params.batchSizes.y;
  let u = batch / (params.batchSizes.w * params.batchSizes.z * params.batchSizes.y);
  let place = vec4u(u, v, z, w) * params.batchStrides;
  let first = params.offset + place.x + place.y + place.z + place.w + line * params.lineStride;
  let i = at % quads * 4u;
  y[at] = vec4f(element(first, i), element(first, i + 1u), element(first, i + 2u), element(first, i + 3u));
}

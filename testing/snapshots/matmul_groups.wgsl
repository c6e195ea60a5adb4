// y[batch, i, j] = Σ_reduce Σ_k a[batch, reduce, i, k] · b[batch, reduce, k, j]
// A workgroup makes a tile of 32 × 32, an invocation 4 × 2 of it.
struct Params {
  batchSizes: vec4u,
  batchA: vec4u,
  batchB: vec4u,
  reduceSizes: vec4u,
  reduceA: vec4u,
  reduceB: vec4u,
  batches: u32,
  reduce: u32,
  m: u32,
  n: u32,
  k: u32,
  offsetA: u32,
  rowA: u32,
  columnA: u32,
  offsetB: u32,
  rowB: u32,
  columnB: u32,
  rowY: u32,
  columnY: u32,
  rowTiles: u32,
  columnTiles: u32,
  slices: u32,
  slice: u32,
  sliceSize: u32,
  sumsAt: u32,
  tileRows: u32,
}
fn bf16_bits(x: f32) -> u32 {
  let u = bitcast<u32>(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) {
    return (u >> 16u) | 0x40u;
  }
  return (u + 0x7fffu + ((u >> 16u) & 1u)) >> 16u;
}
fn f16_value(bits: u32) -> f32 {
  let sign = (bits & 0x8000u) << 16u;
  let magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u) {
    return bitcast<f32>(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13u));
  }
  if (magnitude < 0x400u) {
    return bitcast<f32>(sign | bitcast<u32>(f32(magnitude) * 5.9604644775390625e-8));
  }
  return bitcast<f32>(sign | ((magnitude + 0x1c000u) << 13u));
}
fn pack_bf16(x: vec2f) -> u32 {
  return bf16_bits(x.x) | (bf16_bits(x.y) << 16u);
}
fn unpack_f16(w: u32) -> vec2f {
  return vec2f(f16_value(w & 0xffffu), f16_value(w >> 16u));
}
fn workgroup_index(id: vec3u, count: vec3u) -> u32 {
  return (id.z * count.y + id.y) * count.x + id.x;
}
@group(0) @binding(0) var<storage, read> a: array<vec2u>;
fn a_at(i: u32) -> vec4f {
  let words = a[i >> 2u];
  return vec4f(unpack_f16(words.x), unpack_f16(words.y));
}
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
fn put_sum(at: u32, x: f32) {
  sums[at] = x;
}
@group(0) @binding(4) var<storage, read> bias: array<f32>;
fn bias_at(j: u32) -> f32 {
  return bias[j];
}
fn put(at: u32, x: vec2f) {
  y[at >> 1u] = pack_bf16(x);
}
@group(0) @binding(32) var<uniform> params: Params;
var<private> base_a: u32;
var<private> base_b: u32;
var<private> base_y: u32;
var<private> base_sums: u32;
var<private> end: u32;
const NOWHERE = 0xffffffffu;
fn place_a(i: u32) -> u32 {
  return select(NOWHERE, base_a + i * params.rowA, i < params.m);
}
fn place_b(j: u32) -> u32 {
  return select(NOWHERE, base_b + j * params.columnB, j < params.n);
}
fn load_a(place: u32, k: u32) -> vec4f {
  if (place == NOWHERE || k >= end) {
    return vec4f();
  }
  return a_at(place + k * params.columnA);
}
fn load_b(place: u32, k: u32) -> f32 {
  if (place == NOWHERE || k >= end) {
    return f32();
  }
  return b[place + k * params.rowB];
}
fn store(i: u32, j: u32, value: vec2f) {
  if (i < params.m && j < params.n) {
    put(base_y + i * params.rowY + j * params.columnY, value + vec2f(bias_at(j + 0u), bias_at(j + 1u)));
  }
}
fn store_sums(i: u32, value: f32) {
  if (i < params.m && base_sums != NOWHERE) {
    put_sum(base_sums + i, value);
  }
}
var<workgroup> tile_a: array<f32, 544>;
var<workgroup> tile_b: array<f32, 544>;
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  var rest = workgroup_index(id, groups);
  let row = rest % params.rowTiles * 32u;
  rest = rest / params.rowTiles;
  let column = rest % params.columnTiles * 32u;
  rest = rest / params.columnTiles;
  let batch = rest % params.batches;
  let slice = rest / params.batches;
  if (slice >= params.slices) {
    return;
  }
  base_y = slice * params.sliceSize + batch * params.m * params.n;
  base_sums = select(NOWHERE, params.sumsAt + slice * params.sliceSize, column == 0u);
  let batchA = params.offsetA + batch % params.batchSizes.w * params.batchA.w + (batch / params.batchSizes.w) * params.batchA.z;
  let batchB = params.offsetB + batch % params.batchSizes.w * params.batchB.w + (batch / params.batchSizes.w) * params.batchB.z;
  let own_column = thread % 16u;
  let own_row = thread / 16u;
  var s0_0 = 0.0;
  var s0_1 = 0.0;
  var s1_0 = 0.0;
  var s1_1 = 0.0;
  var s2_0 = 0.0;
  var s2_1 = 0.0;
  var s3_0 = 0.0;
  var s3_1 = 0.0;
  var t0 = vec4f();
  let first = slice * params.slice;
  let last = min(first + params.slice, params.k);
  {
  end = last;
  base_a = batchA;
  base_b = batchB;
  let place_a0 = place_a(row + (thread / 4u));
  let place_b0 = place_b(column + (thread % 32u));
  for (var k = first; k < last; k += 16u) {
    let a0 = load_a(place_a0, k + (thread % 4u) * 4u);
    tile_a[((thread % 4u) * 4u) * 34u + (thread / 4u) + 0u] = a0.x;
    tile_a[((thread % 4u) * 4u) * 34u + (thread / 4u) + 34u] = a0.y;
    tile_a[((thread % 4u) * 4u) * 34u + (thread / 4u) + 68u] = a0.z;
    tile_a[((thread % 4u) * 4u) * 34u + (thread / 4u) + 102u] = a0.w;
    t0 += a0;
    let b0 = load_b(place_b0, k + (thread / 32u));
    tile_b[((thread / 32u)) * 34u + (thread % 32u)] = b0;
    let b1 = load_b(place_b0, k + (thread / 32u + 4u));
    tile_b[((thread / 32u + 4u)) * 34u + (thread % 32u)] = b1;
    let b2 = load_b(place_b0, k + (thread / 32u + 8u));
    tile_b[((thread / 32u + 8u)) * 34u + (thread % 32u)] = b2;
    let b3 = load_b(place_b0, k + (thread / 32u + 12u));
    tile_b[((thread / 32u + 12u)) * 34u + (thread % 32u)] = b3;
    workgroupBarrier();
    for (var step = 0u; step < 16u; step += 4u) {
      {
        let at_a = (step + 0u) * 34u;
        let at_b = (step + 0u) * 34u;
        let a0 = tile_a[at_a + own_row * 4u + 0u];
        let a1 = tile_a[at_a + own_row * 4u + 1u];
        let a2 = tile_a[at_a + own_row * 4u + 2u];
        let a3 = tile_a[at_a + own_row * 4u + 3u];
        let b0 = tile_b[at_b + own_column * 2u + 0u];
        let b1 = tile_b[at_b + own_column * 2u + 1u];
        s0_0 = fma(a0, b0, s0_0);
        s0_1 = fma(a0, b1, s0_1);
        s1_0 = fma(a1, b0, s1_0);
        s1_1 = fma(a1, b1, s1_1);
        s2_0 = fma(a2, b0, s2_0);
        s2_1 = fma(a2, b1, s2_1);
        s3_0 = fma(a3, b0, s3_0);
        s3_1 = fma(a3, b1, s3_1);
      }
      {
        let at_a = (step + 1u) * 34u;
        let at_b = (step + 1u) * 34u;
        let a0 = tile_a[at_a + own_row * 4u + 0u];
        let a1 = tile_a[at_a + own_row * 4u + 1u];
        let a2 = tile_a[at_a + own_row * 4u + 2u];
        let a3 = tile_a[at_a + own_row * 4u + 3u];
        let b0 = tile_b[at_b + own_column * 2u + 0u];
        let b1 = tile_b[at_b + own_column * 2u + 1u];
        s0_0 = fma(a0, b0, s0_0);
        s0_1 = fma(a0, b1, s0_1);
        s1_0 = fma(a1, b0, s1_0);
        s1_1 = fma(a1, b1, s1_1);
        s2_0 = fma(a2, b0, s2_0);
        s2_1 = fma(a2, b1, s2_1);
        s3_0 = fma(a3, b0, s3_0);
        s3_1 = fma(a3, b1, s3_1);
      }
      {
        let at_a = (step + 2u) * 34u;
        let at_b = (step + 2u) * 34u;
        let a0 = tile_a[at_a + own_row * 4u + 0u];
        let a1 = tile_a[at_a + own_row * 4u + 1u];
        let a2 = tile_a[at_a + own_row * 4u + 2u];
        let a3 = tile_a[at_a + own_row * 4u + 3u];
        let b0 = tile_b[at_b + own_column * 2u + 0u];
        let b1 = tile_b[at_b + own_column * 2u + 1u];
        s0_0 = fma(a0, b0, s0_0);
        s0_1 = fma(a0, b1, s0_1);
        s1_0 = fma(a1, b0, s1_0);
        s1_1 = fma(a1, b1, s1_1);
        s2_0 = fma(a2, b0, s2_0);
        s2_1 = fma(a2, b1, s2_1);
        s3_0 = fma(a3, b0, s3_0);
        s3_1 = fma(a3, b1, s3_1);
      }
      {
        let at_a = (step + 3u) * 34u;
        let at_b = (step + 3u) * 34u;
        let a0 = tile_a[at_a + own_row * 4u + 0u];
        let a1 = tile_a[at_a + own_row * 4u + 1u];
        let a2 = tile_a[at_a + own_row * 4u + 2u];
        let a3 = tile_a[at_a + own_row * 4u + 3u];
        let b0 = tile_b[at_b + own_column * 2u + 0u];
        let b1 = tile_b[at_b + own_column * 2u + 1u];
        s0_0 = fma(a0, b0, s0_0);
        s0_1 = fma(a0, b1, s0_1);
        s1_0 = fma(a1, b0, s1_0);
        s1_1 = fma(a1, b1, s1_1);
        s2_0 = fma(a2, b0, s2_0);
        s2_1 = fma(a2, b1, s2_1);
        s3_0 = fma(a3, b0, s3_0);
        s3_1 = fma(a3, b1, s3_1);
      }
    }
    workgroupBarrier();
  }
  }
  store(row + own_row * 4u + 0u, column + own_column * 2u + 0u, vec2f(s0_0, s0_1));
  store(row + own_row * 4u + 1u, column + own_column * 2u + 0u, vec2f(s1_0, s1_1));
  store(row + own_row * 4u + 2u, column + own_column * 2u + 0u, vec2f(s2_0, s2_1));
  store(row + own_row * 4u + 3u, column + own_column * 2u + 0u, vec2f(s3_0, s3_1));
  tile_a[((thread % 4u) * 4u) * 34u + (thread / 4u) + 0u] = t0.x;
  tile_a[((thread % 4u) * 4u) * 34u + (thread / 4u) + 34u] = t0.y;
  tile_a[((thread % 4u) * 4u) * 34u + (thread / 4u) + 68u] = t0.z;
  tile_a[((thread % 4u) * 4u) * 34u + (thread / 4u) + 102u] = t0.w;
  workgroupBarrier();
  for (var i = thread; i < 32u; i += 128u) {
    var total = 0.0;
    for (var d = 0u; d < 16u; d++) {
      total += tile_a[d * 34u + i];
    }
    store_sums(row + i, total);
  }
}

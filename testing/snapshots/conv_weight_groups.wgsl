// dw[r, c, tap] = Σ_(n, position) dy[n, r, position] · x[n, c, position + tap]
// A workgroup makes a tile of 32 × 32, an invocation 4 × 2 of it.
struct Params {
  rowTiles: u32,
  columnTiles: u32,
  groups: u32,
  slices: u32,
  slice: u32,
  sliceSize: u32,
  sumsAt: u32,
  m: u32,
  n: u32,
  k: u32,
  channels: u32,
  depth: u32,
  height: u32,
  width: u32,
  outDepth: u32,
  outHeight: u32,
  outWidth: u32,
  gridZ: u32,
  gridY: u32,
  gridX: u32,
  tapsZ: u32,
  tapsY: u32,
  tapsX: u32,
  firstTap: u32,
  tapStepZ: u32,
  tapStepY: u32,
  tapStepX: u32,
  weightRow: u32,
  weightChannel: u32,
  weightGroup: u32,
  stepZ: i32,
  stepY: i32,
  stepX: i32,
  spacingZ: i32,
  spacingY: i32,
  spacingX: i32,
  startZ: i32,
  startY: i32,
  startX: i32,
  apartZ: u32,
  apartY: u32,
  apartX: u32,
  toStart: u32,
  perTaps: f32,
  perTapsYX: f32,
  perTapsX: f32,
  perGridYX: f32,
  perGridX: f32,
}
fn workgroup_index(id: vec3u, count: vec3u) -> u32 {
  return (id.z * count.y + id.y) * count.x + id.x;
}
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
fn put(at: u32, x: f32) {
  y[at] = x;
}
@group(0) @binding(32) var<uniform> params: Params;
var<private> group: u32;
var<private> slice: u32;
var<private> summing: bool;
var<private> end: u32;
const NOWHERE = 0xffffffffu;
// index / divisor; for an index below 2^21 the quotient of f32 is exact after rounding down, and faster.
fn parts_of(index: u32, divisor: u32, inverse: f32) -> u32 {
  if (index < 2097152u) {
    return u32((f32(index) + 0.5) * inverse);
  }
  return index / divisor;
}
// Where a row or a column of the unfolded image lies: its image or channel, and the place that is moved by the rest.
struct Place {
  source: u32,
  at: vec3i,
  used: bool,
}
fn pixel(image: u32, at: vec3i) -> f32 {
  if (u32(at.y) >= params.height || u32(at.x) >= params.width) {
    return 0.0;
  }
  return x[image + u32(at.y) * params.width + u32(at.x)];
}
fn tap_of(index: u32) -> vec3u {
  let z = 0u;
  let rest = index;
  let y = parts_of(rest, params.tapsX, params.perTapsX);
  return vec3u(rest - y * params.tapsX, y, z);
}
fn position_of(index: u32) -> vec3u {
  let z = 0u;
  let rest = index;
  let y = parts_of(rest, params.gridX, params.perGridX);
  return vec3u(rest - y * params.gridX, y, z);
}
fn place_a(row: u32) -> u32 {
  return select(NOWHERE, group * params.m + row, row < params.m);
}
fn load_a(place: u32, k: u32) -> vec4f {
  if (place == NOWHERE || k >= end) {
    return vec4f();
  }
  let n = k / (params.outDepth * params.outHeight * params.outWidth);
  let gradient = (n * params.groups * params.m + place) * (params.outDepth * params.outHeight * params.outWidth) + k - n * (params.outDepth * params.outHeight * params.outWidth);
  return a[(gradient) >> 2u];
}
fn place_b(column: u32) -> Place {
  let channel = parts_of(column, params.tapsZ * params.tapsY * params.tapsX, params.perTaps);
  let at = vec3i(tap_of(column - channel * params.tapsZ * params.tapsY * params.tapsX)) * vec3i(params.spacingX, params.spacingY, params.spacingZ) + vec3i(params.startX, params.startY, params.startZ);
  return Place(channel, at, column < params.n);
}
fn load_b(place: Place, k: u32) -> f32 {
  if (!place.used || k >= end) {
    return 0.0;
  }
  let n = k / (params.outDepth * params.outHeight * params.outWidth);
  let at = vec3i(position_of(k - n * (params.outDepth * params.outHeight * params.outWidth))) * vec3i(params.stepX, params.stepY, params.stepZ);
  let image = ((n * params.groups + group) * params.channels + place.source) * (params.depth * params.height * params.width);
  return pixel(image, place.at + at);
}
fn store(row: u32, column: u32, value: f32) {
  if (row < params.m && column < params.n) {
    put(slice * params.sliceSize + (group * params.m + row) * params.n + column, value);
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
  group = rest % params.groups;
  let part = rest / params.groups;
  if (part >= params.slices) {
    return;
  }
  slice = part;
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
  let first = part * params.slice;
  let last = min(first + params.slice, params.k);
  end = last;
  let place_a0 = place_a(row + (thread / 4u));
  let place_b0 = place_b(column + (thread / 16u));
  let place_b1 = place_b(column + (thread / 16u + 8u));
  let place_b2 = place_b(column + (thread / 16u + 16u));
  let place_b3 = place_b(column + (thread / 16u + 24u));
  for (var k = first; k < last; k += 16u) {
    let a0 = load_a(place_a0, k + (thread % 4u) * 4u);
    tile_a[((thread % 4u) * 4u) * 34u + (thread / 4u) + 0u] = a0.x;
    tile_a[((thread % 4u) * 4u) * 34u + (thread / 4u) + 34u] = a0.y;
    tile_a[((thread % 4u) * 4u) * 34u + (thread / 4u) + 68u] = a0.z;
    tile_a[((thread % 4u) * 4u) * 34u + (thread / 4u) + 102u] = a0.w;
    let b0 = load_b(place_b0, k + (thread % 16u));
    tile_b[((thread % 16u)) * 34u + (thread / 16u)] = b0;
    let b1 = load_b(place_b1, k + (thread % 16u));
    tile_b[((thread % 16u)) * 34u + (thread / 16u + 8u)] = b1;
    let b2 = load_b(place_b2, k + (thread % 16u));
    tile_b[((thread % 16u)) * 34u + (thread / 16u + 16u)] = b2;
    let b3 = load_b(place_b3, k + (thread % 16u));
    tile_b[((thread % 16u)) * 34u + (thread / 16u + 24u)] = b3;
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
  store(row + own_row * 4u + 0u, column + own_column * 2u + 0u, s0_0);
  store(row + own_row * 4u + 0u, column + own_column * 2u + 1u, s0_1);
  store(row + own_row * 4u + 1u, column + own_column * 2u + 0u, s1_0);
  store(row + own_row * 4u + 1u, column + own_column * 2u + 1u, s1_1);
  store(row + own_row * 4u + 2u, column + own_column * 2u + 0u, s2_0);
  store(row + own_row * 4u + 2u, column + own_column * 2u + 1u, s2_1);
  store(row + own_row * 4u + 3u, column + own_column * 2u + 0u, s3_0);
  store(row + own_row * 4u + 3u, column + own_column * 2u + 1u, s3_1);
}


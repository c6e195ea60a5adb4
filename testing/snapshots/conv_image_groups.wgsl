// y[n, r, position] = Σ_(c, tap) w[r, c, tap] · x[n, c, position + tap]
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
@group(0) @binding(0) var<storage, read> a: array<f32>;
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
  if (u32(at.y) >= params.height || u32(at.x) >= params.width || u32(at.z) >= params.depth) {
    return 0.0;
  }
  return x[image + (u32(at.z) * params.height + u32(at.y)) * params.width + u32(at.x)];
}
fn tap_of(index: u32) -> vec3u {
  let z = parts_of(index, params.tapsY * params.tapsX, params.perTapsYX);
  let rest = index - z * params.tapsY * params.tapsX;
  let y = parts_of(rest, params.tapsX, params.perTapsX);
  return vec3u(rest - y * params.tapsX, y, z);
}
fn position_of(index: u32) -> vec3u {
  let z = parts_of(index, params.gridY * params.gridX, params.perGridYX);
  let rest = index - z * params.gridY * params.gridX;
  let y = parts_of(rest, params.gridX, params.perGridX);
  return vec3u(rest - y * params.gridX, y, z);
}
fn place_a(row: u32) -> u32 {
  return select(NOWHERE, group * params.weightGroup + row * params.weightRow, row < params.m);
}
fn load_a(place: u32, k: u32) -> f32 {
  if (place == NOWHERE || k >= end) {
    return f32();
  }
  let channel = parts_of(k, params.tapsZ * params.tapsY * params.tapsX, params.perTaps);
  let tap = tap_of(k - channel * params.tapsZ * params.tapsY * params.tapsX) * vec3u(params.tapStepX, params.tapStepY, params.tapStepZ);
  let weight = channel * params.weightChannel + params.firstTap + tap.x + tap.y + tap.z;
  return a[place + weight];
}
fn place_b(column: u32) -> Place {
  let n = column / (params.gridZ * params.gridY * params.gridX);
  let at = vec3i(position_of(column - n * (params.gridZ * params.gridY * params.gridX))) * vec3i(params.stepX, params.stepY, params.stepZ) + vec3i(params.startX, params.startY, params.startZ);
  return Place((n * params.groups + group) * params.channels * (params.depth * params.height * params.width), at, column < params.n);
}
fn load_b(place: Place, k: u32) -> f32 {
  if (!place.used || k >= end) {
    return 0.0;
  }
  let channel = parts_of(k, params.tapsZ * params.tapsY * params.tapsX, params.perTaps);
  let tap = vec3i(tap_of(k - channel * params.tapsZ * params.tapsY * params.tapsX)) * vec3i(params.spacingX, params.spacingY, params.spacingZ);
  return pixel(place.source + channel * (params.depth * params.height * params.width), place.at + tap);
}
fn store(row: u32, column: u32, value: f32) {
  if (row >= params.m || column >= params.n) {
    return;
  }
  let n = column / (params.gridZ * params.gridY * params.gridX);
  let image = ((n * params.groups + group) * params.m + row) * (params.outDepth * params.outHeight * params.outWidth);
  let at = position_of(column - n * (params.gridZ * params.gridY * params.gridX)) * vec3u(params.apartX, params.apartY, params.apartZ);
  let to = ((at.z * params.outHeight) + at.y) * params.outWidth + at.x + params.toStart;
  put(image + to, value);
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
  let place_a0 = place_a(row + (thread / 16u));
  let place_a1 = place_a(row + (thread / 16u + 8u));
  let place_a2 = place_a(row + (thread / 16u + 16u));
  let place_a3 = place_a(row + (thread / 16u + 24u));
  let place_b0 = place_b(column + (thread % 32u));
  for (var k = first; k < last; k += 16u) {
    let a0 = load_a(place_a0, k + (thread % 16u));
    tile_a[((thread % 16u)) * 34u + (thread / 16u)] = a0;
    let a1 = load_a(place_a1, k + (thread % 16u));
    tile_a[((thread % 16u)) * 34u + (thread / 16u + 8u)] = a1;
    let a2 = load_a(place_a2, k + (thread % 16u));
    tile_a[((thread % 16u)) * 34u + (thread / 16u + 16u)] = a2;
    let a3 = load_a(place_a3, k + (thread % 16u));
    tile_a[((thread % 16u)) * 34u + (thread / 16u + 24u)] = a3;
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
  store(row + own_row * 4u + 0u, column + own_column * 2u + 0u, s0_0);
  store(row + own_row * 4u + 0u, column + own_column * 2u + 1u, s0_1);
  store(row + own_row * 4u + 1u, column + own_column * 2u + 0u, s1_0);
  store(row + own_row * 4u + 1u, column + own_column * 2u + 1u, s1_1);
  store(row + own_row * 4u + 2u, column + own_column * 2u + 0u, s2_0);
  store(row + own_row * 4u + 2u, column + own_column * 2u + 1u, s2_1);
  store(row + own_row * 4u + 3u, column + own_column * 2u + 0u, s3_0);
  store(row + own_row * 4u + 3u, column + own_column * 2u + 1u, s3_1);
}


// dx[row, r] = rstd (g_r − Σ_r g_r / n − h_r Σ_r g_r h_r / n), g_r = dy[row, r] · weight[r], h_r = (x[row, r] − mean) rstd
// `width` neighbouring invocations share a row, each taking every width-th item; a workgroup of 256 has 256 / width rows.
// uses: place, items, tree
alias Leaf = vec2f;

struct Params {
  rows: u32,
  length: u32,
  count: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Item>;
@group(0) @binding(1) var<storage, read> dy: array<Item>;
@group(0) @binding(2) var<storage, read> weight: array<Item>;
@group(0) @binding(3) var<storage, read> means: array<f32>;
@group(0) @binding(4) var<storage, read> rstds: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<Item>;
@group(0) @binding(32) var<uniform> params: Params;

override centred: bool = true;
// Items of an invocation that stay in registers; with `all_held` that is all of them, and each input is read once.
alias Held = array<Item, 1>;
override held_items: u32 = 1u;
override all_held: bool = false;

fn join(a: Leaf, b: Leaf) -> Leaf {
  return a + b;
}

fn weighted(dy: Item, r: u32) -> Item {
  return dy * weight[r];
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup_index(id, groups) * (256u / width) + lane / width;
  let inside = row < params.rows;
  let base = row * params.length;
  let first = lane % width;
  let last = select(0u, params.length, inside);
  let stat = select(0u, row, inside);
  let mean = means[stat];
  let rstd = rstds[stat];
  var held_g: Held;
  var held_d: Held;
  var sum = Item(0);
  var product = Item(0);
  if (all_held) {
    for (var k = 0u; k < held_items; k++) {
      let r = first + k * width;
      if (r < last) {
        held_g[k] = weighted(dy[base + r], r);
        held_d[k] = x[base + r] - mean;
        sum += held_g[k];
        product += held_g[k] * held_d[k];
      }
    }
  } else {
    for (var r = first; r < last; r += width) {
      let g = weighted(dy[base + r], r);
      sum += g;
      product += g * (x[base + r] - mean);
    }
  }
  let both = fold_tree(lane, vec2f(fold_sum(sum), fold_sum(product))) / params.count;
  let shift = select(0.0, both.x, centred);
  let slope = both.y * rstd * rstd;
  if (all_held) {
    for (var k = 0u; k < held_items; k++) {
      let r = first + k * width;
      if (r < last) {
        dx[base + r] = rstd * (held_g[k] - shift - held_d[k] * slope);
      }
    }
  } else {
    for (var r = first; r < last; r += width) {
      let g = weighted(dy[base + r], r);
      dx[base + r] = rstd * (g - shift - (x[base + r] - mean) * slope);
    }
  }
}

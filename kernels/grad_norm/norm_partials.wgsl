// partials[s] = combine(term(x) for the elements of share s), over the shares of up to four tensors
// One invocation makes one share: every n-th quad of one tensor, where n is the tensor's number of shares.
// uses: place, halves
alias Quad = vec4f;
alias Acc = vec4f;
alias Part = f32;

struct Params {
  // Elements of each tensor.
  lengths: vec4u,
  // Number of shares up to and including each tensor.
  ends: vec4u,
  first: u32,
  exponent: f32,
}

@group(0) @binding(0) var<storage, read> x0: array<Quad>;
@group(0) @binding(1) var<storage, read> x1: array<Quad>;
@group(0) @binding(2) var<storage, read> x2: array<Quad>;
@group(0) @binding(3) var<storage, read> x3: array<Quad>;
@group(0) @binding(4) var<storage, read_write> partials: array<Part>;
@group(1) @binding(0) var<uniform> params: Params;

fn load(q: Quad) -> vec4f {
  return q;
}

fn term(v: vec4f) -> Acc {
  return v * v;
}

fn combine(a: Acc, b: Acc) -> Acc {
  return a + b;
}

fn fold(v: Acc) -> Part {
  return (v.x + v.y) + (v.z + v.w);
}

fn quad_of(tensor: u32, at: u32) -> vec4f {
  switch tensor {
    case 0u: {
      return load(x0[at]);
    }
    case 1u: {
      return load(x1[at]);
    }
    case 2u: {
      return load(x2[at]);
    }
    default: {
      return load(x3[at]);
    }
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let s = workgroup_index(id, groups) * 64u + lane;
  if (s >= params.ends.w) {
    return;
  }
  let tensor = u32(s >= params.ends.x) + u32(s >= params.ends.y) + u32(s >= params.ends.z);
  var begin = 0u;
  if (tensor > 0u) {
    begin = params.ends[tensor - 1u];
  }
  let shares = params.ends[tensor] - begin;
  let length = params.lengths[tensor];
  let whole = length / 4u;
  var total = Acc();
  for (var at = s - begin; at < whole; at += shares) {
    total = combine(total, term(quad_of(tensor, at)));
  }
  // The last quad may hold fewer than four elements; what lies behind them is anything.
  if (length % 4u != 0u && s == begin) {
    let rest = vec4u(0u, 1u, 2u, 3u) < vec4u(length % 4u);
    total = combine(total, term(select(vec4f(), quad_of(tensor, whole), rest)));
  }
  partials[params.first + s] = fold(total);
}

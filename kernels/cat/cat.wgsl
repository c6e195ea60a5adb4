// y[o, first + c] = the input whose columns hold c, at row o: up to seven inputs side by side
// One invocation moves one word (four in the wide variant); neighbours differ in c, then in o.
// uses: place, split
struct Params {
  ends: array<vec4u, 2>,
  columns: vec4u,
  first: u32,
  row: u32,
  count: u32,
}

alias Word = u32;

@group(0) @binding(0) var<storage, read> x0: array<Word>;
@group(0) @binding(1) var<storage, read> x1: array<Word>;
@group(0) @binding(2) var<storage, read> x2: array<Word>;
@group(0) @binding(3) var<storage, read> x3: array<Word>;
@group(0) @binding(4) var<storage, read> x4: array<Word>;
@group(0) @binding(5) var<storage, read> x5: array<Word>;
@group(0) @binding(6) var<storage, read> x6: array<Word>;
@group(0) @binding(7) var<storage, read_write> y: array<Word>;
@group(0) @binding(32) var<uniform> params: Params;

// How many inputs there are; the branches of the others fold away.
override inputs: u32 = 7u;

fn end(k: u32) -> u32 {
  return params.ends[k >> 2u][k & 3u];
}

// Where row o, column c of the input between two ends lies.
fn place(o: u32, c: u32, start: u32, stop: u32) -> u32 {
  return o * (stop - start) + c - start;
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
  let spot = split(at, params.columns);
  let o = spot.x;
  let c = spot.y;
  var word: Word;
  if (inputs == 1u || c < end(0u)) {
    word = x0[place(o, c, 0u, end(0u))];
  } else if (inputs == 2u || c < end(1u)) {
    word = x1[place(o, c, end(0u), end(1u))];
  } else if (inputs == 3u || c < end(2u)) {
    word = x2[place(o, c, end(1u), end(2u))];
  } else if (inputs == 4u || c < end(3u)) {
    word = x3[place(o, c, end(2u), end(3u))];
  } else if (inputs == 5u || c < end(4u)) {
    word = x4[place(o, c, end(3u), end(4u))];
  } else if (inputs == 6u || c < end(5u)) {
    word = x5[place(o, c, end(4u), end(5u))];
  } else {
    word = x6[place(o, c, end(5u), end(6u))];
  }
  y[o * params.row + params.first + c] = word;
}

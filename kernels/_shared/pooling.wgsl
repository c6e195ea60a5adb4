// uses: split
// Windows of a pool along an axis (0 down, 1 across). Kernels that use them have Params with
// sizes (input down, across, output down, across), steps (kernel down, across, stride down, across),
// edges (padding down, across, dilation down, across) and by (what last_reader divides by, down and across, and window).

// The first place of the window of output o, and its number of taps.
fn window(o: u32, axis: u32) -> vec2i {
  return vec2i(i32(o * params.steps[axis + 2u]) - i32(params.edges[axis]), i32(params.steps[axis]));
}

// The last output whose window begins at or in front of place i.
fn last_reader(i: u32, axis: u32) -> u32 {
  return split(i + params.edges[axis], params.by[axis]).x;
}

// Whether the window of output o, which begins at or in front of place i, reaches it.
fn holds(o: u32, i: u32, axis: u32) -> bool {
  return i + params.edges[axis] - o * params.steps[axis + 2u] < params.steps[axis];
}

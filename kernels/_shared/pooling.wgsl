// Windows of a pool along an axis (0 down, 1 across). Kernels that use them have Params with
// sizes (input down, across, output down, across), steps (kernel down, across, stride down, across)
// and edges (padding down, across, dilation down, across).

// The first place of the window of output o, and its number of taps.
fn window(o: u32, axis: u32) -> vec2i {
  return vec2i(i32(o * params.steps[axis + 2u]) - i32(params.edges[axis]), i32(params.steps[axis]));
}

// The first and the last output whose window may reach place i.
fn readers(i: u32, axis: u32) -> vec2i {
  let stride = i32(params.steps[axis + 2u]);
  let last = i32(i + params.edges[axis]);
  let reach = i32((params.steps[axis] - 1u) * params.edges[axis + 2u]);
  return vec2i(max(last - reach + stride - 1, 0) / stride, min(last / stride, i32(params.sizes[axis + 2u]) - 1));
}

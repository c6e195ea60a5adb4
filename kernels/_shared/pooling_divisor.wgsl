// What the sum over a window is divided by: its places, with those of the padding (but none behind it). A given divisor
// or the places inside the input alone take this function's place.
fn divisor(down: vec2i, across: vec2i) -> f32 {
  let rows = min(down.x + down.y, i32(params.sizes.x + params.edges.x)) - down.x;
  let columns = min(across.x + across.y, i32(params.sizes.y + params.edges.y)) - across.x;
  return f32(rows * columns);
}

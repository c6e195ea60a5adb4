// The greatest common divisor by Euclid's algorithm, which takes at most 47 steps in 32 bits.
fn gcd_u32(x: u32, y: u32) -> u32 {
  var a = x;
  var b = y;
  for (var k = 0u; k < 48u && b != 0u; k++) {
    let rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

fn gcd_i32(x: i32, y: i32) -> i32 {
  return i32(gcd_u32(u32(abs(x)), u32(abs(y))));
}

// uses: divide
// n / d and n % d for n < 2³¹, where `by` holds d with its multiplier and shift.
fn split(n: u32, by: vec4u) -> vec2u {
  let quotient = divide(n, by.y, by.z);
  return vec2u(quotient, n - quotient * by.x);
}

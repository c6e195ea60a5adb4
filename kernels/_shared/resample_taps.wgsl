// Where place q of a resampled axis lies in the axis, and what the neighbours count; other modes put theirs in the place.
struct Spot {
  whole: i32,
  fraction: f32,
}

// q · step + start in 32.32 fixed point: f32 would lose the fraction of places far from the front.
fn fixed_spot(q: u32) -> Spot {
  let a = q & 0xffffu;
  let b = q >> 16u;
  let c = params.step.y & 0xffffu;
  let d = params.step.y >> 16u;
  let middle = ((a * c) >> 16u) + ((a * d) & 0xffffu) + ((b * c) & 0xffffu);
  let low = ((a * c) & 0xffffu) | (middle << 16u);
  let high = b * d + ((a * d) >> 16u) + ((b * c) >> 16u) + (middle >> 16u);
  let sum = low + params.start.y;
  let whole = high + q * params.step.x + params.start.x + select(0u, 1u, sum < low);
  return Spot(bitcast<i32>(whole), f32(sum) * 2.3283064365386963e-10);
}

fn spot(q: u32) -> Spot {
  let p = fixed_spot(q);
  if (p.whole < 0) {
    return Spot(0, 0.0);
  }
  return p;
}

fn weight(t: u32, fraction: f32) -> f32 {
  return select(fraction, 1.0 - fraction, t == 0u);
}

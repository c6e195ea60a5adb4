import { divisorOf } from "./elementwise/layout.ts";

/**
 * A size with the multiplier and the shift that divide by it: the vec4u that `split` of kernels/_shared/split.wgsl
 * takes.
 */
export function splitBy(size: number): readonly number[] {
  return [size, ...divisorOf(Math.max(size, 1))];
}

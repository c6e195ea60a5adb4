import { normalizeDims, stridesOf } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { strided } from "../elementwise/view.ts";

/**
 * Reverses axes. Inside a chain it costs nothing.
 *
 * @param x Any shape
 * @param dims The axis or axes
 * @returns A tensor of the same shape
 * @throws {RangeError} If an axis does not exist or appears twice
 *
 * @example
 * ```ts
 * import { flip, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await flip(tensor([[1, 2], [3, 4]]), 1).array()); // [[2, 1], [4, 3]]
 * ```
 */
export function flip(x: Tensor, dims: number | readonly number[]): Tensor {
  const axes = normalizeDims("flip", dims, x.ndim);
  if (axes.every((axis) => x.shape[axis] < 2)) return x;
  const strides = stridesOf(x.shape);
  return strided(x, {
    name: "flip",
    shape: x.shape,
    strides: strides.map((stride, i) => axes.includes(i) ? -stride : stride),
    offset: axes.reduce((sum, axis) => sum + strides[axis] * (x.shape[axis] - 1), 0),
    grad: (dy) => flip(dy, axes),
  });
}

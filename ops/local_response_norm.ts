import { checkNames } from "../device/option_names.ts";
import { add, div, mul, square } from "../kernels/elementwise/arithmetic.ts";
import { pow } from "../kernels/elementwise/math.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { slice } from "../kernels/layout/slice.ts";
import { pad } from "../kernels/pad/pad.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { numel } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Options of {@link localResponseNorm}. */
export interface LocalResponseNormOptions {
  /** Channels that count. */
  size: number;
  /** Factor of the mean of squares; default 1e-4. */
  alpha?: number;
  /** Exponent; default 0.75. */
  beta?: number;
  /** Summand; default 1. */
  k?: number;
}

/**
 * Divides each channel by a power of the mean square of its neighbours: x / (k + alpha · mean)^beta (Krizhevsky and
 * others, 2012).
 *
 * @param x Shape [n, c, …]
 * @param options Neighbours and constants
 * @returns The same shape
 * @throws {RangeError} If size is not a whole number from 1 on
 *
 * @example
 * ```ts
 * import { init, localResponseNorm, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(localResponseNorm(ones([1, 5, 4, 4]), { size: 3 }).shape); // [1, 5, 4, 4]
 * ```
 */
export function localResponseNorm(x: Tensor, options: LocalResponseNormOptions): Tensor {
  checkNames("normalise in localResponseNorm", options, { size: "required", alpha: true, beta: true, k: true });
  const { size, alpha = 1e-4, beta = 0.75, k = 1 } = options;
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(`Cannot normalise in localResponseNorm: size must be a whole number from 1 on, got ${size}`);
  }
  if (x.ndim < 3) {
    throw new ShapeError(
      "localResponseNorm",
      `Cannot normalise in localResponseNorm: there must be at least three axes, got ${showShape(x.shape)}`,
      [x.shape],
    );
  }
  const [n, c, ...rest] = x.shape;
  const squares = reshape(square(x), [n, c, numel(rest)]);
  const wide = pad(squares, [0, 0, size >> 1, (size - 1) >> 1]);
  let total = slice(wide, { dim: 1, end: c });
  for (let i = 1; i < size; i++) total = add(total, slice(wide, { dim: 1, start: i, end: i + c }));
  return div(x, pow(reshape(add(mul(total, alpha / size), k), x.shape), beta));
}

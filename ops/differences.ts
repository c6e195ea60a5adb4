/** Differences of neighbours, and integrals of evenly spaced values. */
import { cumsum } from "../kernels/scan/cumsum.ts";
import { checkNames } from "../device/option_names.ts";
import { add, mul, sub } from "../kernels/elementwise/arithmetic.ts";
import { select, slice } from "../kernels/layout/slice.ts";
import { sum } from "../kernels/reduce/sum.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Which axis, and how often, {@link diff} subtracts. */
export interface DiffOptions {
  /** How often; default 1. */
  n?: number;
  /** The axis; default −1. */
  dim?: number;
}

/**
 * Differences of neighbours along an axis.
 *
 * @param x At least one axis
 * @param options How often, and along which axis
 * @returns The shape of x with that axis shorter by n
 *
 * @example
 * ```ts
 * import { diff, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await diff(tensor([1, 4, 9, 16])).array()); // [3, 5, 7]
 * ```
 */
export function diff(x: Tensor, options: DiffOptions = {}): Tensor {
  checkNames("subtract in diff", options, { n: true, dim: true });
  const { n = 1, dim = -1 } = options;
  if (!Number.isInteger(n) || n < 0) {
    throw new RangeError(`Cannot subtract in diff: n must be a whole number from 0 on, got ${n}`);
  }
  let y = x;
  for (let i = 0; i < n && y.size(dim) > 0; i++) y = sub(slice(y, { dim, start: 1 }), slice(y, { dim, end: -1 }));
  return y;
}

/** Which axis, or the distance of neighbours, of {@link trapezoid}. */
export interface TrapezoidOptions {
  /** The axis; default −1. */
  dim?: number;
  /** The distance of neighbours; default 1. */
  dx?: number;
}

/**
 * The integral of evenly spaced values by the trapezoidal rule.
 *
 * @param y At least one axis
 * @param options Axis and distance
 * @returns The shape of y without the axis
 *
 * @example
 * ```ts
 * import { init, tensor, trapezoid } from "@fulgurite/core";
 *
 * await init();
 * console.log(await trapezoid(tensor([0, 1, 4.5])).item()); // 3.25
 * ```
 */
export function trapezoid(y: Tensor, options: TrapezoidOptions = {}): Tensor {
  checkNames("integrate in trapezoid", options, { dim: true, dx: true });
  const { dim = -1, dx = 1 } = options;
  const ends = add(select(y, { dim, index: 0 }), select(y, { dim, index: -1 }));
  return mul(sub(sum(y, { dim }), mul(ends, 0.5)), dx);
}

/**
 * The integrals of evenly spaced values from the first to each, by the trapezoidal rule.
 *
 * @param y At least one axis
 * @param options Axis and distance
 * @returns The shape of y with the axis shorter by one
 *
 * @example
 * ```ts
 * import { cumulativeTrapezoid, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await cumulativeTrapezoid(tensor([0, 1, 4.5])).array()); // [0.5, 3.25]
 * ```
 */
export function cumulativeTrapezoid(y: Tensor, options: TrapezoidOptions = {}): Tensor {
  checkNames("integrate in cumulativeTrapezoid", options, { dim: true, dx: true });
  const { dim = -1, dx = 1 } = options;
  return cumsum(mul(add(slice(y, { dim, start: 1 }), slice(y, { dim, end: -1 })), dx / 2), { dim });
}

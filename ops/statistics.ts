import { checkNames } from "../device/option_names.ts";
import { div, maximum, mul, sub } from "../kernels/elementwise/arithmetic.ts";
import { maskedFill } from "../kernels/elementwise/choice.ts";
import { isclose, isnan, logicalNot, ne } from "../kernels/elementwise/compare.ts";
import { sqrt } from "../kernels/elementwise/math.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { all } from "../kernels/reduce/logic.ts";
import { transpose } from "../kernels/layout/views.ts";
import { matmul } from "../kernels/matmul/matmul.ts";
import { amax, amin } from "../kernels/reduce/extremum.ts";
import { mean, type ReduceOptions, sum } from "../kernels/reduce/sum.ts";
import { norm } from "../kernels/reduce/norm.ts";
import { variance, type VarOptions } from "../kernels/reduce/var.ts";
import { isFloat } from "../tensor/dtype.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { normalizeDim } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { diagonal, unsqueeze } from "./shape.ts";

/**
 * The sum of the elements that are no NaN.
 *
 * @param x Any shape
 * @param options Axes and whether they stay; default: all axes
 * @returns The sums
 *
 * @example
 * ```ts
 * import { init, nansum, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await nansum(tensor([1, NaN, 2.5])).item()); // 3.5
 * ```
 */
export function nansum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return sum(isFloat(x.dtype) ? maskedFill(x, isnan(x), 0) : x, options);
}

/**
 * The mean of the elements that are no NaN; NaN where there are none.
 *
 * @param x Any shape, floating-point
 * @param options Axes and whether they stay; default: all axes
 * @returns The means
 *
 * @example
 * ```ts
 * import { init, nanmean, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await nanmean(tensor([1, NaN, 2.5])).item()); // 1.75
 * ```
 */
export function nanmean(x: Tensor, options: ReduceOptions = {}): Tensor {
  return div(nansum(x, options), sum(logicalNot(isnan(x)), options));
}

/**
 * How many elements are not 0.
 *
 * @param x Any shape
 * @param options Axes and whether they stay; default: all axes
 * @returns The counts, i32
 *
 * @example
 * ```ts
 * import { countNonzero, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await countNonzero(tensor([0, 3, 0, 4])).item()); // 2
 * ```
 */
export function countNonzero(x: Tensor, options: ReduceOptions = {}): Tensor {
  return sum(ne(x, 0), options);
}

/**
 * The smallest and the largest elements.
 *
 * @param x Any shape
 * @param options Axes and whether they stay; default: all axes
 * @returns The smallest, then the largest
 * @throws {ShapeError} If a reduced axis is empty
 *
 * @example
 * ```ts
 * import { aminmax, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const [low, high] = aminmax(tensor([3, 1, 2]));
 * console.log(await low.item(), await high.item()); // 1 3
 * ```
 */
export function aminmax(x: Tensor, options: ReduceOptions = {}): [Tensor, Tensor] {
  return [amin(x, options), amax(x, options)];
}

/**
 * Variance and mean along axes.
 *
 * @param x Any shape, floating-point
 * @param options Axes, whether they stay, and the correction
 * @returns The variance, then the mean
 *
 * @example
 * ```ts
 * import { init, tensor, varMean } from "@fulgurite/core";
 *
 * await init();
 * const [variance, mean] = varMean(tensor([1, 2, 3], { dtype: "f32" }));
 * console.log(await variance.item(), await mean.item()); // 1 2
 * ```
 */
export function varMean(x: Tensor, options: VarOptions = {}): [Tensor, Tensor] {
  const { correction: _, ...axes } = options;
  return [variance(x, options), mean(x, axes)];
}

/**
 * Standard deviation and mean along axes.
 *
 * @param x Any shape, floating-point
 * @param options Axes, whether they stay, and the correction
 * @returns The deviation, then the mean
 *
 * @example
 * ```ts
 * import { init, stdMean, tensor } from "@fulgurite/core";
 *
 * await init();
 * const [std, mean] = stdMean(tensor([1, 2, 3], { dtype: "f32" }));
 * console.log(await std.item(), await mean.item()); // 1 2
 * ```
 */
export function stdMean(x: Tensor, options: VarOptions = {}): [Tensor, Tensor] {
  const [v, m] = varMean(x, options);
  return [sqrt(v), m];
}

/** Options of {@link cov}. */
export interface CovOptions {
  /** What is taken off the number of observations; default 1. */
  correction?: number;
}

/**
 * The covariances of variables, which are rows; observations are columns.
 *
 * @param x [variables, observations], or [observations] of one variable
 * @param options The correction
 * @returns [variables, variables], or a number
 * @throws {ShapeError} If there are more axes
 *
 * @example
 * ```ts
 * import { cov, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await cov(tensor([[1, 2, 3], [6, 4, 2]], { dtype: "f32" })).array()); // [[1, -2], [-2, 4]]
 * ```
 */
export function cov(x: Tensor, options: CovOptions = {}): Tensor {
  checkNames("compute covariances in cov", options, { correction: true });
  const { correction = 1 } = options;
  if (x.ndim > 2) {
    throw new ShapeError(
      "cov",
      `Cannot compute covariances in cov: there must be one or two axes, the shape is ${showShape(x.shape)}`,
      [x.shape],
    );
  }
  const rows = x.ndim === 2 ? x : reshape(x, [1, -1]);
  const off = sub(rows, mean(rows, { dim: 1, keepdim: true }));
  const y = div(matmul(off, transpose(off, 0, 1)), Math.max(0, rows.shape[1] - correction));
  return x.ndim === 2 ? y : reshape(y, []);
}

/**
 * Pearson's correlations of variables, which are rows; observations are columns.
 *
 * @param x [variables, observations], or [observations] of one variable
 * @returns [variables, variables], or a number
 *
 * @example
 * ```ts
 * import { corrcoef, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await corrcoef(tensor([[1, 2, 3], [6, 4, 2]], { dtype: "f32" })).array()); // about [[1, -1], [-1, 1]]
 * ```
 */
export function corrcoef(x: Tensor): Tensor {
  const c = cov(x);
  if (c.ndim === 0) return div(c, c);
  const deviation = sqrt(diagonal(c));
  return div(div(c, unsqueeze(deviation, 1)), deviation);
}

/** Which axis, and by which norm, {@link renorm} bounds. */
export interface RenormOptions {
  /** Exponent of the norm; default 2. */
  p?: number;
  /** Slices along this axis are bounded; default 0. */
  dim?: number;
}

/**
 * Slices along an axis, scaled down to a norm of at most `maxNorm`.
 *
 * @param x At least two axes, floating-point
 * @param maxNorm The largest norm
 * @param options Norm and axis
 * @returns The same shape
 *
 * @example
 * ```ts
 * import { init, renorm, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await renorm(tensor([[3, 4], [0.3, 0.4]]), 1).array()); // about [[0.6, 0.8], [0.3, 0.4]]
 * ```
 */
export function renorm(x: Tensor, maxNorm: number, options: RenormOptions = {}): Tensor {
  checkNames("bound norms in renorm", options, { p: true, dim: true });
  const { p = 2, dim = 0 } = options;
  const axis = normalizeDim("renorm", dim, x.ndim);
  const others = [...x.shape.keys()].filter((i) => i !== axis);
  return mul(x, div(maxNorm, maximum(norm(x, { p, dim: others, keepdim: true }), maxNorm)));
}

/**
 * Whether two tensors have the same shape and equal elements; the host waits for the answer.
 *
 * @param a A tensor
 * @param b A tensor
 * @returns A promise of the answer
 *
 * @example
 * ```ts
 * import { equal, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await equal(tensor([1, 2]), tensor([1, 2]))); // true
 * ```
 */
export async function equal(a: Tensor, b: Tensor): Promise<boolean> {
  if (a.shape.join() !== b.shape.join()) return false;
  return a.numel === 0 || await sum(ne(a, b)).item() === 0;
}

/** How near {@link allclose} asks. */
export interface AllcloseOptions {
  /** Relative to the second tensor; default 1e-5. */
  rtol?: number;
  /** Absolute; default 1e-8. */
  atol?: number;
  /** Whether NaN equals NaN; default false. */
  equalNan?: boolean;
}

/**
 * Whether all elements of two tensors are close: |a − b| ≤ atol + rtol · |b|. The host waits for the answer.
 *
 * @param a A tensor
 * @param b A tensor that broadcasts with it
 * @param options Tolerances
 * @returns A promise of the answer
 *
 * @example
 * ```ts
 * import { allclose, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await allclose(tensor([1, 2.5]), tensor([1.000001, 2.5]))); // true
 * ```
 */
export async function allclose(a: Tensor, b: Tensor, options: AllcloseOptions = {}): Promise<boolean> {
  checkNames("compare in allclose", options, { rtol: true, atol: true, equalNan: true });
  return await all(isclose(a, b, options)).item() === 1;
}

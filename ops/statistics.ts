import { checkNames, type OptionNames, show } from "../device/option_names.ts";
import { add, div, maximum, mul, sub } from "../kernels/elementwise/arithmetic.ts";
import { maskedFill, where } from "../kernels/elementwise/choice.ts";
import { isclose, isnan, logicalNot, ne } from "../kernels/elementwise/compare.ts";
import { sqrt } from "../kernels/elementwise/math.ts";
import { stack } from "../kernels/cat/cat.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { narrow, select } from "../kernels/layout/slice.ts";
import { all, any } from "../kernels/reduce/logic.ts";
import { transpose } from "../kernels/layout/views.ts";
import { matmul } from "../kernels/matmul/matmul.ts";
import { amax, amin } from "../kernels/reduce/extremum.ts";
import { mean, type ReduceOptions, sum } from "../kernels/reduce/sum.ts";
import { norm } from "../kernels/reduce/norm.ts";
import { variance, type VarOptions } from "../kernels/reduce/var.ts";
import { sort } from "../kernels/sort/sort.ts";
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

/** How {@link quantile} reads between elements. */
export interface QuantileOptions {
  /** The axis; default: all elements. */
  dim?: number;
  /** Keep the axis with size 1; default false. */
  keepdim?: boolean;
  /** What lies between two elements; default `"linear"`. */
  interpolation?: "linear" | "lower" | "higher" | "nearest" | "midpoint";
}

/** Which axis, and whether it stays with size 1. */
export interface MedianOptions {
  /** The axis; default: all elements. */
  dim?: number;
  /** Keep the axis with size 1; default false. */
  keepdim?: boolean;
}

/** The names of those options. */
export const QUANTILE_NAMES: OptionNames<QuantileOptions> = { dim: true, keepdim: true, interpolation: true };

/** A tensor and the axis to sort, which is all elements where none is named. */
export function alongAxis(op: string, x: Tensor, dim: number | undefined): { x: Tensor; axis: number } {
  const flat = dim === undefined ? reshape(x, [-1]) : x.ndim === 0 ? reshape(x, [1]) : x;
  const axis = dim === undefined ? 0 : normalizeDim(op, dim, flat.ndim);
  if (flat.shape[axis] === 0) {
    throw new ShapeError(op, `Cannot order in ${op}: the axis must not be empty, the shape is ${showShape(x.shape)}`, [
      x.shape,
    ]);
  }
  return { x: flat, axis };
}

/** A result with its axis of size 1 taken away, or put where the caller wants it. */
export function reducedTo(y: Tensor, x: Tensor, axis: number, dim: number | undefined, keepdim: boolean): Tensor {
  if (!keepdim) return dim === undefined || x.ndim === 0 ? reshape(y, []) : select(y, { dim: axis, index: 0 });
  return dim === undefined ? reshape(y, x.shape.map(() => 1)) : reshape(y, x.ndim === 0 ? [] : y.shape);
}

/**
 * The element below which a share `q` of the elements lies. NaN where an element is NaN.
 *
 * @param x Any shape, floating-point
 * @param q From 0 to 1, or several such numbers
 * @param options The axis, whether it stays, and what lies between two elements
 * @returns The quantile; of several q each, along a new first axis
 * @throws {RangeError} If q is not from 0 to 1, or the interpolation is unknown
 *
 * @example
 * ```ts
 * import { init, quantile, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await quantile(tensor([4, 1, 3, 2], { dtype: "f32" }), 0.5).item()); // 2.5
 * ```
 */
export function quantile(x: Tensor, q: number | readonly number[], options: QuantileOptions = {}): Tensor {
  checkNames("take a quantile in quantile", options, QUANTILE_NAMES);
  const { dim, keepdim = false, interpolation = "linear" } = options;
  const shares = quantilesOf("quantile", q, interpolation);
  const { x: rows, axis } = alongAxis("quantile", x, dim);
  const [values] = sort(rows, { dim: axis });
  const missing = any(isnan(rows), { dim: axis, keepdim: true });
  const at = (index: number) => narrow(values, { dim: axis, start: index, length: 1 });
  const each = shares.map((q) => {
    const place = q * (rows.shape[axis] - 1), low = Math.floor(place), high = Math.ceil(place);
    const share = {
      linear: place - low,
      lower: 0,
      higher: 1,
      midpoint: 0.5,
      // To the even neighbour in the middle, as PyTorch rounds.
      nearest: place - low > 0.5 || (place - low === 0.5 && low % 2 === 1) ? 1 : 0,
    }[interpolation];
    const y = low === high || share === 0
      ? at(low)
      : share === 1
      ? at(high)
      : add(at(low), mul(sub(at(high), at(low)), share));
    return reducedTo(where(missing, NaN, y), x, axis, dim, keepdim);
  });
  return typeof q === "number" ? each[0] : stack(each);
}

const INTERPOLATIONS: Record<NonNullable<QuantileOptions["interpolation"]>, true> = {
  linear: true,
  lower: true,
  higher: true,
  nearest: true,
  midpoint: true,
};

/** The shares that quantiles are wanted for, checked with the interpolation. */
export function quantilesOf(op: string, q: number | readonly number[], interpolation: string): readonly number[] {
  const shares = typeof q === "number" ? [q] : q;
  if (!Array.isArray(shares) || shares.length === 0 || !shares.every((q) => q >= 0 && q <= 1)) {
    throw new RangeError(`Cannot take a quantile in ${op}: q must be from 0 to 1, got ${show(q)}`);
  }
  if (!Object.hasOwn(INTERPOLATIONS, interpolation)) {
    const names = Object.keys(INTERPOLATIONS).join(", ");
    throw new RangeError(
      `Cannot take a quantile in ${op}: interpolation must be one of ${names}, got ${interpolation}`,
    );
  }
  return shares;
}

/**
 * The median; of an even number of elements the lower of the two in the middle, as in PyTorch. NaN where an element is
 * NaN.
 *
 * @param x Any shape
 * @param options The axis, and whether it stays; default: all elements
 * @returns The median
 *
 * @example
 * ```ts
 * import { init, median, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await median(tensor([[3, 1, 2], [6, 5, 4]]), { dim: 1 }).array()); // [2, 5]
 * ```
 */
export function median(x: Tensor, options: MedianOptions = {}): Tensor {
  checkNames("take the median in median", options, { dim: true, keepdim: true });
  const { dim, keepdim = false } = options;
  const { x: rows, axis } = alongAxis("median", x, dim);
  const [values] = sort(rows, { dim: axis });
  const middle = narrow(values, { dim: axis, start: (rows.shape[axis] - 1) >> 1, length: 1 });
  const y = isFloat(x.dtype) ? where(any(isnan(rows), { dim: axis, keepdim: true }), NaN, middle) : middle;
  return reducedTo(y, x, axis, dim, keepdim);
}

/**
 * The k-th smallest elements along an axis, and where they are.
 *
 * @param x Any shape
 * @param k From 1 on
 * @param options The axis (default −1), and whether it stays
 * @returns Values, and indices in i32
 * @throws {RangeError} If k is not from 1 to the axis' size
 *
 * @example
 * ```ts
 * import { init, kthvalue, tensor } from "@fulgurite/core";
 *
 * await init();
 * const [values, indices] = kthvalue(tensor([30, 10, 20]), 2);
 * console.log(await values.item(), await indices.item()); // 20 2
 * ```
 */
export function kthvalue(x: Tensor, k: number, options: MedianOptions = {}): [Tensor, Tensor] {
  checkNames("choose in kthvalue", options, { dim: true, keepdim: true });
  const { dim = -1, keepdim = false } = options;
  const { x: rows, axis } = alongAxis("kthvalue", x, dim);
  if (!Number.isInteger(k) || k < 1 || k > rows.shape[axis]) {
    throw new RangeError(`Cannot choose in kthvalue: k must be from 1 to ${rows.shape[axis]}, got ${k}`);
  }
  const pick = (t: Tensor) => reducedTo(narrow(t, { dim: axis, start: k - 1, length: 1 }), x, axis, dim, keepdim);
  const [values, indices] = sort(rows, { dim: axis });
  return [pick(values), pick(indices)];
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

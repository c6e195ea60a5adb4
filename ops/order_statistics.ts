/** Medians, quantiles and other elements that are chosen by their order, and what occurs most often. */
import { checkNames, type OptionNames, show } from "../device/option_names.ts";
import { add, maximum, mul, sub } from "../kernels/elementwise/arithmetic.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { where } from "../kernels/elementwise/choice.ts";
import { eq, isnan, logicalNot, logicalOr, ne } from "../kernels/elementwise/compare.ts";
import { arange } from "../kernels/elementwise/constants.ts";
import { ceil, floor, round } from "../kernels/elementwise/rounding.ts";
import { stack } from "../kernels/cat/cat.ts";
import { takeAlongDim } from "../kernels/gather/gather.ts";
import { argmax } from "../kernels/reduce/arg.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { narrow, select } from "../kernels/layout/slice.ts";
import { roll } from "../kernels/pad/roll.ts";
import { any } from "../kernels/reduce/logic.ts";
import { sum } from "../kernels/reduce/sum.ts";
import { cummax } from "../kernels/scan/cummax.ts";
import { sort } from "../kernels/sort/sort.ts";
import { isFloat } from "../tensor/dtype.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { normalizeDim } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

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
const QUANTILE_NAMES: OptionNames<QuantileOptions> = { dim: true, keepdim: true, interpolation: true };

/** A tensor and the axis to sort, which is all elements where none is named. */
function alongAxis(op: string, x: Tensor, dim: number | undefined): { x: Tensor; axis: number } {
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
function reducedTo(y: Tensor, x: Tensor, axis: number, dim: number | undefined, keepdim: boolean): Tensor {
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
function quantilesOf(op: string, q: number | readonly number[], interpolation: string): readonly number[] {
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

/** The sorted rows, where NaN is last, and the last place of a number. */
function numbers(rows: Tensor, dim: number): { values: Tensor; last: Tensor } {
  const [values] = sort(rows, { dim });
  return { values, last: maximum(sub(sum(logicalNot(isnan(rows)), { dim, keepdim: true }), 1), 0) };
}

/**
 * The median of the elements that are numbers; of an even number of them the lower of the two in the middle. NaN where
 * there is none.
 *
 * @param x Any shape
 * @param options The axis, and whether it stays; default: all elements
 * @returns The median
 * @throws {ShapeError} If the axis is empty
 *
 * @example
 * ```ts
 * import { init, nanmedian, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await nanmedian(tensor([3, NaN, 1.5, 2])).item()); // 2
 * ```
 */
export function nanmedian(x: Tensor, options: MedianOptions = {}): Tensor {
  checkNames("take the median in nanmedian", options, { dim: true, keepdim: true });
  const { dim, keepdim = false } = options;
  const { x: rows, axis } = alongAxis("nanmedian", x, dim);
  const { values, last } = numbers(rows, axis);
  const middle = to(floor(mul(to(last, "f32"), 0.5)), "i32");
  return reducedTo(takeAlongDim(values, middle, { dim: axis }), x, axis, dim, keepdim);
}

/**
 * The element below which a share `q` of the elements that are numbers lies. NaN where there is none.
 *
 * @param x Any shape, floating-point
 * @param q From 0 to 1, or several such numbers
 * @param options The axis, whether it stays, and what lies between two elements
 * @returns The quantile; of several q each, along a new first axis
 * @throws {RangeError} If q is not from 0 to 1, or the interpolation is unknown
 *
 * @example
 * ```ts
 * import { init, nanquantile, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await nanquantile(tensor([4, NaN, 1.5, 2]), 0.75).item()); // 3
 * ```
 */
export function nanquantile(x: Tensor, q: number | readonly number[], options: QuantileOptions = {}): Tensor {
  checkNames("take a quantile in nanquantile", options, QUANTILE_NAMES);
  const { dim, keepdim = false, interpolation = "linear" } = options;
  const shares = quantilesOf("nanquantile", q, interpolation);
  const { x: rows, axis } = alongAxis("nanquantile", x, dim);
  const { values, last } = numbers(rows, axis);
  const at = (place: Tensor) => takeAlongDim(values, to(place, "i32"), { dim: axis });
  const each = shares.map((q) => {
    const place = mul(to(last, "f32"), q);
    const between = (share: Tensor) => {
      const low = at(floor(place));
      return add(low, mul(sub(at(ceil(place)), low), share));
    };
    const read: Record<NonNullable<QuantileOptions["interpolation"]>, () => Tensor> = {
      linear: () => between(sub(place, floor(place))),
      lower: () => at(floor(place)),
      higher: () => at(ceil(place)),
      nearest: () => at(round(place)),
      midpoint: () => between(mul(sub(ceil(place), floor(place)), 0.5)),
    };
    return reducedTo(to(read[interpolation](), x.dtype), x, axis, dim, keepdim);
  });
  return typeof q === "number" ? each[0] : stack(each);
}

/**
 * The elements that occur most often along an axis, and where they stand first. Of several the smallest counts; NaN is
 * never equal to another.
 *
 * @param x Any shape, numbers
 * @param options The axis (default −1), and whether it stays
 * @returns Values, and places in i32
 * @throws {ShapeError} If the axis is empty
 *
 * @example
 * ```ts
 * import { init, mode, tensor } from "@fulgurite/core";
 *
 * await init();
 * const [values, places] = mode(tensor([3, 1, 2, 1, 3]));
 * console.log(await values.item(), await places.item()); // 1 1
 * ```
 */
export function mode(x: Tensor, options: MedianOptions = {}): [values: Tensor, places: Tensor] {
  checkNames("take what is most frequent in mode", options, { dim: true, keepdim: true });
  const { dim = -1, keepdim = false } = options;
  const { x: rows, axis } = alongAxis("mode", x, dim), size = rows.shape[axis];
  const [values, places] = sort(rows, { dim: axis });
  // Equal elements are neighbours now: a run is as long, up to each of its elements, as that is away from where it
  // begins.
  const at = reshape(arange(size), rows.shape.map((_, i) => i === axis ? size : 1));
  const begins = ne(values, roll(values, 1, { dims: axis }));
  const [first] = cummax(where(logicalOr(begins, eq(at, 0)), at, 0), { dim: axis });
  // The sort is stable, so the first of a run was the first in the row.
  const best = takeAlongDim(first, argmax(sub(at, first), { dim: axis, keepdim: true }), { dim: axis });
  const pick = (t: Tensor) => reducedTo(takeAlongDim(t, best, { dim: axis }), x, axis, dim, keepdim);
  return [pick(values), pick(places)];
}

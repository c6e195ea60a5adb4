/** Medians and quantiles of what is a number, and what occurs most often. */
import { checkNames } from "../device/option_names.ts";
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
import { roll } from "../kernels/pad/roll.ts";
import { sum } from "../kernels/reduce/sum.ts";
import { cummax } from "../kernels/scan/cummax.ts";
import { sort } from "../kernels/sort/sort.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  alongAxis,
  type MedianOptions,
  QUANTILE_NAMES,
  type QuantileOptions,
  quantilesOf,
  reducedTo,
} from "./statistics.ts";

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

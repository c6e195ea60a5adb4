import { checkNames } from "../device/option_names.ts";
import { div, mul, sub } from "../kernels/elementwise/arithmetic.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { where } from "../kernels/elementwise/choice.ts";
import { eq, ge, gt, le, logicalAnd, lt, ne } from "../kernels/elementwise/compare.ts";
import { arange, ones, zeros } from "../kernels/elementwise/constants.ts";
import { floor } from "../kernels/elementwise/rounding.ts";
import { cat } from "../kernels/cat/cat.ts";
import { indexSelect } from "../kernels/gather/index_select.ts";
import { nonzero } from "../kernels/gather/nonzero.ts";
import { scatter } from "../kernels/gather/scatter.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { slice } from "../kernels/layout/slice.ts";
import { expand } from "../kernels/layout/views.ts";
import { sum } from "../kernels/reduce/sum.ts";
import { cumsum } from "../kernels/scan/cumsum.ts";
import { sort } from "../kernels/sort/sort.ts";
import { tensor } from "../tensor/create.ts";
import { isFloat } from "../tensor/dtype.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import { broadcastShapes, normalizeDim } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { unsqueeze } from "./shape.ts";

/** Which side equal values go to. */
export interface SearchOptions {
  /** Whether a value that is equal to a boundary goes behind it; default false. */
  right?: boolean;
}

/**
 * Where values would be inserted into sorted rows so that they stay sorted: the number of elements below each value
 * (with `right`, not above it). Every value is compared with all elements of its row, which suits rows of up to some
 * thousand.
 *
 * @param sorted Shape [n], or [..., n] with the leading sizes of the values
 * @param values Any shape, or [..., m]
 * @param options Which side equal values go to
 * @returns i32, the shape of the values
 * @throws {ShapeError} If the leading sizes differ
 *
 * @example
 * ```ts
 * import { init, searchsorted, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await searchsorted(tensor([1, 3, 5]), tensor([3, 6, 0])).array()); // [1, 3, 0]
 * ```
 */
export function searchsorted(sorted: Tensor, values: Tensor, options: SearchOptions = {}): Tensor {
  checkNames("search in searchsorted", options, { right: true });
  const { right = false } = options;
  const lead = sorted.shape.slice(0, -1);
  if (sorted.ndim === 0 || (sorted.ndim > 1 && values.shape.slice(0, -1).join() !== lead.join())) {
    throw new ShapeError(
      "searchsorted",
      `Cannot search in searchsorted: the sorted rows must have the leading sizes of the values, current shapes are ${
        showShapes([sorted.shape, values.shape])
      }`,
      [sorted.shape, values.shape],
    );
  }
  const rows = sorted.ndim === 1 ? sorted : unsqueeze(sorted, -2);
  const below = right ? le(rows, unsqueeze(values, -1)) : lt(rows, unsqueeze(values, -1));
  return sum(below, { dim: -1 });
}

/**
 * The number of the interval between boundaries in which each value lies: {@link searchsorted} the other way round.
 *
 * @param values Any shape
 * @param boundaries Shape [n], sorted
 * @param options Which side equal values go to
 * @returns i32 from 0 to n, the shape of the values
 *
 * @example
 * ```ts
 * import { bucketize, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await bucketize(tensor([3, 6, 0]), tensor([1, 3, 5])).array()); // [1, 3, 0]
 * ```
 */
export function bucketize(values: Tensor, boundaries: Tensor, options: SearchOptions = {}): Tensor {
  return searchsorted(boundaries, values, options);
}

/**
 * Which elements occur among others.
 *
 * @param x Any shape
 * @param among Any shape; each element of x is compared with all of them
 * @returns Booleans of the shape of x
 *
 * @example
 * ```ts
 * import { init, isin, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await isin(tensor([1, 2, 3]), tensor([3, 1])).array()); // [true, false, true]
 * ```
 */
export function isin(x: Tensor, among: Tensor): Tensor {
  return gt(sum(eq(unsqueeze(x, -1), reshape(among, [-1])), { dim: -1 }), 0);
}

/** The range of {@link histc}. */
export interface HistcOptions {
  /** Number of bins; default 100. */
  bins?: number;
  /** The lower end. */
  min: number;
  /** The upper end, which belongs to the last bin. */
  max: number;
}

/**
 * How many elements lie in each of some equally wide bins; those outside are not counted.
 *
 * @param x Any shape
 * @param options Bins and range
 * @returns f32 [bins]
 * @throws {RangeError} If there is no bin, or the range is empty
 *
 * @example
 * ```ts
 * import { histc, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await histc(tensor([1, 2, 1.5]), { bins: 4, min: 0, max: 3 }).array()); // [0, 1, 2, 0]
 * ```
 */
export function histc(x: Tensor, options: HistcOptions): Tensor {
  checkNames("count in histc", options, { bins: true, min: "required", max: "required" });
  const { bins = 100, min, max } = options;
  if (!Number.isInteger(bins) || bins < 1 || !(max > min)) {
    throw new RangeError(
      `Cannot count in histc: bins must be from 1 on and min below max, got ${bins}, ${min} and ${max}`,
    );
  }
  const flat = reshape(x, [-1]);
  const place = to(floor(div(mul(sub(flat, min), bins), max - min)), "i32");
  const bin = where(logicalAnd(ge(flat, min), le(flat, max)), where(eq(flat, max), bins - 1, place), -1);
  const counts = sum(eq(unsqueeze(bin, 0), reshape(arange(bins), [bins, 1])), { dim: 1 });
  return to(counts, isFloat(x.dtype) ? x.dtype : "f32");
}

/**
 * The elements where a mask is true. How many there are is known on the device alone: the host waits for it.
 *
 * @param x A tensor
 * @param mask Booleans that broadcast with it
 * @returns A promise of the elements, [count]
 *
 * @example
 * ```ts
 * import { gt, init, maskedSelect, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([3, -1, 2]);
 * console.log(await (await maskedSelect(x, gt(x, 0))).array()); // [3, 2]
 * ```
 */
export async function maskedSelect(x: Tensor, mask: Tensor): Promise<Tensor> {
  const shape = broadcastShapes("maskedSelect", [x.shape, mask.shape]);
  const places = await nonzero(reshape(expand(mask, shape), [-1]));
  return indexSelect(reshape(expand(x, shape), [-1]), reshape(places, [-1]), { dim: 0 });
}

/** What {@link unique} gives besides the values. */
export interface UniqueResult {
  /** Each value once, in ascending order. */
  values: Tensor;
  /** For each element of the input the place of its value, i32, the input's shape. */
  inverse: Tensor;
  /** How often each value occurs, i32. */
  counts: Tensor;
}

/** Starts of runs of equal neighbours, and what a run is to the places in it. */
async function runs(flat: Tensor): Promise<{ values: Tensor; run: Tensor; counts: Tensor }> {
  const n = flat.numel;
  const first = ones([Math.min(1, n)], { dtype: "bool" });
  const starts = n < 2 ? first : cat([first, ne(slice(flat, { start: 1 }), slice(flat, { end: -1 }))]);
  const places = reshape(await nonzero(starts), [-1]);
  const ends = cat([slice(places, { start: 1 }), tensor(Int32Array.of(n))]);
  return {
    values: indexSelect(flat, places, { dim: 0 }),
    run: sub(cumsum(to(starts, "i32"), { dim: 0 }), 1),
    counts: n === 0 ? places : sub(ends, places),
  };
}

/**
 * Each value once, in ascending order, with where it stands and how often. The host waits for the number of values. NaN
 * is never equal to another.
 *
 * @param x Any shape
 * @returns A promise of values, places and counts
 *
 * @example
 * ```ts
 * import { init, tensor, unique } from "@fulgurite/core";
 *
 * await init();
 * const { values, inverse, counts } = await unique(tensor([3, 1, 3]));
 * console.log(await values.array(), await inverse.array(), await counts.array()); // [1, 3] [1, 0, 1] [1, 2]
 * ```
 */
export async function unique(x: Tensor): Promise<UniqueResult> {
  const [sorted, order] = sort(reshape(x, [-1]));
  const { values, run, counts } = await runs(sorted);
  const inverse = x.numel === 0 ? run : scatter(zeros([x.numel], { dtype: "i32" }), order, run, { dim: 0 });
  return { values, inverse: reshape(inverse, x.shape), counts };
}

/**
 * The elements without those that repeat their predecessor. The host waits for how many there are.
 *
 * @param x Any shape, read row by row
 * @returns A promise of values, places and counts
 *
 * @example
 * ```ts
 * import { init, tensor, uniqueConsecutive } from "@fulgurite/core";
 *
 * await init();
 * const { values, counts } = await uniqueConsecutive(tensor([1, 1, 2, 1]));
 * console.log(await values.array(), await counts.array()); // [1, 2, 1] [2, 1, 1]
 * ```
 */
export async function uniqueConsecutive(x: Tensor): Promise<UniqueResult> {
  const { values, run, counts } = await runs(reshape(x, [-1]));
  return { values, inverse: reshape(run, x.shape), counts };
}

/** Which axis. */
export interface IndexDimOptions {
  /** The axis. */
  dim: number;
}

/**
 * A tensor with a number in the slices that an index names.
 *
 * @param x At least one axis
 * @param index i32 [k], places along the axis
 * @param value The number
 * @param options The axis
 * @returns The same shape
 *
 * @example
 * ```ts
 * import { indexFill, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await indexFill(tensor([1, 2, 3]), tensor([0, 2]), 9, { dim: 0 }).array()); // [9, 2, 9]
 * ```
 */
export function indexFill(x: Tensor, index: Tensor, value: number, options: IndexDimOptions): Tensor {
  checkNames("fill in indexFill", options, { dim: "required" });
  const axis = normalizeDim("indexFill", options.dim, x.ndim);
  const named = isin(arange(x.shape[axis]), index);
  return where(reshape(named, x.shape.map((n, i) => i === axis ? n : 1)), value, x);
}

/**
 * A tensor with the slices of another in the places that an index names.
 *
 * @param x At least one axis
 * @param index i32 [k], places along the axis, each once
 * @param source The shape of x with k along the axis
 * @param options The axis
 * @returns The shape of x
 *
 * @example
 * ```ts
 * import { indexCopy, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await indexCopy(tensor([1, 2, 3]), tensor([2, 0]), tensor([7, 8]), { dim: 0 }).array()); // [8, 2, 7]
 * ```
 */
export function indexCopy(x: Tensor, index: Tensor, source: Tensor, options: IndexDimOptions): Tensor {
  checkNames("copy in indexCopy", options, { dim: "required" });
  const axis = normalizeDim("indexCopy", options.dim, x.ndim);
  const places = reshape(index, source.shape.map((_, i) => i === axis ? -1 : 1));
  return scatter(x, expand(places, source.shape), source, { dim: axis });
}

/**
 * Elements by their place when the tensor is read row by row.
 *
 * @param x Any shape
 * @param index i32, any shape
 * @returns The shape of the index
 *
 * @example
 * ```ts
 * import { init, take, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await take(tensor([[1, 2], [3, 4]]), tensor([3, 0])).array()); // [4, 1]
 * ```
 */
export function take(x: Tensor, index: Tensor): Tensor {
  return reshape(indexSelect(reshape(x, [-1]), reshape(index, [-1]), { dim: 0 }), index.shape);
}

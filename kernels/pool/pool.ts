import { checkNames } from "../../device/option_names.ts";
import { isFloat } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { reshape } from "../layout/reshape.ts";
import { mean } from "../reduce/sum.ts";
import { adaptiveWindows, pair, type PoolSize, requirePlanes, slidingWindows } from "./_windows.ts";
import { meanOverWindows } from "./avg_pool.ts";
import { maxOverWindows } from "./max_pool.ts";

/** Windows of a maximum over a plane. */
export interface MaxPool2dOptions {
  /** Size of the windows: one number, or down and across. */
  kernelSize: PoolSize;
  /** Distance of the windows; default their size. */
  stride?: PoolSize;
  /** Places added on each side, which never are the maximum; at most half the window; default 0. */
  padding?: PoolSize;
  /** Distance of neighbouring places of a window; default 1. */
  dilation?: PoolSize;
  /** Whether a window that reaches beyond the end counts; default false. */
  ceilMode?: boolean;
}

/** Windows of a maximum over a line. */
export interface MaxPool1dOptions {
  /** Size of the windows. */
  kernelSize: number | readonly [number];
  /** Distance of the windows; default their size. */
  stride?: number | readonly [number];
  /** Places added on each side, which never are the maximum; at most half the window; default 0. */
  padding?: number | readonly [number];
  /** Distance of neighbouring places of a window; default 1. */
  dilation?: number | readonly [number];
  /** Whether a window that reaches beyond the end counts; default false. */
  ceilMode?: boolean;
}

/** Windows of a mean over a plane. */
export interface AvgPool2dOptions {
  /** Size of the windows: one number, or down and across. */
  kernelSize: PoolSize;
  /** Distance of the windows; default their size. */
  stride?: PoolSize;
  /** Zeros added on each side; at most half the window; default 0. */
  padding?: PoolSize;
  /** Whether a window that reaches beyond the end counts; default false. */
  ceilMode?: boolean;
  /** Whether the added zeros count as places of a window; default true. */
  countIncludePad?: boolean;
  /** What sums are divided by, instead of the number of places. */
  divisorOverride?: number;
}

/** Windows of a mean over a line. */
export interface AvgPool1dOptions {
  /** Size of the windows. */
  kernelSize: number | readonly [number];
  /** Distance of the windows; default their size. */
  stride?: number | readonly [number];
  /** Zeros added on each side; at most half the window; default 0. */
  padding?: number | readonly [number];
  /** Whether a window that reaches beyond the end counts; default false. */
  ceilMode?: boolean;
  /** Whether the added zeros count as places of a window; default true. */
  countIncludePad?: boolean;
}

/** Size of the result of an adaptive pool. */
export interface AdaptivePool2dOptions {
  /** One number, or down and across; `null` keeps an axis as it is. */
  outputSize: number | readonly [number | null, number | null] | readonly (number | null)[];
}

/** Size of the result of an adaptive pool. */
export interface AdaptivePool1dOptions {
  /** Number of places. */
  outputSize: number | readonly [number];
}

/** Whether the places of the maxima are wanted too. */
export interface IndicesOption<B extends boolean = boolean> {
  /** Whether the result is `[values, indices]`; default false. */
  returnIndices?: B;
}

/** A line as a plane of one row. */
function asPlane(x: Tensor): Tensor {
  return reshape(x, [...x.shape.slice(0, -1), 1, ...x.shape.slice(-1)]);
}

/** A plane of one row as a line. */
function asLine(x: Tensor): Tensor {
  return reshape(x, [...x.shape.slice(0, -2), ...x.shape.slice(-1)]);
}

/** Options of a line as those of a plane of one row. */
function across(value: number | readonly [number] | undefined, down: number): PoolSize | undefined {
  return value === undefined ? undefined : [down, typeof value === "number" ? value : value[0]];
}

/**
 * The largest value of each window of a plane; NaN counts as larger than all numbers.
 *
 * @param x [batch, channels, height, width], or without the batch axis
 * @param options Windows, and whether the places are wanted
 * @returns [batch, channels, rows of windows, windows in a row]; with `returnIndices` the places too, as i32, counted
 *   row by row in each plane
 * @throws {ShapeError} If the axes are others, or no window fits
 * @throws {RangeError} If a size is none, or the padding more than half the window
 *
 * @example
 * ```ts
 * import { init, maxPool2d, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[[1, 2, 5, 6], [3, 4, 7, 8.5]]]);
 * console.log(await maxPool2d(x, { kernelSize: 2 }).array()); // [[[4, 8.5]]]
 * ```
 */
export function maxPool2d(x: Tensor, options: MaxPool2dOptions & IndicesOption<false>): Tensor;
/** With `returnIndices`, the places of the maxima too. */
export function maxPool2d(x: Tensor, options: MaxPool2dOptions & IndicesOption<true>): [Tensor, Tensor];
/** With `returnIndices` known later. */
export function maxPool2d(x: Tensor, options: MaxPool2dOptions & IndicesOption): Tensor | [Tensor, Tensor];
export function maxPool2d(x: Tensor, options: MaxPool2dOptions & IndicesOption): Tensor | [Tensor, Tensor] {
  requirePlanes("maxPool2d", x, 2);
  requireFloat("maxPool2d", x);
  const pooled = maxOverWindows(x, slidingWindows("maxPool2d", x.shape, options));
  return options.returnIndices ? pooled : pooled[0];
}

/**
 * The largest value of each window of a line; NaN counts as larger than all numbers.
 *
 * @param x [batch, channels, length], or without the batch axis
 * @param options Windows, and whether the places are wanted
 * @returns [batch, channels, windows]; with `returnIndices` the places too, as i32
 * @throws {ShapeError} If the axes are others, or no window fits
 * @throws {RangeError} If a size is none, or the padding more than half the window
 *
 * @example
 * ```ts
 * import { init, maxPool1d, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await maxPool1d(tensor([[1, 3, 2, 5.5]]), { kernelSize: 2 }).array()); // [[3, 5.5]]
 * ```
 */
export function maxPool1d(x: Tensor, options: MaxPool1dOptions & IndicesOption<false>): Tensor;
/** With `returnIndices`, the places of the maxima too. */
export function maxPool1d(x: Tensor, options: MaxPool1dOptions & IndicesOption<true>): [Tensor, Tensor];
/** With `returnIndices` known later. */
export function maxPool1d(x: Tensor, options: MaxPool1dOptions & IndicesOption): Tensor | [Tensor, Tensor];
export function maxPool1d(x: Tensor, options: MaxPool1dOptions & IndicesOption): Tensor | [Tensor, Tensor] {
  requirePlanes("maxPool1d", x, 1);
  requireFloat("maxPool1d", x);
  const plane = asPlane(x);
  const windows = slidingWindows("maxPool1d", plane.shape, {
    kernelSize: across(options.kernelSize, 1)!,
    stride: across(options.stride, 1),
    padding: across(options.padding, 0),
    dilation: across(options.dilation, 1),
    ceilMode: options.ceilMode,
  });
  const [y, indices] = maxOverWindows(plane, windows);
  return options.returnIndices ? [asLine(y), asLine(indices)] : asLine(y);
}

/**
 * The mean of each window of a plane.
 *
 * @param x [batch, channels, height, width], or without the batch axis
 * @param options Windows, and what counts
 * @returns [batch, channels, rows of windows, windows in a row]
 * @throws {ShapeError} If the axes are others, or no window fits
 * @throws {RangeError} If a size is none, or the padding more than half the window
 *
 * @example
 * ```ts
 * import { avgPool2d, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const image = tensor([[[1, 2, 5, 6], [3, 4, 7, 8.5]]]);
 * console.log(await avgPool2d(image, { kernelSize: 2 }).array()); // [[[2.5, 6.625]]]
 * ```
 */
export function avgPool2d(x: Tensor, options: AvgPool2dOptions): Tensor {
  requirePlanes("avgPool2d", x, 2);
  return average("avgPool2d", x, options);
}

/**
 * The mean of each window of a line.
 *
 * @param x [batch, channels, length], or without the batch axis
 * @param options Windows, and what counts
 * @returns [batch, channels, windows]
 * @throws {ShapeError} If the axes are others, or no window fits
 * @throws {RangeError} If a size is none, or the padding more than half the window
 *
 * @example
 * ```ts
 * import { avgPool1d, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await avgPool1d(tensor([[1, 3, 2, 5.5]]), { kernelSize: 2 }).array()); // [[2, 3.75]]
 * ```
 */
export function avgPool1d(x: Tensor, options: AvgPool1dOptions): Tensor {
  requirePlanes("avgPool1d", x, 1);
  return asLine(average("avgPool1d", asPlane(x), {
    kernelSize: across(options.kernelSize, 1)!,
    stride: across(options.stride, 1),
    padding: across(options.padding, 0),
    ceilMode: options.ceilMode,
    countIncludePad: options.countIncludePad,
  }));
}

function average(op: string, x: Tensor, options: AvgPool2dOptions): Tensor {
  requireFloat(op, x);
  const { countIncludePad = true, divisorOverride } = options;
  if (divisorOverride === 0) throw new RangeError(`Cannot pool in ${op}: divisorOverride must not be 0`);
  const windows = slidingWindows(op, x.shape, options);
  return meanOverWindows(x, { windows, divisor: divisorOverride ?? (countIncludePad ? "padded" : "inside") });
}

function requireFloat(op: string, x: Tensor): void {
  if (!isFloat(x.dtype)) throw new TypeError(`Cannot pool in ${op}: the tensor must be floating, it is ${x.dtype}`);
}

function outputSizeOf(op: string, x: Tensor, size: AdaptivePool2dOptions["outputSize"]): [number, number] {
  const wanted: readonly (number | null)[] = typeof size === "number" ? [size] : size;
  return pair(op, "outputSize", wanted.map((n, i) => n ?? x.shape[x.ndim - 2 + i]), 0);
}

/**
 * The means of a plane divided into a given number of parts, as even as possible.
 *
 * @param x [batch, channels, height, width], or without the batch axis
 * @param options Size of the result
 * @returns [batch, channels, …outputSize]
 * @throws {ShapeError} If the axes are others, or the plane is empty
 *
 * @example
 * ```ts
 * import { adaptiveAvgPool2d, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(adaptiveAvgPool2d(ones([2, 3, 7, 9]), { outputSize: [1, 4] }).shape); // [2, 3, 1, 4]
 * ```
 */
export function adaptiveAvgPool2d(x: Tensor, options: AdaptivePool2dOptions): Tensor {
  checkNames("pool in adaptiveAvgPool2d", options, { outputSize: true });
  const { outputSize } = options;
  requirePlanes("adaptiveAvgPool2d", x, 2);
  return adaptiveAverage("adaptiveAvgPool2d", x, outputSizeOf("adaptiveAvgPool2d", x, outputSize));
}

/**
 * The means of a line divided into a given number of parts, as even as possible.
 *
 * @param x [batch, channels, length], or without the batch axis
 * @param options Size of the result
 * @returns [batch, channels, outputSize]
 * @throws {ShapeError} If the axes are others, or the line is empty
 *
 * @example
 * ```ts
 * import { adaptiveAvgPool1d, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await adaptiveAvgPool1d(tensor([[1, 3, 2, 5.5]]), { outputSize: 2 }).array()); // [[2, 3.75]]
 * ```
 */
export function adaptiveAvgPool1d(x: Tensor, options: AdaptivePool1dOptions): Tensor {
  checkNames("pool in adaptiveAvgPool1d", options, { outputSize: true });
  const { outputSize } = options;
  requirePlanes("adaptiveAvgPool1d", x, 1);
  const [, size] = pair("adaptiveAvgPool1d", "outputSize", outputSize, 0);
  return asLine(adaptiveAverage("adaptiveAvgPool1d", asPlane(x), [1, size]));
}

function adaptiveAverage(op: string, x: Tensor, out: [number, number]): Tensor {
  requireFloat(op, x);
  const windows = adaptiveWindows(op, x.shape, out);
  // One window is the whole plane: a reduction, which shares its work among invocations.
  if (out[0] === 1 && out[1] === 1) return mean(x, { dim: [-2, -1], keepdim: true });
  return meanOverWindows(x, { windows, divisor: "padded" });
}

/**
 * The largest values of a plane divided into a given number of parts, as even as possible.
 *
 * @param x [batch, channels, height, width], or without the batch axis
 * @param options Size of the result, and whether the places are wanted
 * @returns [batch, channels, …outputSize]; with `returnIndices` the places too, as i32, counted row by row in each
 *   plane
 * @throws {ShapeError} If the axes are others, or the plane is empty
 *
 * @example
 * ```ts
 * import { adaptiveMaxPool2d, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(adaptiveMaxPool2d(ones([2, 3, 7, 9]), { outputSize: 2 }).shape); // [2, 3, 2, 2]
 * ```
 */
export function adaptiveMaxPool2d(x: Tensor, options: AdaptivePool2dOptions & IndicesOption<false>): Tensor;
/** With `returnIndices`, the places of the maxima too. */
export function adaptiveMaxPool2d(x: Tensor, options: AdaptivePool2dOptions & IndicesOption<true>): [Tensor, Tensor];
/** With `returnIndices` known later. */
export function adaptiveMaxPool2d(
  x: Tensor,
  options: AdaptivePool2dOptions & IndicesOption,
): Tensor | [Tensor, Tensor];
export function adaptiveMaxPool2d(
  x: Tensor,
  { outputSize, returnIndices }: AdaptivePool2dOptions & IndicesOption,
): Tensor | [Tensor, Tensor] {
  requirePlanes("adaptiveMaxPool2d", x, 2);
  requireFloat("adaptiveMaxPool2d", x);
  const out = outputSizeOf("adaptiveMaxPool2d", x, outputSize);
  const pooled = maxOverWindows(x, adaptiveWindows("adaptiveMaxPool2d", x.shape, out));
  return returnIndices ? pooled : pooled[0];
}

/**
 * The largest values of a line divided into a given number of parts, as even as possible.
 *
 * @param x [batch, channels, length], or without the batch axis
 * @param options Size of the result, and whether the places are wanted
 * @returns [batch, channels, outputSize]; with `returnIndices` the places too, as i32
 * @throws {ShapeError} If the axes are others, or the line is empty
 *
 * @example
 * ```ts
 * import { adaptiveMaxPool1d, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await adaptiveMaxPool1d(tensor([[1, 3, 2, 5.5]]), { outputSize: 2 }).array()); // [[3, 5.5]]
 * ```
 */
export function adaptiveMaxPool1d(x: Tensor, options: AdaptivePool1dOptions & IndicesOption<false>): Tensor;
/** With `returnIndices`, the places of the maxima too. */
export function adaptiveMaxPool1d(x: Tensor, options: AdaptivePool1dOptions & IndicesOption<true>): [Tensor, Tensor];
/** With `returnIndices` known later. */
export function adaptiveMaxPool1d(
  x: Tensor,
  options: AdaptivePool1dOptions & IndicesOption,
): Tensor | [Tensor, Tensor];
export function adaptiveMaxPool1d(
  x: Tensor,
  { outputSize, returnIndices }: AdaptivePool1dOptions & IndicesOption,
): Tensor | [Tensor, Tensor] {
  requirePlanes("adaptiveMaxPool1d", x, 1);
  requireFloat("adaptiveMaxPool1d", x);
  const [, size] = pair("adaptiveMaxPool1d", "outputSize", outputSize, 0);
  const plane = asPlane(x);
  const [y, indices] = maxOverWindows(plane, adaptiveWindows("adaptiveMaxPool1d", plane.shape, [1, size]));
  return returnIndices ? [asLine(y), asLine(indices)] : asLine(y);
}

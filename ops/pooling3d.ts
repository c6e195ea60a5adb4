import { add, div, mul } from "../kernels/elementwise/arithmetic.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { gather } from "../kernels/gather/gather.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  avgPool2d,
  type IndicesOption,
  maxPool2d,
} from "../kernels/pool/pool.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";

/*
 * Means and maxima over boxes are those over planes, taken along the depth: the kernels of two axes serve three. Of
 * equal maxima the first counts along the depth, then within its plane, which is the first of the volume.
 */

/** One number for all axes, or one each for depth, height and width. */
export type Box = number | readonly [number, number, number];

/** Windows of a maximum over a volume. */
export interface MaxPool3dOptions {
  /** Size of the windows: one number, or deep, down and across. */
  kernelSize: Box;
  /** Distance of the windows; default their size. */
  stride?: Box;
  /** Places added on each side, which never are the maximum; at most half the window; default 0. */
  padding?: Box;
  /** Distance of neighbouring places of a window; default 1. */
  dilation?: Box;
  /** Whether a window that reaches beyond the end counts; default false. */
  ceilMode?: boolean;
}

/** Windows of a mean over a volume. */
export interface AvgPool3dOptions {
  /** Size of the windows: one number, or deep, down and across. */
  kernelSize: Box;
  /** Distance of the windows; default their size. */
  stride?: Box;
  /** Zeros added on each side; at most half the window; default 0. */
  padding?: Box;
  /** Whether a window that reaches beyond the end counts; default false. */
  ceilMode?: boolean;
  /** Whether the added zeros count as places of a window; default true. */
  countIncludePad?: boolean;
  /** What sums are divided by, instead of the number of places. */
  divisorOverride?: number;
}

/** Size of the result of an adaptive pool. */
export interface AdaptivePool3dOptions {
  /** One number, or deep, down and across; `null` keeps an axis as it is. */
  outputSize: number | readonly [number | null, number | null, number | null];
}

function requireVolumes(op: string, x: Tensor): void {
  if (x.ndim === 4 || x.ndim === 5) return;
  throw new ShapeError(op, `Cannot pool in ${op}: there must be 4 or 5 axes, the shape is ${showShape(x.shape)}`, [
    x.shape,
  ]);
}

/** An option along the depth, and along the other two axes. */
function split(op: string, name: string, value: Box): { deep: number; flat: [number, number] } {
  const numbers: readonly number[] = typeof value === "number" ? [value, value, value] : value;
  if (numbers.length !== 3) {
    throw new RangeError(`Cannot pool in ${op}: ${name} must be a number, or three, got ${showShape(numbers)}`);
  }
  return { deep: numbers[0], flat: [numbers[1], numbers[2]] };
}

/** The sheets of volumes, as the images of a batch of channels. */
function sheets(x: Tensor): Tensor {
  const [depth, height, width] = x.shape.slice(-3);
  return reshape(x, [x.shape.slice(0, -3).reduce((a, b) => a * b, 1), depth, height, width]);
}

/** [volumes, depth, height, width] with the depth as height and each sheet as a line. */
function lines(x: Tensor): Tensor {
  const [volumes, depth, height, width] = x.shape;
  return reshape(x, [volumes, depth, height * width]);
}

/** The result along the depth, [volumes, depth, lines], with the sizes of sheets and the axes of `x`. */
function volumes(pooled: Tensor, x: Tensor, [height, width]: readonly number[]): Tensor {
  return reshape(pooled, [...x.shape.slice(0, -3), pooled.shape[1], height, width]);
}

interface Windows {
  readonly kernelSize: [number, number];
  readonly stride?: [number, number];
  readonly padding?: [number, number];
  readonly dilation?: [number, number];
}

/** The windows along height and width, and those along the depth. */
function bothWindows(op: string, options: MaxPool3dOptions): { flat: Windows; deep: Windows } {
  const kernel = split(op, "kernelSize", options.kernelSize);
  const stride = split(op, "stride", options.stride ?? options.kernelSize);
  const padding = split(op, "padding", options.padding ?? 0), dilation = split(op, "dilation", options.dilation ?? 1);
  return {
    flat: { kernelSize: kernel.flat, stride: stride.flat, padding: padding.flat, dilation: dilation.flat },
    deep: {
      kernelSize: [kernel.deep, 1],
      stride: [stride.deep, 1],
      padding: [padding.deep, 0],
      dilation: [dilation.deep, 1],
    },
  };
}

/** Maxima of sheets, and then of those along the depth. */
function maxima(
  x: Tensor,
  withIndices: boolean,
  flat: (sheets: Tensor) => [Tensor, Tensor],
  deep: (lines: Tensor) => [Tensor, Tensor],
): Tensor | [Tensor, Tensor] {
  const [, height, width] = x.shape.slice(-3);
  const [largest, places] = flat(sheets(x));
  const size = largest.shape.slice(-2), line = size[0] * size[1];
  const [y, at] = deep(lines(largest));
  if (!withIndices) return volumes(y, x, size);
  // A place along the depth is one among all lines: it says the sheet, and where in it its own place is noted.
  const rows = reshape(at, [at.shape[0], at.shape[1] * line]);
  const noted = gather(reshape(places, [places.shape[0], places.shape[1] * line]), rows, { dim: 1 });
  const sheet = to(div(rows, line, { roundingMode: "floor" }), "i32");
  return [volumes(y, x, size), volumes(reshape(add(mul(sheet, height * width), noted), y.shape), x, size)];
}

/**
 * The largest value of each window of a volume; NaN counts as larger than all numbers.
 *
 * @param x [batch, channels, depth, height, width], or without the batch axis
 * @param options Windows, and whether the places are wanted
 * @returns [batch, channels, sheets, rows, windows in a row]; with `returnIndices` the places too, as i32, counted
 *   sheet by sheet and row by row in each volume
 * @throws {ShapeError} If the axes are others, or no window fits
 * @throws {RangeError} If a size is none, or the padding more than half the window
 *
 * @example
 * ```ts
 * import { init, maxPool3d, randn } from "@fulgurite/core";
 *
 * await init();
 * console.log(maxPool3d(randn([2, 3, 8, 8, 8]), { kernelSize: 2 }).shape); // [2, 3, 4, 4, 4]
 * ```
 */
export function maxPool3d(x: Tensor, options: MaxPool3dOptions & IndicesOption<false>): Tensor;
/** With `returnIndices`, the places of the maxima too. */
export function maxPool3d(x: Tensor, options: MaxPool3dOptions & IndicesOption<true>): [Tensor, Tensor];
/** With `returnIndices` known later. */
export function maxPool3d(x: Tensor, options: MaxPool3dOptions & IndicesOption): Tensor | [Tensor, Tensor];
export function maxPool3d(x: Tensor, options: MaxPool3dOptions & IndicesOption): Tensor | [Tensor, Tensor] {
  requireVolumes("maxPool3d", x);
  const { flat, deep } = bothWindows("maxPool3d", options);
  const rest = { ceilMode: options.ceilMode ?? false, returnIndices: true } as const;
  return maxima(
    x,
    options.returnIndices ?? false,
    (t) => maxPool2d(t, { ...flat, ...rest }),
    (t) => maxPool2d(t, { ...deep, ...rest }),
  );
}

/**
 * The mean of each window of a volume.
 *
 * @param x [batch, channels, depth, height, width], or without the batch axis
 * @param options Windows, and what counts
 * @returns [batch, channels, sheets, rows, windows in a row]
 * @throws {ShapeError} If the axes are others, or no window fits
 * @throws {RangeError} If a size is none, or the padding more than half the window
 *
 * @example
 * ```ts
 * import { avgPool3d, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(await avgPool3d(ones([1, 2, 2, 4]), { kernelSize: 2 }).array()); // [[[[1, 1]]]]
 * ```
 */
export function avgPool3d(x: Tensor, options: AvgPool3dOptions): Tensor {
  requireVolumes("avgPool3d", x);
  const { flat: { dilation: _, ...flat }, deep: { dilation: __, ...deep } } = bothWindows("avgPool3d", options);
  const { ceilMode = false, countIncludePad = true, divisorOverride } = options;
  // A window has as many places as its extents multiplied, so that means are means of means.
  const divisor = divisorOverride === undefined ? {} : { divisorOverride: 1 };
  const flatMeans = avgPool2d(sheets(x), { ...flat, ceilMode, countIncludePad, ...divisor });
  const means = avgPool2d(lines(flatMeans), { ...deep, ceilMode, countIncludePad, divisorOverride });
  return volumes(means, x, flatMeans.shape.slice(-2));
}

/**
 * The means of a volume divided into a given number of parts, as even as possible.
 *
 * @param x [batch, channels, depth, height, width], or without the batch axis
 * @param options Size of the result
 * @returns [batch, channels, …outputSize]
 * @throws {ShapeError} If the axes are others, or the volume is empty
 *
 * @example
 * ```ts
 * import { adaptiveAvgPool3d, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(adaptiveAvgPool3d(ones([2, 3, 5, 7, 9]), { outputSize: [1, 2, 4] }).shape); // [2, 3, 1, 2, 4]
 * ```
 */
export function adaptiveAvgPool3d(x: Tensor, options: AdaptivePool3dOptions): Tensor {
  requireVolumes("adaptiveAvgPool3d", x);
  const [depth, ...plane] = outputOf("adaptiveAvgPool3d", x, options);
  const flat = adaptiveAvgPool2d(sheets(x), { outputSize: plane });
  return volumes(adaptiveAvgPool2d(lines(flat), { outputSize: [depth, null] }), x, plane);
}

/**
 * The largest values of a volume divided into a given number of parts, as even as possible.
 *
 * @param x [batch, channels, depth, height, width], or without the batch axis
 * @param options Size of the result, and whether the places are wanted
 * @returns [batch, channels, …outputSize]; with `returnIndices` the places too, as i32, counted as in {@link maxPool3d}
 * @throws {ShapeError} If the axes are others, or the volume is empty
 *
 * @example
 * ```ts
 * import { adaptiveMaxPool3d, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(adaptiveMaxPool3d(ones([2, 3, 5, 7, 9]), { outputSize: 2 }).shape); // [2, 3, 2, 2, 2]
 * ```
 */
export function adaptiveMaxPool3d(x: Tensor, options: AdaptivePool3dOptions & IndicesOption<false>): Tensor;
/** With `returnIndices`, the places of the maxima too. */
export function adaptiveMaxPool3d(x: Tensor, options: AdaptivePool3dOptions & IndicesOption<true>): [Tensor, Tensor];
/** With `returnIndices` known later. */
export function adaptiveMaxPool3d(
  x: Tensor,
  options: AdaptivePool3dOptions & IndicesOption,
): Tensor | [Tensor, Tensor];
export function adaptiveMaxPool3d(
  x: Tensor,
  options: AdaptivePool3dOptions & IndicesOption,
): Tensor | [Tensor, Tensor] {
  requireVolumes("adaptiveMaxPool3d", x);
  const [depth, ...plane] = outputOf("adaptiveMaxPool3d", x, options);
  return maxima(
    x,
    options.returnIndices ?? false,
    (t) => adaptiveMaxPool2d(t, { outputSize: plane, returnIndices: true }),
    (t) => adaptiveMaxPool2d(t, { outputSize: [depth, null], returnIndices: true }),
  );
}

function outputOf(op: string, x: Tensor, { outputSize }: AdaptivePool3dOptions): [number, number, number] {
  const wanted: readonly (number | null)[] = typeof outputSize === "number"
    ? [outputSize, outputSize, outputSize]
    : outputSize;
  if (wanted.length !== 3) {
    throw new RangeError(`Cannot pool in ${op}: outputSize must be a number, or three, got ${wanted.join(", ")}`);
  }
  const sizes = wanted.map((n, i) => n ?? x.shape[x.ndim - 3 + i]);
  return [sizes[0], sizes[1], sizes[2]];
}

import { abs, mul, sign } from "../kernels/elementwise/arithmetic.ts";
import { zeros } from "../kernels/elementwise/constants.ts";
import { pow } from "../kernels/elementwise/math.ts";
import { relu } from "../kernels/elementwise/piecewise.ts";
import { scatter } from "../kernels/gather/scatter.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { avgPool1d, avgPool2d } from "../kernels/pool/pool.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { numel } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { avgPool3d } from "./pooling3d.ts";

/** Windows of a {@link lpPool2d}; `P` is a number, or one for each axis. */
export interface LpPoolOptions<P> {
  /** The exponent p. */
  normType: number;
  /** Size of the windows. */
  kernelSize: P;
  /** Distance of the windows; default their size. */
  stride?: P;
  /** Whether a window that reaches beyond the end counts; default false. */
  ceilMode?: boolean;
}

/** Windows of {@link lpPool1d}. */
export interface LpPool1dOptions extends LpPoolOptions<number> {}

/** Windows of {@link lpPool2d}. */
export interface LpPool2dOptions extends LpPoolOptions<number | readonly [number, number]> {}

/** Windows of {@link lpPool3d}. */
export interface LpPool3dOptions extends LpPoolOptions<number | readonly [number, number, number]> {}

/** (Σ xᵖ)^(1/p) from the means of windows of xᵖ. */
function lpPool<P extends number | readonly number[]>(
  op: string,
  axes: number,
  x: Tensor,
  { normType: p, ...windows }: LpPoolOptions<P>,
  average: (x: Tensor, windows: Omit<LpPoolOptions<P>, "normType">) => Tensor,
): Tensor {
  if (!(Math.abs(p) > 0 && Math.abs(p) < Infinity)) {
    throw new RangeError(`Cannot pool in ${op}: normType must be a finite number other than 0, got ${p}`);
  }
  const size: readonly number[] = typeof windows.kernelSize === "number"
    ? new Array(axes).fill(windows.kernelSize)
    : windows.kernelSize as readonly number[];
  const means = average(pow(x, p), windows);
  // As PyTorch has it: roots of sums that rounding made negative are 0.
  return pow(mul(mul(sign(means), relu(abs(means))), numel(size)), 1 / p);
}

/**
 * The p-norm of each window of a line, (Σ xᵖ)^(1/p), as `torch.nn.functional.lp_pool1d`.
 *
 * @param x [batch, channels, length], or without the batch axis
 * @param options The exponent and the windows
 * @returns [batch, channels, windows]
 * @throws {ShapeError} If the axes are others, or no window fits
 *
 * @example
 * ```ts
 * import { init, lpPool1d, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[3, 4, 6, 8]], { dtype: "f32" });
 * console.log(await lpPool1d(x, { normType: 2, kernelSize: 2 }).array()); // [[5, 10]]
 * ```
 */
export function lpPool1d(x: Tensor, options: LpPool1dOptions): Tensor {
  return lpPool("lpPool1d", 1, x, options, avgPool1d);
}

/**
 * The p-norm of each window of a plane; see {@link lpPool1d}.
 *
 * @param x [batch, channels, height, width], or without the batch axis
 * @param options The exponent and the windows
 * @returns [batch, channels, rows of windows, windows in a row]
 * @throws {ShapeError} If the axes are others, or no window fits
 *
 * @example
 * ```ts
 * import { init, lpPool2d, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(await lpPool2d(ones([1, 2, 4]), { normType: 2, kernelSize: 2 }).array()); // [[[2, 2]]]
 * ```
 */
export function lpPool2d(x: Tensor, options: LpPool2dOptions): Tensor {
  return lpPool("lpPool2d", 2, x, options, avgPool2d);
}

/**
 * The p-norm of each window of a volume; see {@link lpPool1d}.
 *
 * @param x [batch, channels, depth, height, width], or without the batch axis
 * @param options The exponent and the windows
 * @returns [batch, channels, sheets, rows, windows in a row]
 * @throws {ShapeError} If the axes are others, or no window fits
 *
 * @example
 * ```ts
 * import { init, lpPool3d, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(await lpPool3d(ones([1, 2, 2, 2]), { normType: 3, kernelSize: 2 }).array()); // [[[[2]]]]
 * ```
 */
export function lpPool3d(x: Tensor, options: LpPool3dOptions): Tensor {
  return lpPool("lpPool3d", 3, x, options, avgPool3d);
}

/** The windows whose maxima are put back; `P` is a number, or one for each axis. */
export interface MaxUnpoolOptions<P> {
  /** Size of the windows. */
  kernelSize: P;
  /** Distance of the windows; default their size. */
  stride?: P;
  /** Places that had been added on each side; default 0. */
  padding?: P;
  /** Size of the result, where windows and their distance leave it open. */
  outputSize?: readonly number[];
}

/** Windows of {@link maxUnpool1d}. */
export interface MaxUnpool1dOptions extends MaxUnpoolOptions<number> {}

/** Windows of {@link maxUnpool2d}. */
export interface MaxUnpool2dOptions extends MaxUnpoolOptions<number | readonly [number, number]> {}

/** Windows of {@link maxUnpool3d}. */
export interface MaxUnpool3dOptions extends MaxUnpoolOptions<number | readonly [number, number, number]> {}

function maxUnpool(
  op: string,
  axes: number,
  x: Tensor,
  indices: Tensor,
  options: MaxUnpoolOptions<number | readonly number[]>,
): Tensor {
  const bad = (rule: string) =>
    new ShapeError(
      op,
      `Cannot put maxima back in ${op}: ${rule}, current shapes are ${showShape(x.shape)} and ${
        showShape(indices.shape)
      }`,
      [x.shape, indices.shape],
    );
  if (x.ndim !== axes + 1 && x.ndim !== axes + 2) throw bad(`there must be ${axes + 1} or ${axes + 2} axes`);
  if (x.ndim !== indices.ndim || x.shape.some((n, i) => n !== indices.shape[i])) {
    throw bad("values and places must have one shape");
  }
  const each = (value: number | readonly number[]) => typeof value === "number" ? new Array(axes).fill(value) : value;
  const kernel = each(options.kernelSize),
    stride = each(options.stride ?? kernel),
    padding = each(options.padding ?? 0);
  const lead = x.shape.slice(0, -axes);
  const usual = x.shape.slice(-axes).map((n, i) => (n - 1) * stride[i] - 2 * padding[i] + kernel[i]);
  const size = options.outputSize?.slice(-axes) ?? usual;
  if (size.length !== axes || size.some((n, i) => !(Math.abs(n - usual[i]) < stride[i]))) {
    throw new RangeError(
      `Cannot put maxima back in ${op}: outputSize must be less than a stride away from ${showShape(usual)}, got ${
        showShape(size)
      }`,
    );
  }
  const places = numel(x.shape.slice(-axes));
  const empty = zeros([...lead, numel(size)], { dtype: x.dtype });
  const filled = scatter(empty, reshape(indices, [...lead, places]), reshape(x, [...lead, places]), { dim: -1 });
  return reshape(filled, [...lead, ...size]);
}

/**
 * Puts the maxima of {@link maxPool1d} back where they lay, with zeros around them.
 *
 * @param x The maxima, [batch, channels, windows], or without the batch axis
 * @param indices Their places, as `maxPool1d` gives them with `returnIndices`
 * @param options The windows
 * @returns [batch, channels, length]
 * @throws {ShapeError} If both tensors' shapes differ
 * @throws {RangeError} If `outputSize` cannot have been the size
 *
 * @example
 * ```ts
 * import { init, maxPool1d, maxUnpool1d, tensor } from "@fulgurite/core";
 *
 * await init();
 * const [y, places] = maxPool1d(tensor([[1, 3, 2, 4]], { dtype: "f32" }), { kernelSize: 2, returnIndices: true });
 * console.log(await maxUnpool1d(y, places, { kernelSize: 2 }).array()); // [[0, 3, 0, 4]]
 * ```
 */
export function maxUnpool1d(x: Tensor, indices: Tensor, options: MaxUnpool1dOptions): Tensor {
  return maxUnpool("maxUnpool1d", 1, x, indices, options);
}

/**
 * Puts the maxima of {@link maxPool2d} back where they lay; see {@link maxUnpool1d}.
 *
 * @param x The maxima, [batch, channels, rows, columns], or without the batch axis
 * @param indices Their places, counted row by row in each plane
 * @param options The windows
 * @returns [batch, channels, height, width]
 * @throws {ShapeError} If both tensors' shapes differ
 * @throws {RangeError} If `outputSize` cannot have been the size
 *
 * @example
 * ```ts
 * import { init, maxPool2d, maxUnpool2d, tensor } from "@fulgurite/core";
 *
 * await init();
 * const [y, places] = maxPool2d(tensor([[[1, 3], [2, 4]]], { dtype: "f32" }), { kernelSize: 2, returnIndices: true });
 * console.log(await maxUnpool2d(y, places, { kernelSize: 2 }).array()); // [[[0, 0], [0, 4]]]
 * ```
 */
export function maxUnpool2d(x: Tensor, indices: Tensor, options: MaxUnpool2dOptions): Tensor {
  return maxUnpool("maxUnpool2d", 2, x, indices, options);
}

/**
 * Puts the maxima of {@link maxPool3d} back where they lay; see {@link maxUnpool1d}.
 *
 * @param x The maxima, [batch, channels, sheets, rows, columns], or without the batch axis
 * @param indices Their places, counted sheet by sheet and row by row in each volume
 * @param options The windows
 * @returns [batch, channels, depth, height, width]
 * @throws {ShapeError} If both tensors' shapes differ
 * @throws {RangeError} If `outputSize` cannot have been the size
 *
 * @example
 * ```ts
 * import { init, maxPool3d, maxUnpool3d, randn } from "@fulgurite/core";
 *
 * await init();
 * const [y, places] = maxPool3d(randn([2, 4, 4, 4]), { kernelSize: 2, returnIndices: true });
 * console.log(maxUnpool3d(y, places, { kernelSize: 2 }).shape); // [2, 4, 4, 4]
 * ```
 */
export function maxUnpool3d(x: Tensor, indices: Tensor, options: MaxUnpool3dOptions): Tensor {
  return maxUnpool("maxUnpool3d", 3, x, indices, options);
}

import { checkNames } from "../../device/option_names.ts";
import { isFloat } from "../../tensor/dtype.ts";
import { ShapeError, showShapes } from "../../tensor/errors.ts";
import { checkTensors } from "../../tensor/operands.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { reshape } from "../layout/reshape.ts";
import { convolve } from "./conv.ts";
import { checkChannels, eachAxis, type Geometry, type Pair, type Triplet, type Volume, volumeOf } from "./_geometry.ts";

/** Zeros around an image: numbers, `"valid"` for none, `"same"` for as many as keep the size. */
export type ConvPadding<P> = P | "same" | "valid";

/** How a kernel slides; `P` is a number, or one for each axis. */
export interface ConvOptions<P> {
  /** Added to every position, shape [outChannels]. */
  bias?: Tensor | null;
  /** Distance between positions; default 1. */
  stride?: P;
  /** Zeros around the input; default 0. `"same"` asks for stride 1. */
  padding?: ConvPadding<P>;
  /** Distance between the kernel's elements; default 1. */
  dilation?: P;
  /** Parts into which channels are divided, each with its own kernels; default 1. */
  groups?: number;
}

/** How {@link conv1d} slides. */
export interface Conv1dOptions extends ConvOptions<number> {}

/** How {@link conv2d} slides. */
export interface Conv2dOptions extends ConvOptions<Pair> {}

/** How {@link conv3d} slides. */
export interface Conv3dOptions extends ConvOptions<Triplet> {}

/**
 * Slides a kernel over signals, as `torch.nn.functional.conv1d` does; see {@link conv2d}.
 *
 * @param x Signals, shape [n, inChannels, length], or one signal without the first axis
 * @param weight Shape [outChannels, inChannels / groups, kernelLength]
 * @param options Bias, stride, padding, dilation, groups
 * @returns Shape [n, outChannels, outLength]
 * @throws {ShapeError} If channels do not fit, or the kernel is longer than the padded signal
 * @throws {RangeError} If an option is out of range
 *
 * @example
 * ```ts
 * import { conv1d, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(await conv1d(ones([1, 1, 4]), ones([1, 1, 3])).array()); // [[[3, 3]]]
 * ```
 */
export function conv1d(x: Tensor, weight: Tensor, options: Conv1dOptions = {}): Tensor {
  return slide("conv1d", 1, x, weight, options);
}

/**
 * Slides a kernel over images (cross-correlation), as `torch.nn.functional.conv2d` does:
 * y[n, o, i, j] = bias[o] + Σ_c Σ_u Σ_v w[o, c, u, v] · x[n, c, i·stride + u·dilation − padding, j·stride + v·dilation
 * − padding].
 *
 * Under autocast the operands are rounded to 16 bits; sums are always f32. What follows point by point (an activation,
 * a residual, a cast) is computed by the same kernel.
 *
 * @param x Images, shape [n, inChannels, height, width], or one image without the first axis
 * @param weight Shape [outChannels, inChannels / groups, kernelHeight, kernelWidth]
 * @param options Bias, stride, padding, dilation, groups
 * @returns Shape [n, outChannels, outHeight, outWidth]
 * @throws {ShapeError} If channels do not fit, or the kernel is larger than the padded image
 * @throws {RangeError} If an option is out of range
 *
 * @example
 * ```ts
 * import { conv2d, init, ones } from "@fulgurite/core";
 *
 * await init();
 * const y = conv2d(ones([1, 1, 4, 4]), ones([1, 1, 3, 3]), { padding: 1 });
 * console.log(await y.array()); // [[[[4, 6, 6, 4], [6, 9, 9, 6], …]]]
 * ```
 */
export function conv2d(x: Tensor, weight: Tensor, options: Conv2dOptions = {}): Tensor {
  return slide("conv2d", 2, x, weight, options);
}

/**
 * Slides a kernel over volumes, as `torch.nn.functional.conv3d` does; see {@link conv2d}.
 *
 * @param x Volumes, shape [n, inChannels, depth, height, width], or one volume without the first axis
 * @param weight Shape [outChannels, inChannels / groups, kernelDepth, kernelHeight, kernelWidth]
 * @param options Bias, stride, padding, dilation, groups
 * @returns Shape [n, outChannels, outDepth, outHeight, outWidth]
 * @throws {ShapeError} If channels do not fit, or the kernel is larger than the padded volume
 * @throws {RangeError} If an option is out of range
 *
 * @example
 * ```ts
 * import { conv3d, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(conv3d(ones([1, 2, 8, 8, 8]), ones([4, 2, 3, 3, 3]), { stride: 2 }).shape); // [1, 4, 3, 3, 3]
 * ```
 */
export function conv3d(x: Tensor, weight: Tensor, options: Conv3dOptions = {}): Tensor {
  return slide("conv3d", 3, x, weight, options);
}

/** Throws unless there are as many axes as the op's inputs have, and elements are floating. */
export function checkRanks(op: string, x: Tensor, weight: Tensor, axes: number): void {
  checkTensors(op, x, weight);
  if ((x.ndim !== axes + 2 && x.ndim !== axes + 1) || weight.ndim !== axes + 2) {
    throw new ShapeError(
      op,
      `Cannot convolve in ${op}: the input must have ${axes + 1} or ${axes + 2} axes and the weight ${
        axes + 2
      }, current shapes are ${showShapes([x.shape, weight.shape])}`,
      [x.shape, weight.shape],
    );
  }
  if (!isFloat(x.dtype) || !isFloat(weight.dtype)) {
    throw new TypeError(
      `Cannot convolve in ${op}: input and weight must be floating, got ${x.dtype} and ${weight.dtype}`,
    );
  }
}

/** Throws unless the bias has one number for each output channel. */
export function checkBias(op: string, operands: readonly Tensor[], bias: Tensor | null, channels: number): void {
  if (bias === null || (bias.ndim === 1 && bias.shape[0] === channels)) return;
  const shapes = [...operands, bias].map(({ shape }) => shape);
  throw new ShapeError(
    op,
    `Cannot convolve in ${op}: the bias must have one number for each of the ${channels} output channels, current ` +
      `shapes are ${showShapes(shapes)}`,
    shapes,
  );
}

/** Sizes along all three axes, of which a tensor has the last ones. */
export function sizesOf(t: Tensor, axes: 1 | 2 | 3): Volume {
  const sizes = [1, 1, ...t.shape.slice(-axes)].slice(-3);
  return [sizes[0], sizes[1], sizes[2]];
}

/** A batch of one; a batch stays what it is. */
export function batched(x: Tensor, axes: number): Tensor {
  return x.ndim === axes + 1 ? reshape(x, [1, ...x.shape]) : x;
}

function slide(
  op: string,
  axes: 1 | 2 | 3,
  x: Tensor,
  weight: Tensor,
  options: ConvOptions<number | readonly number[]>,
): Tensor {
  checkNames<object>(`convolve in ${op}`, options, NAMES);
  checkRanks(op, x, weight, axes);
  const { groups = 1, bias = null } = options;
  const images = batched(x, axes);
  const [n, inChannels] = images.shape;
  const [outChannels, perGroup] = weight.shape;
  const bad = (rule: string) =>
    new ShapeError(op, `Cannot convolve in ${op}: ${rule}, current shapes are ${showShapes([x.shape, weight.shape])}`, [
      x.shape,
      weight.shape,
    ]);
  checkChannels(op, x.shape, weight.shape, inChannels, groups);
  if (perGroup * groups !== inChannels) {
    throw bad(`the weight's second size must be the input's channels divided by groups, ${inChannels} / ${groups}`);
  }
  checkBias(op, [x, weight], bias, outChannels);
  const size = sizesOf(images, axes), kernel = sizesOf(weight, axes);
  const stride = volumeOf(op, "stride", options.stride, 1, 1, axes);
  const dilation = volumeOf(op, "dilation", options.dilation, 1, 1, axes);
  const { before, around } = zeros(op, options.padding ?? 0, kernel, dilation, stride, axes);
  const out = eachAxis((i) => Math.floor((size[i] + around[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1);
  if (out.some((count) => count < 1) || kernel.some((count) => count < 1)) {
    const names = ["length", "height or width", "depth, height or width"][axes - 1];
    throw bad(`the kernel must not be empty, nor reach beyond the padded input in ${names}`);
  }
  const geometry: Geometry = {
    axes,
    n,
    inChannels,
    outChannels,
    groups,
    size,
    out,
    kernel,
    stride,
    dilation,
    before,
  };
  const y = convolve(images, weight, bias, geometry);
  return images === x ? y : reshape(y, y.shape.slice(1));
}

const NAMES = { bias: true, stride: true, padding: true, dilation: true, groups: true };

/** Zeros in front of and all around the input: for `"same"` as many as keep the size, the odd one behind. */
function zeros(
  op: string,
  padding: ConvPadding<number | readonly number[]>,
  kernel: Volume,
  dilation: Volume,
  stride: Volume,
  axes: number,
): { before: Volume; around: Volume } {
  if (padding === "same") {
    if (stride.some((step) => step !== 1)) {
      throw new RangeError(
        `Cannot convolve in ${op}: padding "same" asks for stride 1, got stride ${stride.slice(-axes).join(", ")}`,
      );
    }
    const around = eachAxis((i) => dilation[i] * (kernel[i] - 1));
    return { before: eachAxis((i) => Math.floor(around[i] / 2)), around };
  }
  if (typeof padding === "string" && padding !== "valid") {
    throw new RangeError(`Cannot convolve in ${op}: padding must be numbers, "same" or "valid", got ${padding}`);
  }
  const before = volumeOf(op, "padding", padding === "valid" ? 0 : padding, 0, 0, axes);
  return { before, around: eachAxis((i) => 2 * before[i]) };
}

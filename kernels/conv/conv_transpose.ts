import { checkNames } from "../../device/option_names.ts";
import { ShapeError, showShapes } from "../../tensor/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { reshape } from "../layout/reshape.ts";
import { spread } from "./conv.ts";
import { batched, checkBias, checkRanks, sizesOf } from "./convolution.ts";
import { checkChannels, eachAxis, type Geometry, type Pair, type Triplet, volumeOf } from "./_geometry.ts";

/** How a transposed convolution spreads its input; `P` is a number, or one for each axis. */
export interface ConvTransposeOptions<P> {
  /** Added to every position, shape [outChannels]. */
  bias?: Tensor | null;
  /** Distance in the result between neighbours of the input; default 1. */
  stride?: P;
  /** Places taken away around the result; default 0. */
  padding?: P;
  /** Places added at the end of each axis of the result, less than stride or dilation; default 0. */
  outputPadding?: P;
  /** Distance between the kernel's elements; default 1. */
  dilation?: P;
  /** Parts into which channels are divided, each with its own kernels; default 1. */
  groups?: number;
}

/** How {@link convTranspose1d} spreads its input. */
export interface ConvTranspose1dOptions extends ConvTransposeOptions<number> {}

/** How {@link convTranspose2d} spreads its input. */
export interface ConvTranspose2dOptions extends ConvTransposeOptions<Pair> {}

/** How {@link convTranspose3d} spreads its input. */
export interface ConvTranspose3dOptions extends ConvTransposeOptions<Triplet> {}

/**
 * The transposed convolution of signals, as `torch.nn.functional.conv_transpose1d`; see {@link convTranspose2d}.
 *
 * @param x Shape [n, inChannels, length], or without the first axis
 * @param weight Shape [inChannels, outChannels / groups, kernelLength]
 * @param options Bias, stride, padding, output padding, dilation, groups
 * @returns Shape [n, outChannels, outLength]
 * @throws {ShapeError} If channels do not fit, or the result would be empty
 * @throws {RangeError} If an option is out of range
 *
 * @example
 * ```ts
 * import { convTranspose1d, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(convTranspose1d(ones([1, 3, 5]), ones([3, 8, 2]), { stride: 2 }).shape); // [1, 8, 10]
 * ```
 */
export function convTranspose1d(x: Tensor, weight: Tensor, options: ConvTranspose1dOptions = {}): Tensor {
  return transpose("convTranspose1d", 1, x, weight, options);
}

/**
 * The transposed convolution, as `torch.nn.functional.conv_transpose2d`: the gradient of {@link conv2d} with respect to
 * its images, as an operation of its own. Height becomes (height − 1)·stride − 2·padding + dilation·(kernelHeight − 1)
 * + outputPadding + 1.
 *
 * @param x Shape [n, inChannels, height, width], or without the first axis
 * @param weight Shape [inChannels, outChannels / groups, kernelHeight, kernelWidth]
 * @param options Bias, stride, padding, output padding, dilation, groups
 * @returns Shape [n, outChannels, outHeight, outWidth]
 * @throws {ShapeError} If channels do not fit, or the result would be empty
 * @throws {RangeError} If an option is out of range
 *
 * @example
 * ```ts
 * import { convTranspose2d, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(convTranspose2d(ones([1, 3, 5, 5]), ones([3, 8, 2, 2]), { stride: 2 }).shape); // [1, 8, 10, 10]
 * ```
 */
export function convTranspose2d(x: Tensor, weight: Tensor, options: ConvTranspose2dOptions = {}): Tensor {
  return transpose("convTranspose2d", 2, x, weight, options);
}

/**
 * The transposed convolution of volumes, as `torch.nn.functional.conv_transpose3d`; see {@link convTranspose2d}.
 *
 * @param x Shape [n, inChannels, depth, height, width], or without the first axis
 * @param weight Shape [inChannels, outChannels / groups, kernelDepth, kernelHeight, kernelWidth]
 * @param options Bias, stride, padding, output padding, dilation, groups
 * @returns Shape [n, outChannels, outDepth, outHeight, outWidth]
 * @throws {ShapeError} If channels do not fit, or the result would be empty
 * @throws {RangeError} If an option is out of range
 *
 * @example
 * ```ts
 * import { convTranspose3d, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(convTranspose3d(ones([1, 3, 2, 5, 5]), ones([3, 8, 2, 2, 2]), { stride: 2 }).shape); // [1, 8, 4, 10, 10]
 * ```
 */
export function convTranspose3d(x: Tensor, weight: Tensor, options: ConvTranspose3dOptions = {}): Tensor {
  return transpose("convTranspose3d", 3, x, weight, options);
}

const NAMES = { bias: true, stride: true, padding: true, outputPadding: true, dilation: true, groups: true };

function transpose(
  op: string,
  axes: 1 | 2 | 3,
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions<number | readonly number[]>,
): Tensor {
  checkNames<object>(`convolve in ${op}`, options, NAMES);
  checkRanks(op, x, weight, axes);
  const { groups = 1, bias = null } = options;
  const images = batched(x, axes);
  const [n, channels] = images.shape;
  const [inChannels, perGroup] = weight.shape;
  const bad = (rule: string) =>
    new ShapeError(op, `Cannot convolve in ${op}: ${rule}, current shapes are ${showShapes([x.shape, weight.shape])}`, [
      x.shape,
      weight.shape,
    ]);
  checkChannels(op, x.shape, weight.shape, channels, groups);
  if (inChannels !== channels) throw bad("the weight's first size must be the input's channels");
  checkBias(op, [x, weight], bias, perGroup * groups);
  const out = sizesOf(images, axes), kernel = sizesOf(weight, axes);
  const stride = volumeOf(op, "stride", options.stride, 1, 1, axes);
  const dilation = volumeOf(op, "dilation", options.dilation, 1, 1, axes);
  const before = volumeOf(op, "padding", options.padding, 0, 0, axes);
  const extra = volumeOf(op, "outputPadding", options.outputPadding, 0, 0, axes);
  if (extra.some((places, i) => places > 0 && places >= Math.max(stride[i], dilation[i]))) {
    const shown = (numbers: readonly number[]) => numbers.slice(-axes).join(", ");
    throw new RangeError(
      `Cannot convolve in ${op}: outputPadding must be less than stride or dilation, got ${shown(extra)} with stride ` +
        `${shown(stride)} and dilation ${shown(dilation)}`,
    );
  }
  const size = eachAxis((i) => (out[i] - 1) * stride[i] - 2 * before[i] + dilation[i] * (kernel[i] - 1) + extra[i] + 1);
  if (size.some((count) => count < 1) || kernel.some((count) => count < 1)) throw bad("the result must not be empty");
  // The convolution whose gradient this is goes from the result to the input.
  const geometry: Geometry = {
    axes,
    n,
    inChannels: perGroup * groups,
    outChannels: channels,
    groups,
    size,
    out,
    kernel,
    stride,
    dilation,
    before,
  };
  const y = spread(images, weight, bias, geometry);
  return images === x ? y : reshape(y, y.shape.slice(1));
}

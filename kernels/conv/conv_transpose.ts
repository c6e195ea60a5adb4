import { ShapeError, showShapes } from "../../tensor/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { reshape } from "../layout/reshape.ts";
import { convInput } from "./conv.ts";
import { checkRanks, withBias, withHeight } from "./conv2d.ts";
import { checkChannels, type Geometry, type Pair, pair } from "./_geometry.ts";

/** How {@link convTranspose2d} slides. */
export interface ConvTranspose2dOptions {
  /** Added to every position, shape [outChannels]. */
  bias?: Tensor | null;
  /** Distance in the result between neighbours of the input; default 1. */
  stride?: Pair;
  /** Rows and columns taken away around the result; default 0. */
  padding?: Pair;
  /** Rows and columns added behind the result, less than stride or dilation; default 0. */
  outputPadding?: Pair;
  /** Distance between the kernel's elements; default 1. */
  dilation?: Pair;
  /** Parts into which channels are divided, each with its own kernels; default 1. */
  groups?: number;
}

/** How {@link convTranspose1d} slides. */
export interface ConvTranspose1dOptions {
  /** Added to every position, shape [outChannels]. */
  bias?: Tensor | null;
  /** Distance in the result between neighbours of the input; default 1. */
  stride?: number;
  /** Elements taken away at both ends of the result; default 0. */
  padding?: number;
  /** Elements added at the end of the result, less than stride or dilation; default 0. */
  outputPadding?: number;
  /** Distance between the kernel's elements; default 1. */
  dilation?: number;
  /** Parts into which channels are divided, each with its own kernels; default 1. */
  groups?: number;
}

/**
 * The transposed convolution, as `torch.nn.functional.conv_transpose2d`: the gradient of {@link conv2d} with respect to its
 * images, as an operation of its own. Height becomes (height − 1)·stride − 2·padding + dilation·(kernelHeight − 1) +
 * outputPadding + 1.
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
  return transposeImages("convTranspose2d", x, weight, options);
}

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
  checkRanks("convTranspose1d", x, weight, 1);
  const { stride = 1, dilation = 1, padding = 0, outputPadding = 0 } = options;
  const y = transposeImages("convTranspose1d", withHeight(x), withHeight(weight), {
    ...options,
    stride: [1, stride],
    dilation: [1, dilation],
    padding: [0, padding],
    outputPadding: [0, outputPadding],
  });
  return reshape(y, [...y.shape.slice(0, -2), y.shape.at(-1)!]);
}

function transposeImages(op: string, x: Tensor, weight: Tensor, options: ConvTranspose2dOptions): Tensor {
  checkRanks(op, x, weight, 2);
  const groups = options.groups ?? 1;
  const single = x.ndim === 3;
  const images = single ? reshape(x, [1, ...x.shape]) : x;
  const [n, channels, height, width] = images.shape;
  const [inChannels, perGroup, kernelHeight, kernelWidth] = weight.shape;
  checkChannels(op, x.shape, weight.shape, channels, groups);
  const bad = (rule: string) =>
    new ShapeError(op, `Cannot convolve in ${op}: ${rule}, current shapes are ${showShapes([x.shape, weight.shape])}`, [
      x.shape,
      weight.shape,
    ]);
  if (inChannels !== channels) throw bad("the weight's first size must be the input's channels");
  const [strideY, strideX] = pair(op, "stride", options.stride, 1, 1);
  const [dilationY, dilationX] = pair(op, "dilation", options.dilation, 1, 1);
  const [padTop, padLeft] = pair(op, "padding", options.padding, 0, 0);
  const [extraY, extraX] = pair(op, "outputPadding", options.outputPadding, 0, 0);
  if (extraY >= Math.max(strideY, dilationY) || extraX >= Math.max(strideX, dilationX)) {
    throw new RangeError(
      `Cannot convolve in ${op}: outputPadding must be less than stride or dilation, got ${extraY}, ${extraX} with ` +
        `stride ${strideY}, ${strideX} and dilation ${dilationY}, ${dilationX}`,
    );
  }
  const outHeight = (height - 1) * strideY - 2 * padTop + dilationY * (kernelHeight - 1) + extraY + 1;
  const outWidth = (width - 1) * strideX - 2 * padLeft + dilationX * (kernelWidth - 1) + extraX + 1;
  if (outHeight < 1 || outWidth < 1 || kernelHeight < 1 || kernelWidth < 1) throw bad("the result must not be empty");
  // The convolution whose gradient this is goes from the result to the input.
  const geometry: Geometry = {
    n,
    inChannels: perGroup * groups,
    outChannels: channels,
    height: outHeight,
    width: outWidth,
    outHeight: height,
    outWidth: width,
    kernelHeight,
    kernelWidth,
    strideY,
    strideX,
    dilationY,
    dilationX,
    padTop,
    padLeft,
    groups,
  };
  const y = withBias(op, convInput(images, weight, geometry), options.bias ?? null, [x, weight]);
  return single ? reshape(y, y.shape.slice(1)) : y;
}

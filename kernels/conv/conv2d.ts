import { isFloat } from "../../tensor/dtype.ts";
import { ShapeError, showShapes } from "../../tensor/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { add } from "../elementwise/arithmetic.ts";
import { to } from "../elementwise/cast.ts";
import { reshape } from "../layout/reshape.ts";
import { productType } from "../matmul/matmul.ts";
import { conv } from "./conv.ts";
import { checkChannels, type Geometry, outSize, type Padding, type Pair, pair, samePadding } from "./_geometry.ts";

/** Zeros around an image: a number or two, `"valid"` for none, `"same"` for as many as keep the size. */
export type ConvPadding<P> = P | "same" | "valid";

/** How {@link conv2d} slides. */
export interface Conv2dOptions {
  /** Added to every position, shape [outChannels]. */
  bias?: Tensor | null;
  /** Distance between positions; default 1. */
  stride?: Pair;
  /** Zeros around the image; default 0. `"same"` asks for stride 1. */
  padding?: ConvPadding<Pair>;
  /** Distance between the kernel's elements; default 1. */
  dilation?: Pair;
  /** Parts into which channels are divided, each with its own kernels; default 1. */
  groups?: number;
}

/** How {@link conv1d} slides. */
export interface Conv1dOptions {
  /** Added to every position, shape [outChannels]. */
  bias?: Tensor | null;
  /** Distance between positions; default 1. */
  stride?: number;
  /** Zeros around the signal; default 0. `"same"` asks for stride 1. */
  padding?: ConvPadding<number>;
  /** Distance between the kernel's elements; default 1. */
  dilation?: number;
  /** Parts into which channels are divided, each with its own kernels; default 1. */
  groups?: number;
}

/**
 * Slides a kernel over images (cross-correlation), as `torch.nn.functional.conv2d` does:
 * y[n, o, i, j] = bias[o] + Σ_c Σ_u Σ_v w[o, c, u, v] · x[n, c, i·stride + u·dilation − padding, j·stride + v·dilation − padding].
 *
 * Under autocast the operands are rounded to 16 bits; sums are always f32.
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
  return convolveImages("conv2d", x, weight, options, ["height", "width"]);
}

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
  checkRanks("conv1d", x, weight, 1);
  const { stride = 1, dilation = 1, padding = 0 } = options;
  const y = convolveImages("conv1d", withHeight(x), withHeight(weight), {
    ...options,
    stride: [1, stride],
    dilation: [1, dilation],
    padding: typeof padding === "string" ? padding : [0, padding],
  }, ["length"]);
  return reshape(y, [...y.shape.slice(0, -2), y.shape.at(-1)!]);
}

/** A signal as an image of height 1. */
export function withHeight(t: Tensor): Tensor {
  return reshape(t, [...t.shape.slice(0, -1), 1, t.shape.at(-1)!]);
}

/** Throws unless there are as many axes as signals (1) or images (2) have, and elements are floating. */
export function checkRanks(op: string, x: Tensor, weight: Tensor, spatial: number): void {
  if ((x.ndim !== spatial + 2 && x.ndim !== spatial + 1) || weight.ndim !== spatial + 2) {
    throw new ShapeError(
      op,
      `Cannot convolve in ${op}: the input must have ${spatial + 1} or ${spatial + 2} axes and the weight ${
        spatial + 2
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

/** Adds the bias, one number a channel, and rounds to the operands' type. */
export function withBias(op: string, y: Tensor, bias: Tensor | null, operands: readonly Tensor[]): Tensor {
  const dtype = productType(operands);
  if (bias === null) return to(y, dtype);
  if (bias.ndim !== 1 || bias.shape[0] !== y.shape[1]) {
    throw new ShapeError(
      op,
      `Cannot convolve in ${op}: the bias must have one number for each of the ${
        y.shape[1]
      } output channels, current ` +
        `shapes are ${showShapes([...operands, bias].map(({ shape }) => shape))}`,
      [...operands, bias].map(({ shape }) => shape),
    );
  }
  return to(add(y, reshape(to(bias, "f32"), [bias.shape[0], 1, 1])), dtype);
}

function convolveImages(
  op: string,
  x: Tensor,
  weight: Tensor,
  options: Conv2dOptions,
  axes: readonly string[],
): Tensor {
  checkRanks(op, x, weight, 2);
  const groups = options.groups ?? 1;
  const single = x.ndim === 3;
  const images = single ? reshape(x, [1, ...x.shape]) : x;
  const [n, inChannels, height, width] = images.shape;
  const [outChannels, perGroup, kernelHeight, kernelWidth] = weight.shape;
  checkChannels(op, x.shape, weight.shape, inChannels, groups);
  if (perGroup * groups !== inChannels) {
    throw new ShapeError(
      op,
      `Cannot convolve in ${op}: the weight's second size must be the input's channels divided by groups, ` +
        `${inChannels} / ${groups}, current shapes are ${showShapes([x.shape, weight.shape])}`,
      [x.shape, weight.shape],
    );
  }
  const [strideY, strideX] = pair(op, "stride", options.stride, 1, 1);
  const [dilationY, dilationX] = pair(op, "dilation", options.dilation, 1, 1);
  const [vertical, horizontal] = paddings(
    op,
    options.padding ?? 0,
    [kernelHeight, kernelWidth],
    [dilationY, dilationX],
    [
      strideY,
      strideX,
    ],
  );
  const outHeight = outSize(height, kernelHeight, strideY, dilationY, vertical);
  const outWidth = outSize(width, kernelWidth, strideX, dilationX, horizontal);
  if (outHeight < 1 || outWidth < 1 || kernelHeight < 1 || kernelWidth < 1) {
    throw new ShapeError(
      op,
      `Cannot convolve in ${op}: the kernel must not be empty, nor reach beyond the padded input in ${
        axes.join(" or ")
      }, current shapes are ${showShapes([x.shape, weight.shape])}`,
      [x.shape, weight.shape],
    );
  }
  const geometry: Geometry = {
    n,
    inChannels,
    outChannels,
    height,
    width,
    outHeight,
    outWidth,
    kernelHeight,
    kernelWidth,
    strideY,
    strideX,
    dilationY,
    dilationX,
    padTop: vertical[0],
    padLeft: horizontal[0],
    groups,
  };
  const y = withBias(op, conv(images, weight, geometry), options.bias ?? null, [x, weight]);
  return single ? reshape(y, y.shape.slice(1)) : y;
}

function paddings(
  op: string,
  padding: ConvPadding<Pair>,
  kernel: readonly [number, number],
  dilation: readonly [number, number],
  stride: readonly [number, number],
): [Padding, Padding] {
  if (padding === "valid") return [[0, 0], [0, 0]];
  if (padding === "same") {
    if (stride[0] !== 1 || stride[1] !== 1) {
      throw new RangeError(
        `Cannot convolve in ${op}: padding "same" asks for stride 1, got stride ${stride.join(", ")}`,
      );
    }
    return [samePadding(kernel[0], dilation[0]), samePadding(kernel[1], dilation[1])];
  }
  if (typeof padding === "string") {
    throw new RangeError(`Cannot convolve in ${op}: padding must be numbers, "same" or "valid", got ${padding}`);
  }
  const [y, x] = pair(op, "padding", padding, 0, 0);
  return [[y, y], [x, x]];
}

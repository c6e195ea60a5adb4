import { conv1d, conv2d, conv3d } from "../kernels/conv/convolution.ts";
import { pad } from "../kernels/pad/pad.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Convolution, type ConvolutionOptions, type ImageSize, kernelOf, type VolumeSize } from "./convolution.ts";

/** What stands around the input where it is padded. */
export type PaddingMode = "zeros" | "reflect" | "replicate" | "circular";

/** Options of {@link Conv1d}. */
export interface Conv1dModuleOptions extends ConvolutionOptions {
  /** Distance between positions; default 1. */
  stride?: number;
  /** Places added at both ends; `"same"` keeps the length. Default 0. */
  padding?: number | "same" | "valid";
  /** Distance between the kernel's elements; default 1. */
  dilation?: number;
  /** What the added places hold; default `"zeros"`. */
  paddingMode?: PaddingMode;
}

/** Options of {@link Conv2d}. */
export interface Conv2dModuleOptions extends ConvolutionOptions {
  /** Distance between positions; default 1. */
  stride?: ImageSize;
  /** Places added around; `"same"` keeps height and width. Default 0. */
  padding?: ImageSize | "same" | "valid";
  /** Distance between the kernel's elements; default 1. */
  dilation?: ImageSize;
  /** What the added places hold; default `"zeros"`. */
  paddingMode?: PaddingMode;
}

/** Options of {@link Conv3d}. */
export interface Conv3dModuleOptions extends ConvolutionOptions {
  /** Distance between positions; default 1. */
  stride?: VolumeSize;
  /** Places added around; `"same"` keeps all sizes. Default 0. */
  padding?: VolumeSize | "same" | "valid";
  /** Distance between the kernel's elements; default 1. */
  dilation?: VolumeSize;
  /** What the added places hold; default `"zeros"`. */
  paddingMode?: PaddingMode;
}

const pair = (size: ImageSize): readonly [number, number] => typeof size === "number" ? [size, size] : size;

const triple = (size: VolumeSize): readonly [number, number, number] =>
  typeof size === "number" ? [size, size, size] : size;

/**
 * Places before and after the last axis, then the one in front of it, for paddings that the convolution does not know.
 */
function borders(
  padding: readonly number[] | "same" | "valid",
  kernel: readonly number[],
  dilation: readonly number[],
): number[] {
  return kernel.flatMap((size, i) => {
    const total = padding === "valid" ? 0 : padding === "same" ? dilation[i] * (size - 1) : 2 * padding[i];
    const before = Math.floor(total / 2);
    return [[before, total - before]];
  }).reverse().flat();
}

/**
 * Slides kernels over signals.
 *
 * `weight` [outChannels, inChannels / groups, kernelSize] and `bias` [outChannels] start uniform in
 * ±1/√(inChannels / groups · kernelSize).
 */
export class Conv1d extends Convolution {
  readonly #options: Required<Omit<Conv1dModuleOptions, "bias" | "groups">>;

  /**
   * Makes the layer.
   *
   * @param inChannels Channels of the input
   * @param outChannels Channels of the output
   * @param kernelSize Length of a kernel
   * @param options Stride, padding, dilation, groups, bias
   */
  constructor(inChannels: number, outChannels: number, kernelSize: number, options: Conv1dModuleOptions = {}) {
    super(inChannels, outChannels, [kernelSize], options, false);
    const { stride = 1, padding = 0, dilation = 1, paddingMode = "zeros" } = options;
    this.#options = { stride, padding, dilation, paddingMode };
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, inChannels, length], or without the first axis
   * @returns Shape [n, outChannels, outLength]
   */
  forward(x: Tensor): Tensor {
    const { stride, padding, dilation, paddingMode } = this.#options;
    const { bias, groups, weight } = this;
    if (paddingMode === "zeros") return conv1d(x, weight, { bias, stride, padding, dilation, groups });
    const around = borders(typeof padding === "string" ? padding : [padding], weight.shape.slice(2), [dilation]);
    return conv1d(pad(x, around, { mode: paddingMode }), weight, { bias, stride, dilation, groups });
  }
}

/**
 * Slides kernels over images.
 *
 * `weight` [outChannels, inChannels / groups, kernelHeight, kernelWidth] and `bias` [outChannels] start uniform in
 * ±1/√(inChannels / groups · kernelHeight · kernelWidth).
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { Conv2d } from "@fulgurite/core/nn";
 *
 * await init();
 * const layer = new Conv2d(3, 16, 3, { stride: 2, padding: 1 });
 * console.log(layer.forward(randn([8, 3, 32, 32])).shape); // [8, 16, 16, 16]
 * ```
 */
export class Conv2d extends Convolution {
  readonly #options: Required<Omit<Conv2dModuleOptions, "bias" | "groups">>;

  /**
   * Makes the layer.
   *
   * @param inChannels Channels of the input
   * @param outChannels Channels of the output
   * @param kernelSize Height and width of a kernel
   * @param options Stride, padding, dilation, groups, bias
   */
  constructor(inChannels: number, outChannels: number, kernelSize: ImageSize, options: Conv2dModuleOptions = {}) {
    super(inChannels, outChannels, kernelOf(kernelSize, 2), options, false);
    const { stride = 1, padding = 0, dilation = 1, paddingMode = "zeros" } = options;
    this.#options = { stride, padding, dilation, paddingMode };
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, inChannels, height, width], or without the first axis
   * @returns Shape [n, outChannels, outHeight, outWidth]
   */
  forward(x: Tensor): Tensor {
    const { stride, padding, dilation, paddingMode } = this.#options;
    const { bias, groups, weight } = this;
    if (paddingMode === "zeros") return conv2d(x, weight, { bias, stride, padding, dilation, groups });
    const wanted = typeof padding === "string" ? padding : pair(padding);
    const around = borders(wanted, weight.shape.slice(2), pair(dilation));
    return conv2d(pad(x, around, { mode: paddingMode }), weight, { bias, stride, dilation, groups });
  }
}

/**
 * Slides kernels over volumes. `weight` [outChannels, inChannels / groups, depth, height, width].
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { Conv3d } from "@fulgurite/core/nn";
 *
 * await init();
 * console.log(new Conv3d(1, 8, 3, { padding: "same" }).forward(randn([2, 1, 8, 16, 16])).shape); // [2, 8, 8, 16, 16]
 * ```
 */
export class Conv3d extends Convolution {
  readonly #options: Required<Omit<Conv3dModuleOptions, "bias" | "groups">>;

  /**
   * Makes the layer.
   *
   * @param inChannels Channels of the input
   * @param outChannels Channels of the output
   * @param kernelSize Depth, height and width of a kernel
   * @param options Stride, padding, dilation, groups, bias
   */
  constructor(inChannels: number, outChannels: number, kernelSize: VolumeSize, options: Conv3dModuleOptions = {}) {
    super(inChannels, outChannels, kernelOf(kernelSize, 3), options, false);
    const { stride = 1, padding = 0, dilation = 1, paddingMode = "zeros" } = options;
    this.#options = { stride, padding, dilation, paddingMode };
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, inChannels, depth, height, width], or without the first axis
   * @returns Shape [n, outChannels, outDepth, outHeight, outWidth]
   */
  forward(x: Tensor): Tensor {
    const { stride, padding, dilation, paddingMode } = this.#options;
    const { bias, groups, weight } = this;
    if (paddingMode === "zeros") return conv3d(x, weight, { bias, stride, padding, dilation, groups });
    const wanted = typeof padding === "string" ? padding : triple(padding);
    const around = borders(wanted, weight.shape.slice(2), triple(dilation));
    return conv3d(pad(x, around, { mode: paddingMode }), weight, { bias, stride, dilation, groups });
  }
}

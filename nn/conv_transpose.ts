import { convTranspose1d, convTranspose2d, convTranspose3d } from "../kernels/conv/conv_transpose.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Convolution, type ConvolutionOptions, type ImageSize, kernelOf, type VolumeSize } from "./convolution.ts";

/** Options of {@link ConvTranspose1d}. */
export interface ConvTranspose1dModuleOptions extends ConvolutionOptions {
  /** Distance in the result between neighbours of the input; default 1. */
  stride?: number;
  /** Places taken away at both ends of the result; default 0. */
  padding?: number;
  /** Places added at the end of the result; default 0. */
  outputPadding?: number;
  /** Distance between the kernel's elements; default 1. */
  dilation?: number;
}

/** Options of {@link ConvTranspose2d}. */
export interface ConvTranspose2dModuleOptions extends ConvolutionOptions {
  /** Distance in the result between neighbours of the input; default 1. */
  stride?: ImageSize;
  /** Places taken away around the result; default 0. */
  padding?: ImageSize;
  /** Places added at the end of each axis of the result; default 0. */
  outputPadding?: ImageSize;
  /** Distance between the kernel's elements; default 1. */
  dilation?: ImageSize;
}

/** Options of {@link ConvTranspose3d}. */
export interface ConvTranspose3dModuleOptions extends ConvolutionOptions {
  /** Distance in the result between neighbours of the input; default 1. */
  stride?: VolumeSize;
  /** Places taken away around the result; default 0. */
  padding?: VolumeSize;
  /** Places added at the end of each axis of the result; default 0. */
  outputPadding?: VolumeSize;
  /** Distance between the kernel's elements; default 1. */
  dilation?: VolumeSize;
}

/**
 * The transposed convolution of signals: it spreads each element by a kernel. `weight` [inChannels, outChannels /
 * groups, kernelSize].
 */
export class ConvTranspose1d extends Convolution {
  readonly #options: Omit<ConvTranspose1dModuleOptions, "bias">;

  /**
   * Makes the layer.
   *
   * @param inChannels Channels of the input
   * @param outChannels Channels of the output
   * @param kernelSize Length of a kernel
   * @param options Stride, padding, dilation, groups, bias
   */
  constructor(inChannels: number, outChannels: number, kernelSize: number, options: ConvTranspose1dModuleOptions = {}) {
    super(inChannels, outChannels, [kernelSize], options, true);
    const { bias: _, ...rest } = options;
    this.#options = rest;
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, inChannels, length], or without the first axis
   * @returns Shape [n, outChannels, outLength]
   */
  forward(x: Tensor): Tensor {
    return convTranspose1d(x, this.weight, { ...this.#options, bias: this.bias });
  }
}

/**
 * The transposed convolution of images: it spreads each element by a kernel. `weight` [inChannels, outChannels /
 * groups, height, width].
 */
export class ConvTranspose2d extends Convolution {
  readonly #options: Omit<ConvTranspose2dModuleOptions, "bias">;

  /**
   * Makes the layer.
   *
   * @param inChannels Channels of the input
   * @param outChannels Channels of the output
   * @param kernelSize Height and width of a kernel
   * @param options Stride, padding, dilation, groups, bias
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: ImageSize,
    options: ConvTranspose2dModuleOptions = {},
  ) {
    super(inChannels, outChannels, kernelOf(kernelSize, 2), options, true);
    const { bias: _, ...rest } = options;
    this.#options = rest;
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, inChannels, height, width], or without the first axis
   * @returns Shape [n, outChannels, outHeight, outWidth]
   */
  forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, { ...this.#options, bias: this.bias });
  }
}

/** The transposed convolution of volumes. `weight` [inChannels, outChannels / groups, depth, height, width]. */
export class ConvTranspose3d extends Convolution {
  readonly #options: Omit<ConvTranspose3dModuleOptions, "bias">;

  /**
   * Makes the layer.
   *
   * @param inChannels Channels of the input
   * @param outChannels Channels of the output
   * @param kernelSize Depth, height and width of a kernel
   * @param options Stride, padding, dilation, groups, bias
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: VolumeSize,
    options: ConvTranspose3dModuleOptions = {},
  ) {
    super(inChannels, outChannels, kernelOf(kernelSize, 3), options, true);
    const { bias: _, ...rest } = options;
    this.#options = rest;
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [n, inChannels, depth, height, width], or without the first axis
   * @returns Shape [n, outChannels, outDepth, outHeight, outWidth]
   */
  forward(x: Tensor): Tensor {
    return convTranspose3d(x, this.weight, { ...this.#options, bias: this.bias });
  }
}

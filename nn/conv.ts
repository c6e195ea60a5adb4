import { checkNames } from "../device/option_names.ts";
import { conv1d, conv2d, conv3d } from "../kernels/conv/convolution.ts";
import { convTranspose1d, convTranspose2d, convTranspose3d } from "../kernels/conv/conv_transpose.ts";
import { pad } from "../kernels/pad/pad.ts";
import { numel } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { kaimingUniform, uniform } from "./init.ts";
import { checkSizes } from "./_sizes.ts";
import { Module } from "./module.ts";
import { emptyParameter, type Parameter } from "./parameter.ts";

/** One size for both axes of an image, or height and width. */
export type ImageSize = number | readonly [height: number, width: number];

/** One size for all axes of a volume, or depth, height and width. */
export type VolumeSize = number | readonly [depth: number, height: number, width: number];

/** What stands around the input where it is padded. */
export type PaddingMode = "zeros" | "reflect" | "replicate" | "circular";

/** Options that all convolutions have. */
export interface ConvolutionOptions {
  /** Parts into which channels are divided, each with its own kernels; default 1. */
  groups?: number;
  /** Whether a bias is added; default true. */
  bias?: boolean;
}

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

const pair = (size: ImageSize): readonly [number, number] => typeof size === "number" ? [size, size] : size;

const triple = (size: VolumeSize): readonly [number, number, number] =>
  typeof size === "number" ? [size, size, size] : size;

/** Sizes of a kernel; what is neither a size nor one for each axis stands for all, so that the check names it. */
const kernelOf = (size: ImageSize | VolumeSize, axes: 2 | 3): readonly number[] =>
  Array.isArray(size) && size.length === axes ? size : new Array(axes).fill(size);

/** What is not printed of a convolution. */
const PRESETS: Readonly<Record<string, unknown>> = {
  ...{ stride: 1, padding: 0, outputPadding: 0, dilation: 1, groups: 1, bias: true, paddingMode: "zeros" },
};

/** Options that are not as usual, as they are printed. */
function shownOptions(options: object): string[] {
  return Object.entries(PRESETS).flatMap(([name, preset]) => {
    const value = (options as Readonly<Record<string, unknown>>)[name];
    if (value === undefined || [value].flat().every((part) => part === preset)) return [];
    return [`${name}=${Array.isArray(value) ? `[${value.join(", ")}]` : value}`];
  });
}

/** What convolutions have in common: weight, bias and their start values. */
export abstract class Convolution extends Module<[x: Tensor], Tensor> {
  /** Channels of the input. */
  readonly inChannels: number;
  /** Channels of the output. */
  readonly outChannels: number;
  /** Parts into which channels are divided. */
  readonly groups: number;
  /** The kernels. */
  weight: Parameter;
  /** [outChannels], or `null`. */
  bias: Parameter | null;
  readonly #shown: readonly string[];

  /**
   * Makes the layer.
   *
   * @param inChannels Channels of the input
   * @param outChannels Channels of the output
   * @param kernel Sizes of a kernel
   * @param options Groups and bias
   * @param transposed Whether the weight's first axis is that of the input
   */
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: readonly number[],
    options: ConvolutionOptions,
    transposed: boolean,
  ) {
    super();
    const names = { stride: true, padding: true, dilation: true, groups: true, bias: true };
    const own = transposed ? { ...names, outputPadding: true } : { ...names, paddingMode: true };
    checkNames<object>(`make ${this.constructor.name}`, options, own);
    checkSizes(this.constructor.name, { inChannels, outChannels }, 0);
    checkSizes(this.constructor.name, { kernelSize: kernel });
    const { groups = 1, bias = true } = options;
    if (!Number.isInteger(groups) || groups < 1 || inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new RangeError(
        `Cannot make ${this.constructor.name}: groups must divide the channels, got ${groups} for ${inChannels} and ${outChannels}`,
      );
    }
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.groups = groups;
    this.#shown = shownOptions(options);
    const [first, second] = transposed ? [inChannels, outChannels] : [outChannels, inChannels];
    this.weight = emptyParameter([first, second / groups, ...kernel]);
    this.bias = bias ? emptyParameter([outChannels]) : null;
    this.resetParameters();
  }

  /** Draws new start values, uniform in ±1/√(inputs of an output). */
  resetParameters(): void {
    kaimingUniform(this.weight, { a: Math.sqrt(5) });
    const bound = 1 / Math.sqrt(this.weight.shape[1] * numel(this.weight.shape.slice(2)));
    if (this.bias !== null) uniform(this.bias, { a: -bound, b: bound });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    const kernel = this.weight.shape.slice(2).join(", ");
    return [this.inChannels, this.outChannels, `kernelSize=[${kernel}]`, ...this.#shown].join(", ");
  }
}

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

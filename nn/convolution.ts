import { checkNames } from "../device/option_names.ts";
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

/** Options that all convolutions have. */
export interface ConvolutionOptions {
  /** Parts into which channels are divided, each with its own kernels; default 1. */
  groups?: number;
  /** Whether a bias is added; default true. */
  bias?: boolean;
}

/** Sizes of a kernel; what is neither a size nor one for each axis stands for all, so that the check names it. */
export function kernelOf(size: ImageSize | VolumeSize, axes: 2 | 3): readonly number[] {
  return Array.isArray(size) && size.length === axes ? size : new Array(axes).fill(size);
}

/** What is not printed of a convolution. */
const PRESETS: Readonly<Record<string, unknown>> = {
  ...{ stride: 1, padding: 0, outputPadding: 0, dilation: 1, groups: 1, bias: true, paddingMode: "zeros" },
};

/** Options that are not as usual, as they are printed. */
function unusualOptions(options: object): string[] {
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
    this.#shown = unusualOptions(options);
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

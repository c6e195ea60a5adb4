import { checkNames } from "../device/option_names.ts";
import { layerNorm, rmsNorm } from "../kernels/layer_norm/layer_norm.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ones, zeros } from "./init.ts";
import { checkSizes } from "./_sizes.ts";
import { Module } from "./module.ts";
import { emptyParameter, type Parameter } from "./parameter.ts";

const shapeOf = (size: number | Shape): Shape => typeof size === "number" ? [size] : [...size];

/** A parameter of ones, or `null`. */
export function onesParameter(shape: Shape, wanted: boolean): Parameter | null {
  return wanted ? ones(emptyParameter(shape)) as Parameter : null;
}

/** A parameter of zeros, or `null`. */
export function zerosParameter(shape: Shape, wanted: boolean): Parameter | null {
  return wanted ? zeros(emptyParameter(shape)) as Parameter : null;
}

/** Options of {@link LayerNorm}. */
export interface LayerNormModuleOptions {
  /** Added to the variance; default 1e-5. */
  eps?: number;
  /** Whether factors (and summands) are learned; default true. */
  elementwiseAffine?: boolean;
  /** Whether summands are learned too; default true. */
  bias?: boolean;
}

/**
 * Normalises the last axes of each sample to mean 0 and variance 1, then scales and shifts (Ba, Kiros and Hinton 2016).
 *
 * `weight` and `bias` have the normalised shape and start as ones and zeros.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { LayerNorm } from "@fulgurite/core/nn";
 *
 * await init();
 * console.log(new LayerNorm(64).forward(randn([8, 16, 64])).shape); // [8, 16, 64]
 * ```
 */
export class LayerNorm extends Module<[x: Tensor], Tensor> {
  /** The last axes, over which is normalised. */
  readonly normalizedShape: Shape;
  /** Added to the variance. */
  readonly eps: number;
  /** Factors, or `null`. */
  weight: Parameter | null;
  /** Summands, or `null`. */
  bias: Parameter | null;

  /**
   * Makes the layer.
   *
   * @param normalizedShape Size of the last axis, or of several last axes
   * @param options Whether scale and shift are learned
   */
  constructor(
    normalizedShape: number | Shape,
    options: LayerNormModuleOptions = {},
  ) {
    super();
    checkNames("make LayerNorm", options, { eps: true, elementwiseAffine: true, bias: true });
    const { eps = 1e-5, elementwiseAffine = true, bias = true } = options;
    checkSizes("LayerNorm", { normalizedShape }, 0);
    this.normalizedShape = shapeOf(normalizedShape);
    this.eps = eps;
    this.weight = onesParameter(this.normalizedShape, elementwiseAffine);
    this.bias = zerosParameter(this.normalizedShape, elementwiseAffine && bias);
  }

  /** The input, normalised. */
  forward(x: Tensor): Tensor {
    const { normalizedShape, weight, bias, eps } = this;
    return layerNorm(x, { normalizedShape, weight, bias, eps });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `[${this.normalizedShape.join(", ")}], eps=${this.eps}, elementwiseAffine=${this.weight !== null}`;
  }
}

/** Options of {@link RMSNorm}. */
export interface RMSNormModuleOptions {
  /** Added to the mean square; default: the smallest ε with 1 + ε ≠ 1 in the input's type. */
  eps?: number | null;
  /** Whether factors are learned; default true. */
  elementwiseAffine?: boolean;
}

/**
 * Divides the last axes of each sample by the root of their mean square (Zhang and Sennrich 2019). `weight` starts as
 * ones.
 */
export class RMSNorm extends Module<[x: Tensor], Tensor> {
  /** The last axes, over which is normalised. */
  readonly normalizedShape: Shape;
  /** Added to the mean square, or `null` for the default. */
  readonly eps: number | null;
  /** Factors, or `null`. */
  weight: Parameter | null;

  /**
   * Makes the layer.
   *
   * @param normalizedShape Size of the last axis, or of several last axes
   * @param options Whether the scale is learned
   */
  constructor(
    normalizedShape: number | Shape,
    options: RMSNormModuleOptions = {},
  ) {
    super();
    checkNames("make RMSNorm", options, { eps: true, elementwiseAffine: true });
    const { eps = null, elementwiseAffine = true } = options;
    checkSizes("RMSNorm", { normalizedShape }, 0);
    this.normalizedShape = shapeOf(normalizedShape);
    this.eps = eps;
    this.weight = onesParameter(this.normalizedShape, elementwiseAffine);
  }

  /** The input, normalised. */
  forward(x: Tensor): Tensor {
    const { normalizedShape, weight, eps } = this;
    return rmsNorm(x, { normalizedShape, weight, eps });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `[${this.normalizedShape.join(", ")}], eps=${this.eps}, elementwiseAffine=${this.weight !== null}`;
  }
}

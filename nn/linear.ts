import { checkNames } from "../device/option_names.ts";
import { linear } from "../ops/linear.ts";
import { flatten, unflatten } from "../ops/shape.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { kaimingUniform, uniform } from "./init.ts";
import { checkSizes } from "./_sizes.ts";
import { Module } from "./module.ts";
import { emptyParameter, type Parameter } from "./parameter.ts";

/** Options of {@link Linear}. */
export interface LinearModuleOptions {
  /** Whether a bias is added; default true. */
  bias?: boolean;
}

/**
 * A fully connected layer: y = x·Wᵀ + b, over the last axis.
 *
 * `weight` [outFeatures, inFeatures] and `bias` [outFeatures] start uniform in ±1/√inFeatures.
 *
 * @example
 * ```ts
 * import { init, randn } from "@fulgurite/core";
 * import { Linear } from "@fulgurite/core/nn";
 *
 * await init();
 * const layer = new Linear(20, 30);
 * console.log(layer.forward(randn([128, 20])).shape); // [128, 30]
 * ```
 */
export class Linear extends Module<[x: Tensor], Tensor> {
  /** Size of the last axis of the input. */
  readonly inFeatures: number;
  /** Size of the last axis of the output. */
  readonly outFeatures: number;
  /** [outFeatures, inFeatures]. */
  weight: Parameter;
  /** [outFeatures], or `null`. */
  bias: Parameter | null;

  /**
   * Makes the layer.
   *
   * @param inFeatures Size of the last axis of the input
   * @param outFeatures Size of the last axis of the output
   * @param options Whether a bias is added
   */
  constructor(inFeatures: number, outFeatures: number, options: LinearModuleOptions = {}) {
    super();
    const { bias = true } = options;
    checkNames(`make ${this.constructor.name}`, options, { bias: true });
    checkSizes(this.constructor.name, { inFeatures, outFeatures }, 0);
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = emptyParameter([outFeatures, inFeatures]);
    this.bias = bias ? emptyParameter([outFeatures]) : null;
    this.resetParameters();
  }

  /** Draws new start values. */
  resetParameters(): void {
    kaimingUniform(this.weight, { a: Math.sqrt(5) });
    const bound = this.inFeatures > 0 ? 1 / Math.sqrt(this.inFeatures) : 0;
    if (this.bias !== null) uniform(this.bias, { a: -bound, b: bound });
  }

  /**
   * Runs the layer.
   *
   * @param x Shape [..., inFeatures]
   * @returns Shape [..., outFeatures]
   */
  forward(x: Tensor): Tensor {
    return linear(x, this.weight, { bias: this.bias });
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `inFeatures=${this.inFeatures}, outFeatures=${this.outFeatures}, bias=${this.bias !== null}`;
  }
}

/** Gives back what it gets, whatever it was made with. */
export class Identity extends Module<[x: Tensor], Tensor> {
  /** Takes any arguments, so that it can stand in for other layers. */
  constructor(..._ignored: unknown[]) {
    super();
  }

  /** The input. */
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Options of {@link Flatten}. */
export interface FlattenModuleOptions {
  /** First axis to join; default 1, so that the batch stays. */
  startDim?: number;
  /** Last axis to join; default −1. */
  endDim?: number;
}

/**
 * Joins neighbouring axes to one; by default all but the first.
 *
 * @example
 * ```ts
 * import { init, zeros } from "@fulgurite/core";
 * import { Flatten } from "@fulgurite/core/nn";
 *
 * await init();
 * console.log(new Flatten().forward(zeros([32, 1, 5, 5])).shape); // [32, 25]
 * ```
 */
export class Flatten extends Module<[x: Tensor], Tensor> {
  readonly #options: Required<FlattenModuleOptions>;

  /**
   * Makes the layer.
   *
   * @param options Which axes
   */
  constructor(options: FlattenModuleOptions = {}) {
    super();
    const { startDim = 1, endDim = -1 } = options;
    checkNames("make Flatten", options, { startDim: true, endDim: true });
    this.#options = { startDim, endDim };
  }

  /** The input with the axes joined. */
  forward(x: Tensor): Tensor {
    return flatten(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `startDim=${this.#options.startDim}, endDim=${this.#options.endDim}`;
  }
}

/** Splits an axis into several. */
export class Unflatten extends Module<[x: Tensor], Tensor> {
  readonly #dim: number;
  readonly #sizes: Shape;

  /**
   * Makes the layer.
   *
   * @param dim The axis
   * @param sizes Sizes of the axes that take its place
   */
  constructor(dim: number, sizes: Shape) {
    super();
    this.#dim = dim;
    this.#sizes = [...sizes];
  }

  /** The input with the axis split. */
  forward(x: Tensor): Tensor {
    return unflatten(x, this.#dim, this.#sizes);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `dim=${this.#dim}, sizes=[${this.#sizes.join(", ")}]`;
  }
}

/** Activations that numbers shape, given or learned. */
import { checkNames } from "../device/option_names.ts";
import {
  celu,
  elu,
  gelu,
  hardshrink,
  hardtanh,
  leakyRelu,
  softplus,
  softshrink,
} from "../kernels/elementwise/activations.ts";
import { add, maximum, minimum, mul } from "../kernels/elementwise/arithmetic.ts";
import { threshold } from "../kernels/elementwise/choice.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { constant } from "./init.ts";
import { Module } from "./module.ts";
import { emptyParameter, type Parameter } from "./parameter.ts";

/** Options of {@link GELU}. */
export interface GELUOptions {
  /** Whether Φ is exact; default `"none"`. */
  approximate?: "none" | "tanh";
}

/** x·Φ(x) with the normal distribution Φ, or its approximation by tanh (Hendrycks and Gimpel 2016). */
export class GELU extends Module<[x: Tensor], Tensor> {
  readonly #options: Required<GELUOptions>;

  /**
   * Makes the layer.
   *
   * @param options How it is shaped
   */
  constructor(options: GELUOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { approximate: true });
    const { approximate = "none" } = options;
    this.#options = { approximate };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return gelu(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `approximate=${this.#options.approximate}`;
  }
}

/** Options of {@link LeakyReLU}. */
export interface LeakyReLUOptions {
  /** The slope a; default 0.01. */
  negativeSlope?: number;
}

/** x where x > 0, else a·x. */
export class LeakyReLU extends Module<[x: Tensor], Tensor> {
  readonly #options: Required<LeakyReLUOptions>;

  /**
   * Makes the layer.
   *
   * @param options How it is shaped
   */
  constructor(options: LeakyReLUOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { negativeSlope: true });
    const { negativeSlope = 0.01 } = options;
    this.#options = { negativeSlope };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return leakyRelu(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `negativeSlope=${this.#options.negativeSlope}`;
  }
}

/** Options of {@link ELU}. */
export interface ELUOptions {
  /** The factor α; default 1. */
  alpha?: number;
}

/** x where x > 0, else α·(eˣ − 1) (Clevert and others 2015). */
export class ELU extends Module<[x: Tensor], Tensor> {
  readonly #options: Required<ELUOptions>;

  /**
   * Makes the layer.
   *
   * @param options How it is shaped
   */
  constructor(options: ELUOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { alpha: true });
    const { alpha = 1 } = options;
    this.#options = { alpha };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return elu(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `alpha=${this.#options.alpha}`;
  }
}

/** Options of {@link CELU}. */
export interface CELUOptions {
  /** The scale α; default 1. */
  alpha?: number;
}

/** x where x > 0, else α·(e^(x/α) − 1) (Barron 2017). */
export class CELU extends Module<[x: Tensor], Tensor> {
  readonly #options: Required<CELUOptions>;

  /**
   * Makes the layer.
   *
   * @param options How it is shaped
   */
  constructor(options: CELUOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { alpha: true });
    const { alpha = 1 } = options;
    this.#options = { alpha };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return celu(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `alpha=${this.#options.alpha}`;
  }
}

/** Options of {@link Softplus}. */
export interface SoftplusOptions {
  /** The factor β; default 1. */
  beta?: number;
  /** Where the function becomes x; default 20. */
  threshold?: number;
}

/** ln(1 + e^(βx)) / β, and x itself where βx is above the threshold. */
export class Softplus extends Module<[x: Tensor], Tensor> {
  readonly #options: Required<SoftplusOptions>;

  /**
   * Makes the layer.
   *
   * @param options How it is shaped
   */
  constructor(options: SoftplusOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { beta: true, threshold: true });
    const { beta = 1, threshold = 20 } = options;
    this.#options = { beta, threshold };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return softplus(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `beta=${this.#options.beta}, threshold=${this.#options.threshold}`;
  }
}

/** Options of {@link Hardtanh}. */
export interface HardtanhOptions {
  /** Lower bound; default −1. */
  minVal?: number;
  /** Upper bound; default 1. */
  maxVal?: number;
}

/** x, kept between two bounds. */
export class Hardtanh extends Module<[x: Tensor], Tensor> {
  readonly #options: Required<HardtanhOptions>;

  /**
   * Makes the layer.
   *
   * @param options How it is shaped
   */
  constructor(options: HardtanhOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { minVal: true, maxVal: true });
    const { minVal = -1, maxVal = 1 } = options;
    this.#options = { minVal, maxVal };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return hardtanh(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `minVal=${this.#options.minVal}, maxVal=${this.#options.maxVal}`;
  }
}

/** Options of {@link Hardshrink}. */
export interface HardshrinkOptions {
  /** The bound λ; default 0.5. */
  lambda?: number;
}

/** x where |x| > λ, else 0. */
export class Hardshrink extends Module<[x: Tensor], Tensor> {
  readonly #options: Required<HardshrinkOptions>;

  /**
   * Makes the layer.
   *
   * @param options How it is shaped
   */
  constructor(options: HardshrinkOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { lambda: true });
    const { lambda = 0.5 } = options;
    this.#options = { lambda };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return hardshrink(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `lambda=${this.#options.lambda}`;
  }
}

/** Options of {@link Softshrink}. */
export interface SoftshrinkOptions {
  /** The distance λ; default 0.5. */
  lambda?: number;
}

/** x moved by λ towards 0, and 0 within. */
export class Softshrink extends Module<[x: Tensor], Tensor> {
  readonly #options: Required<SoftshrinkOptions>;

  /**
   * Makes the layer.
   *
   * @param options How it is shaped
   */
  constructor(options: SoftshrinkOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { lambda: true });
    const { lambda = 0.5 } = options;
    this.#options = { lambda };
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return softshrink(x, this.#options);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `lambda=${this.#options.lambda}`;
  }
}

/** x where it is above a bound, else another value. */
export class Threshold extends Module<[x: Tensor], Tensor> {
  readonly #threshold: number;
  readonly #value: number;

  /**
   * Makes the layer.
   *
   * @param threshold The bound
   * @param value What stands for elements up to it
   */
  constructor(threshold: number, value: number) {
    super();
    this.#threshold = threshold;
    this.#value = value;
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    return threshold(x, this.#threshold, this.#value);
  }

  /** What stands in parentheses when it is printed. */
  override extraRepr(): string {
    return `threshold=${this.#threshold}, value=${this.#value}`;
  }
}

/** Options of {@link PReLU}. */
export interface PReLUOptions {
  /** Slopes: one for all, or one for each channel (axis 1); default 1. */
  numParameters?: number;
  /** What they start with; default 0.25. */
  init?: number;
}

/** x where x > 0, else a·x with a learned slope (He and others 2015). `weight` holds the slopes. */
export class PReLU extends Module<[x: Tensor], Tensor> {
  /** [numParameters]. */
  weight: Parameter;

  /**
   * Makes the layer.
   *
   * @param options How many slopes, and their start value
   */
  constructor(options: PReLUOptions = {}) {
    super();
    checkNames(`make ${this.constructor.name}`, options, { numParameters: true, init: true });
    const { numParameters = 1, init = 0.25 } = options;
    this.weight = emptyParameter([numParameters]);
    constant(this.weight, init);
  }

  /** The function of every element. */
  forward(x: Tensor): Tensor {
    const slopes = x.ndim > 1
      ? reshape(this.weight, [this.weight.numel, ...x.shape.slice(2).map(() => 1)])
      : this.weight;
    return add(maximum(x, 0), mul(slopes, minimum(x, 0)));
  }
}

import { checkNames } from "../device/option_names.ts";
import { amax, amin, div, expand, full, isnan, logicalOr, mul, sum, where, zeros } from "../kernels/mod.ts";
import { tensor } from "../tensor/create.ts";

import { broadcastShapes } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { flat, floats } from "./_inputs.ts";
import { Metric } from "./metric.ts";
import { fail } from "./task.ts";

/** How a NaN is met. */
export interface NanOptions {
  /**
   * `"ignore"` leaves NaN out (the default), `"disable"` lets it through, a number takes its place. torchmetrics'
   * `"warn"` and `"error"` would have to read every batch back and do not exist.
   */
  nanStrategy?: "ignore" | "disable" | number;
}

/** What is aggregated: a number or a tensor of any shape. */
export type Value = Tensor | number;

/** What aggregations have in common: one number on the device. */
export abstract class Aggregator<Inputs extends readonly unknown[] = [value: Value]> extends Metric<Inputs> {
  /** How a NaN is met. */
  protected readonly nan: "ignore" | "disable" | number;

  /**
   * Makes the metric.
   *
   * @param options Its options
   */
  constructor(options: NanOptions) {
    super(options);
    checkNames(`make ${this.constructor.name}`, options, { nanStrategy: true });
    this.nan = options.nanStrategy ?? "ignore";
    if (typeof this.nan === "number" || this.nan === "ignore" || this.nan === "disable") return;
    fail(this.constructor.name, "nanStrategy", '"ignore", "disable" or a number', this.nan);
  }

  /** A value as f32. */
  protected read(name: string, value: Value): Tensor {
    if (typeof value === "number") return tensor([value], { dtype: "f32" });
    if (value instanceof Tensor) return floats(value);
    throw new TypeError(
      `Cannot update ${this.constructor.name}: ${name} must be a number or a tensor, got ${typeof value}`,
    );
  }

  /** The value with a number in place of NaN: the one asked for, or one that changes nothing. */
  protected clean(value: Tensor, neutral: number): Tensor {
    if (this.nan === "disable") return value;
    return where(isnan(value), this.nan === "ignore" ? neutral : this.nan, value);
  }
}

/**
 * The mean of all values, each with a weight.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { MeanMetric } from "@fulgurite/core/metrics";
 *
 * await init();
 * const mean = new MeanMetric();
 * mean.update(1, 3);
 * mean.update(tensor([5, NaN])); // NaN is left out
 * console.log(await mean.compute().item()); // 2
 * ```
 */
export class MeanMetric extends Aggregator<[value: Value, weight?: Value]> {
  /**
   * Makes the metric.
   *
   * @param options How a NaN is met
   */
  constructor(options: NanOptions = {}) {
    super(options);
    this.addState("mean_value", () => zeros([]), "sum");
    this.addState("weight", () => zeros([]), "sum");
  }

  /** Takes values with their weights, which broadcast. */
  protected override accumulate(value: Value, weight: Value = 1): void {
    const { values, weights } = this.#paired(this.read("value", value), this.read("weight", weight));
    this.join("mean_value", sum(mul(values, weights)));
    this.join("weight", sum(weights));
  }

  /**
   * A NaN on either side takes the other with it: both are left out, or the number takes its place with a weight of 1.
   */
  #paired(values: Tensor, weights: Tensor): { values: Tensor; weights: Tensor } {
    const shape = broadcastShapes("MeanMetric", [values.shape, weights.shape]);
    if (this.nan === "disable") return { values, weights: expand(weights, shape) };
    const gone = logicalOr(isnan(values), isnan(weights)), ignored = this.nan === "ignore";
    return { values: where(gone, ignored ? 0 : this.nan, values), weights: where(gone, ignored ? 0 : 1, weights) };
  }

  /** Σ w·x / Σ w. */
  protected override result(): Tensor {
    return div(this.state("mean_value"), this.state("weight"));
  }
}

/**
 * The sum of all values.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { SumMetric } from "@fulgurite/core/metrics";
 *
 * await init();
 * const total = new SumMetric();
 * total.update(1);
 * total.update(tensor([2, 3]));
 * console.log(await total.compute().item()); // 6
 * ```
 */
export class SumMetric extends Aggregator {
  /**
   * Makes the metric.
   *
   * @param options How a NaN is met
   */
  constructor(options: NanOptions = {}) {
    super(options);
    this.addState("sum_value", () => zeros([]), "sum");
  }

  /** Takes values. */
  protected override accumulate(value: Value): void {
    this.join("sum_value", sum(this.clean(this.read("value", value), 0)));
  }

  /** The sum. */
  protected override result(): Tensor {
    return this.state("sum_value");
  }
}

/**
 * The greatest of all values; −Infinity if there are none.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { MaxMetric } from "@fulgurite/core/metrics";
 *
 * await init();
 * const most = new MaxMetric();
 * most.update(1);
 * most.update(tensor([2, 3]));
 * console.log(await most.compute().item()); // 3
 * ```
 */
export class MaxMetric extends Aggregator {
  /**
   * Makes the metric.
   *
   * @param options How a NaN is met
   */
  constructor(options: NanOptions = {}) {
    super(options);
    this.addState("max_value", () => full([], -Infinity), "max");
  }

  /** Takes values. */
  protected override accumulate(value: Value): void {
    const values = this.clean(this.read("value", value), -Infinity);
    if (values.numel > 0) this.join("max_value", amax(values));
  }

  /** The greatest. */
  protected override result(): Tensor {
    return this.state("max_value");
  }
}

/**
 * The least of all values; Infinity if there are none.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { MinMetric } from "@fulgurite/core/metrics";
 *
 * await init();
 * const least = new MinMetric();
 * least.update(1);
 * least.update(tensor([2, 3]));
 * console.log(await least.compute().item()); // 1
 * ```
 */
export class MinMetric extends Aggregator {
  /**
   * Makes the metric.
   *
   * @param options How a NaN is met
   */
  constructor(options: NanOptions = {}) {
    super(options);
    this.addState("min_value", () => full([], Infinity), "min");
  }

  /** Takes values. */
  protected override accumulate(value: Value): void {
    const values = this.clean(this.read("value", value), Infinity);
    if (values.numel > 0) this.join("min_value", amin(values));
  }

  /** The least. */
  protected override result(): Tensor {
    return this.state("min_value");
  }
}

/** Options of {@link CatMetric}. */
export interface CatMetricOptions {
  /** `"disable"` lets NaN through (the default), a number takes its place. */
  nanStrategy?: "disable" | number;
}

/**
 * All values one after the other.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { CatMetric } from "@fulgurite/core/metrics";
 *
 * await init();
 * const values = new CatMetric();
 * values.update(1);
 * values.update(tensor([2, 3]));
 * console.log(await values.compute().array()); // [1, 2, 3]
 * ```
 */
export class CatMetric extends Aggregator {
  /**
   * Makes the metric.
   *
   * @param options How a NaN is met
   */
  constructor(options: CatMetricOptions = {}) {
    super({ nanStrategy: "disable", ...options });
    this.addState("value", null);
  }

  /** Takes values. */
  protected override accumulate(value: Value): void {
    this.join("value", flat(this.clean(this.read("value", value), NaN)));
  }

  /** All of them. */
  protected override result(): Tensor {
    return this.joined("value") ?? zeros([0]);
  }
}

import { checkNames } from "../device/option_names.ts";
import { abs, add, clamp, div, exp, full, log1p, mul, sqrt, square, sub, sum, zeros } from "../kernels/mod.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSameShape, floats } from "./_inputs.ts";
import { Metric, once } from "./metric.ts";
import { fail } from "./task.ts";

/** Numbers that are predicted side by side. */
export interface OutputOptions {
  /** With more than one, inputs are [N, numOutputs] and every output has a value of its own; default 1. */
  numOutputs?: number;
}

/** Options of {@link MeanSquaredError}. */
export interface MeanSquaredErrorOptions extends OutputOptions {
  /** With `false` its root is taken; default true. */
  squared?: boolean;
}

/** What means of errors have in common: their sum and how many there are. */
export abstract class MeanError<O extends OutputOptions = OutputOptions>
  extends Metric<[preds: Tensor, target: Tensor]> {
  readonly #outputs: number;

  /**
   * Makes the metric.
   *
   * @param options Its options
   * @param names The options that there are beside `numOutputs`
   */
  constructor(options: O, names: Record<string, true> = {}) {
    super(options);
    checkNames(`make ${this.constructor.name}`, options, { numOutputs: true, ...names } as never);
    this.#outputs = options.numOutputs ?? 1;
    if (!Number.isInteger(this.#outputs) || this.#outputs < 1) {
      fail(this.constructor.name, "numOutputs", "a whole number from 1 on", this.#outputs);
    }
    this.addState("error", () => zeros(this.#outputs === 1 ? [] : [this.#outputs]), "sum");
    this.addState("total", () => zeros([], { dtype: "i32" }), "sum");
  }

  /** Smaller is better. */
  override get higherIsBetter(): boolean {
    return false;
  }

  /** The error of each prediction. */
  protected abstract error(preds: Tensor, target: Tensor): Tensor;

  /** Takes a batch. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    checkSameShape(this.constructor.name, preds, target);
    const errors = this.error(floats(preds), floats(target)), several = this.#outputs > 1;
    if (several) checkOutputs(this.constructor.name, preds, this.#outputs);
    this.join("error", several ? sum(errors, { dim: 0 }) : sum(errors));
    this.join("total", full([], errors.numel / this.#outputs, { dtype: "i32" }));
  }

  /** Their mean. */
  protected override result(): Tensor {
    return div(this.state("error"), this.state("total"));
  }
}

/** Throws unless a shape is [N, outputs]. */
export function checkOutputs(metric: string, preds: Tensor, outputs: number): void {
  if (preds.ndim === 2 && preds.shape[1] === outputs) return;
  throw new ShapeError(
    metric,
    `Cannot update ${metric}: inputs must have shape [N, ${outputs}] as numOutputs says, the shape is ${
      showShape(preds.shape)
    }`,
    [preds.shape],
  );
}

/**
 * The mean of squared differences, or its root.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { MeanSquaredError } from "@fulgurite/core/metrics";
 *
 * await init();
 * const rmse = new MeanSquaredError({ squared: false });
 * rmse.update(tensor([1.5, 2]), tensor([2.5, 3]));
 * console.log(await rmse.compute().item()); // 1
 * ```
 */
export class MeanSquaredError extends MeanError<MeanSquaredErrorOptions> {
  readonly #squared: boolean;

  /**
   * Makes the metric.
   *
   * @param options Number of outputs, and whether the root is taken
   */
  constructor(options: MeanSquaredErrorOptions = {}) {
    super(options, { squared: true });
    this.#squared = options.squared ?? true;
  }

  /** (x − y)². */
  protected override error(preds: Tensor, target: Tensor): Tensor {
    return square(sub(preds, target));
  }

  /** The mean, or its root. */
  protected override result(): Tensor {
    const mean = super.result();
    return this.#squared ? mean : sqrt(mean);
  }
}

/**
 * The mean of absolute differences.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { MeanAbsoluteError } from "@fulgurite/core/metrics";
 *
 * await init();
 * const mae = new MeanAbsoluteError();
 * mae.update(tensor([1.5, 2]), tensor([2, 3.5]));
 * console.log(await mae.compute().item()); // 1
 * ```
 */
export class MeanAbsoluteError extends MeanError {
  /**
   * Makes the metric.
   *
   * @param options Number of outputs
   */
  constructor(options: OutputOptions = {}) {
    super(options);
  }

  /** |x − y|. */
  protected override error(preds: Tensor, target: Tensor): Tensor {
    return abs(sub(preds, target));
  }
}

/** The least divisor of relative errors, as torchmetrics has it. */
const LEAST = 1.17e-6;

/**
 * The mean of absolute differences relative to the targets.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { MeanAbsolutePercentageError } from "@fulgurite/core/metrics";
 *
 * await init();
 * const mape = new MeanAbsolutePercentageError();
 * mape.update(tensor([1.5, 3.5]), tensor([1, 7], { dtype: "f32" }));
 * console.log(await mape.compute().item()); // 0.5
 * ```
 */
export class MeanAbsolutePercentageError extends MeanError {
  /** Takes no options. */
  constructor() {
    super({});
  }

  /** |x − y| / |y|. */
  protected override error(preds: Tensor, target: Tensor): Tensor {
    return div(abs(sub(preds, target)), clamp(abs(target), { min: LEAST }));
  }
}

/**
 * The mean of absolute differences relative to the means of prediction and target.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { SymmetricMeanAbsolutePercentageError } from "@fulgurite/core/metrics";
 *
 * await init();
 * const smape = new SymmetricMeanAbsolutePercentageError();
 * smape.update(tensor([3], { dtype: "f32" }), tensor([1], { dtype: "f32" }));
 * console.log(await smape.compute().item()); // 1
 * ```
 */
export class SymmetricMeanAbsolutePercentageError extends MeanError {
  /** Takes no options. */
  constructor() {
    super({});
  }

  /** 2·|x − y| / (|x| + |y|). */
  protected override error(preds: Tensor, target: Tensor): Tensor {
    return div(mul(abs(sub(preds, target)), 2), clamp(add(abs(preds), abs(target)), { min: LEAST }));
  }
}

/**
 * The mean of squared differences of log(1 + x).
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { MeanSquaredLogError } from "@fulgurite/core/metrics";
 *
 * await init();
 * const msle = new MeanSquaredLogError();
 * msle.update(tensor([0.5, 1]), tensor([0.5, 2]));
 * console.log(await msle.compute().item()); // about 0.0822
 * ```
 */
export class MeanSquaredLogError extends MeanError {
  /** Takes no options. */
  constructor() {
    super({});
  }

  /** (log(1 + x) − log(1 + y))². */
  protected override error(preds: Tensor, target: Tensor): Tensor {
    return square(sub(log1p(preds), log1p(target)));
  }
}

/**
 * The mean of log cosh of differences.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { LogCoshError } from "@fulgurite/core/metrics";
 *
 * await init();
 * const error = new LogCoshError();
 * error.update(tensor([3, 5], { dtype: "f32" }), tensor([2.5, 5]));
 * console.log(await error.compute().item()); // about 0.06
 * ```
 */
export class LogCoshError extends MeanError {
  /**
   * Makes the metric.
   *
   * @param options Number of outputs
   */
  constructor(options: OutputOptions = {}) {
    super(options);
  }

  /** log cosh(x − y), without a number that is too large on the way. */
  protected override error(preds: Tensor, target: Tensor): Tensor {
    const far = abs(sub(preds, target));
    return sub(add(far, log1p(exp(mul(far, -2)))), Math.LN2);
  }
}

/** {@link MeanSquaredError} of one batch. */
export function meanSquaredError(preds: Tensor, target: Tensor, options?: MeanSquaredErrorOptions): Tensor {
  return once(new MeanSquaredError(options), preds, target);
}

/** {@link MeanAbsoluteError} of one batch. */
export function meanAbsoluteError(preds: Tensor, target: Tensor, options?: OutputOptions): Tensor {
  return once(new MeanAbsoluteError(options), preds, target);
}

/** {@link MeanAbsolutePercentageError} of one batch. */
export function meanAbsolutePercentageError(preds: Tensor, target: Tensor): Tensor {
  return once(new MeanAbsolutePercentageError(), preds, target);
}

/** {@link SymmetricMeanAbsolutePercentageError} of one batch. */
export function symmetricMeanAbsolutePercentageError(preds: Tensor, target: Tensor): Tensor {
  return once(new SymmetricMeanAbsolutePercentageError(), preds, target);
}

/** {@link MeanSquaredLogError} of one batch. */
export function meanSquaredLogError(preds: Tensor, target: Tensor): Tensor {
  return once(new MeanSquaredLogError(), preds, target);
}

/** {@link LogCoshError} of one batch. */
export function logCoshError(preds: Tensor, target: Tensor, options?: OutputOptions): Tensor {
  return once(new LogCoshError(options), preds, target);
}

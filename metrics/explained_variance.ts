import { checkNames } from "../device/option_names.ts";
import { div, gt, mean, mul, ne, reshape, select, square, sub, sum, where, zeros } from "../kernels/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { once } from "./metric.ts";
import { fail, oneOf } from "./task.ts";
import { MomentsMetric } from "./_moments.ts";

/**
 * How values of outputs become one: their mean, all of them, or their mean weighted by the variances of the targets.
 */
export type Multioutput = "uniform_average" | "raw_values" | "variance_weighted";

/** Options of {@link ExplainedVariance}. */
export interface MultioutputOptions {
  /** How values of outputs become one; default `"uniform_average"`. */
  multioutput?: Multioutput;
}

/** Options of {@link R2Score}. */
export interface R2ScoreOptions extends MultioutputOptions {
  /** Number of independent regressors, for the adjusted score; default 0. */
  adjusted?: number;
}

function checkMultioutput(metric: string, multioutput: Multioutput): Multioutput {
  const allowed = ["uniform_average", "raw_values", "variance_weighted"] as const;
  return allowed.includes(multioutput) ? multioutput : fail(metric, "multioutput", oneOf(allowed), multioutput);
}

/** One value of the scores of outputs. */
function reduceOutputs(scores: Tensor, weights: Tensor, multioutput: Multioutput): Tensor {
  if (scores.numel === 1 && multioutput !== "raw_values") return reshape(scores, []);
  if (multioutput === "raw_values") return scores.numel === 1 ? reshape(scores, []) : scores;
  return multioutput === "uniform_average" ? mean(scores) : sum(mul(scores, div(weights, sum(weights))));
}

/**
 * The coefficient of determination, 1 − Σ(y − x)² / Σ(y − ȳ)². Inputs are [N], or [N, K] for K outputs.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { R2Score } from "@fulgurite/core/metrics";
 *
 * await init();
 * const r2 = new R2Score();
 * r2.update(tensor([2.5, 0.5, 2, 8]), tensor([3, -0.5, 2, 7]));
 * console.log(await r2.compute().item()); // about 0.9215
 * ```
 */
export class R2Score extends MomentsMetric {
  readonly #multioutput: Multioutput;
  readonly #adjusted: number;

  /**
   * Makes the metric.
   *
   * @param options How values of outputs become one, and by how many regressors the score is adjusted
   */
  constructor(options: R2ScoreOptions = {}) {
    super(options, 1);
    checkNames("make R2Score", options, { multioutput: true, adjusted: true });
    this.#multioutput = checkMultioutput("R2Score", options.multioutput ?? "uniform_average");
    this.#adjusted = options.adjusted ?? 0;
    if (!Number.isInteger(this.#adjusted) || this.#adjusted < 0) {
      fail("R2Score", "adjusted", "a whole number from 0 on", this.#adjusted);
    }
    this.addState("residual", () => zeros([this.outputs]), "sum");
  }

  /** Takes a batch. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    const [x, y] = this.columns(preds, target, true);
    this.gather(x, y);
    this.join("residual", sum(square(sub(y, x)), { dim: 0 }));
  }

  /** 1 for no residual, 0 for targets that hardly differ, else 1 − residual / spread. */
  protected override result(): Tensor {
    const { count, squares } = this.moments, residual = this.state("residual");
    const spread = select(squares, { dim: 0, index: 1 });
    const raw = where(gt(residual, 1e-4), where(gt(spread, 1e-4), sub(1, div(residual, spread)), 0), 1);
    const score = reduceOutputs(raw, spread, this.#multioutput);
    if (this.#adjusted === 0) return score;
    const left = sub(count, this.#adjusted + 1), adjusted = sub(1, div(mul(sub(1, score), sub(count, 1)), left));
    return where(gt(left, 0), adjusted, score);
  }
}

/**
 * The share of the targets' variance that is left in the differences, 1 − Var(y − x) / Var(y). Inputs are [N], or [N,
 * K] for K outputs.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { ExplainedVariance } from "@fulgurite/core/metrics";
 *
 * await init();
 * const explained = new ExplainedVariance();
 * explained.update(tensor([2.5, 0.5, 2, 8]), tensor([3, -0.5, 2, 7]));
 * console.log(await explained.compute().item()); // about 0.9572
 * ```
 */
export class ExplainedVariance extends MomentsMetric {
  readonly #multioutput: Multioutput;

  /**
   * Makes the metric.
   *
   * @param options How values of outputs become one
   */
  constructor(options: MultioutputOptions = {}) {
    super(options, 1);
    checkNames("make ExplainedVariance", options, { multioutput: true });
    this.#multioutput = checkMultioutput("ExplainedVariance", options.multioutput ?? "uniform_average");
  }

  /** Takes a batch. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    const [x, y] = this.columns(preds, target, true);
    this.gather(sub(y, x), y);
  }

  /** 1 for no variance of the differences, 0 for none of the targets alone. */
  protected override result(): Tensor {
    const [left, all] = [0, 1].map((index) => select(this.moments.squares, { dim: 0, index }));
    const scores = where(ne(left, 0), where(ne(all, 0), sub(1, div(left, all)), 0), 1);
    return reduceOutputs(scores, all, this.#multioutput);
  }
}

/** {@link R2Score} of one batch. */
export function r2Score(preds: Tensor, target: Tensor, options?: R2ScoreOptions): Tensor {
  return once(new R2Score(options), preds, target);
}

/** {@link ExplainedVariance} of one batch. */
export function explainedVariance(preds: Tensor, target: Tensor, options?: MultioutputOptions): Tensor {
  return once(new ExplainedVariance(options), preds, target);
}

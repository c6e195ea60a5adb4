import { checkNames } from "../device/option_names.ts";
import {
  abs,
  add,
  arange,
  bincount,
  cat,
  clamp,
  cumsum,
  div,
  full,
  gather,
  gt,
  isfinite,
  logicalAnd,
  maximum,
  mean,
  mul,
  narrow,
  ne,
  reshape,
  scatter,
  select,
  sort,
  sqrt,
  square,
  stack,
  sub,
  sum,
  to,
  where,
  zeros,
} from "../kernels/mod.ts";
import { t } from "../ops/mod.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSameShape, floats } from "./_inputs.ts";
import { Metric, once } from "./metric.ts";
import { checkOutputs, type OutputOptions } from "./regression.ts";
import { fail, oneOf } from "./task.ts";

/** Means of two variables, sums of squares about them, and of products: of one batch or of all. */
export interface Moments {
  /** Number of rows, without axes. */
  readonly count: Tensor;
  /** [2, K]. */
  readonly mean: Tensor;
  /** [2, K]. */
  readonly squares: Tensor;
  /** [K]. */
  readonly products: Tensor;
}

/**
 * What metrics of two variables have in common: their moments, joined so that nothing cancels out however far the values
 * are from 0 (Chan, Golub, LeVeque, 1983).
 */
export abstract class MomentsMetric extends Metric<[preds: Tensor, target: Tensor]> {
  #outputs: number;

  /**
   * Makes the metric.
   *
   * @param options Its options
   * @param outputs Number of outputs
   */
  constructor(options: object, outputs: number) {
    super(options);
    this.#outputs = outputs;
    this.addState("count", () => zeros([]), "sum");
    this.addState("mean", () => zeros([2, this.#outputs]), "sum");
    this.addState("squares", () => zeros([2, this.#outputs]), "sum");
    this.addState("products", () => zeros([this.#outputs]), "sum");
  }

  /** Larger is better. */
  override get higherIsBetter(): boolean {
    return true;
  }

  /** Number of outputs. */
  protected get outputs(): number {
    return this.updateCount > 0 ? this.state("products").shape[0] : this.#outputs;
  }

  /** Takes [N] as one output, and the number of outputs from the first [N, K] where it may. */
  protected columns(preds: Tensor, target: Tensor, free: boolean): [Tensor, Tensor] {
    const name = this.constructor.name;
    checkSameShape(name, preds, target);
    if (preds.ndim < 1 || preds.ndim > 2) {
      throw new ShapeError(
        name,
        `Cannot update ${name}: inputs must have shape [N] or [N, outputs], the shape is ${showShape(preds.shape)}`,
        [preds.shape],
      );
    }
    const found = preds.ndim === 1 ? 1 : preds.shape[1];
    if (free && this.updateCount === 0 && found !== this.#outputs) {
      this.#outputs = found;
      this.renew();
    }
    if (found !== this.outputs) checkOutputs(name, preds, this.outputs);
    const shaped = (x: Tensor) => reshape(floats(x), [preds.shape[0], found]);
    return [shaped(preds), shaped(target)];
  }

  /** Joins the moments of a batch of two variables [N, K]. */
  protected gather(x: Tensor, y: Tensor): void {
    const both = stack([x, y], { dim: 0 }), average = mean(both, { dim: 1 });
    const off = sub(both, mean(both, { dim: 1, keepdim: true }));
    const products = sum(mul(select(off, { dim: 0, index: 0 }), select(off, { dim: 0, index: 1 })), { dim: 0 });
    const count = full([], x.shape[0]);
    if (x.shape[0] > 0) this.#join({ count, mean: average, squares: sum(square(off), { dim: 1 }), products });
  }

  #join(batch: Moments): void {
    const { count, mean, squares, products } = this.moments, total = add(count, batch.count);
    const apart = sub(batch.mean, mean), share = div(batch.count, maximum(total, 1)), weight = mul(count, share);
    const cross = mul(select(apart, { dim: 0, index: 0 }), select(apart, { dim: 0, index: 1 }));
    const next = [
      total,
      add(mean, mul(apart, share)),
      add(add(squares, batch.squares), mul(square(apart), weight)),
      add(add(products, batch.products), mul(cross, weight)),
    ];
    for (const [i, name] of ["count", "mean", "squares", "products"].entries()) this.setState(name, next[i]);
  }

  /** All moments so far. */
  protected get moments(): Moments {
    const of = (name: string) => this.state(name);
    return { count: of("count"), mean: of("mean"), squares: of("squares"), products: of("products") };
  }

  /** Joins moments, and whatever else there is by its own rule. */
  protected override merge(batch: ReadonlyMap<string, Tensor>): void {
    const rest = new Map(batch);
    for (const name of ["count", "mean", "squares", "products"]) rest.delete(name);
    super.merge(rest);
    const [count, mean, squares, products] = ["count", "mean", "squares", "products"].map((name) => batch.get(name));
    if (count && mean && squares && products) this.#join({ count, mean, squares, products });
  }
}

/** How values of outputs become one: their mean, all of them, or their mean weighted by the variances of the targets. */
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
 * The share of the targets' variance that is left in the differences, 1 − Var(y − x) / Var(y). Inputs are [N], or [N, K] for
 * K outputs.
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

/** Checks the number of outputs. */
function outputsOf(metric: string, options: OutputOptions): number {
  checkNames(`make ${metric}`, options, { numOutputs: true });
  const { numOutputs = 1 } = options;
  return Number.isInteger(numOutputs) && numOutputs >= 1
    ? numOutputs
    : fail(metric, "numOutputs", "a whole number from 1 on", numOutputs);
}

/** The least variance, relative to the largest value, that a correlation is made of. */
const NO_VARIANCE = Math.sqrt(2 ** -23);

/**
 * Pearson's correlation. It is NaN where one of the variables hardly varies.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { PearsonCorrCoef } from "@fulgurite/core/metrics";
 *
 * await init();
 * const pearson = new PearsonCorrCoef();
 * pearson.update(tensor([2.5, 0.5, 2, 8]), tensor([3, -0.5, 2, 7]));
 * console.log(await pearson.compute().item()); // about 0.9849
 * ```
 */
export class PearsonCorrCoef extends MomentsMetric {
  /**
   * Makes the metric.
   *
   * @param options Number of outputs
   */
  constructor(options: OutputOptions = {}) {
    super(options, outputsOf("PearsonCorrCoef", options));
    this.addState("largest", () => zeros([2, this.outputs]), "max");
  }

  /** Takes a batch. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    const [x, y] = this.columns(preds, target, false);
    this.gather(x, y);
    // torchmetrics relates variances to the largest distance from the mean.
    const off = abs(sub(stack([x, y], { dim: 0 }), reshape(this.moments.mean, [2, 1, this.outputs])));
    if (x.shape[0] > 0) this.join("largest", off.amax({ dim: 1 }));
  }

  /** Cov(x, y) / √(Var(x)·Var(y)). */
  protected override result(): Tensor {
    const { count, squares, products } = this.moments;
    const [x, y] = [0, 1].map((index) => select(squares, { dim: 0, index }));
    const relative = div(div(squares, sub(count, 1)), square(this.state("largest")));
    const varies = logicalAnd(isfinite(relative), gt(relative, NO_VARIANCE)).all({ dim: 0 });
    const value = where(varies, clamp(div(products, sqrt(mul(x, y))), { min: -1, max: 1 }), NaN);
    return this.outputs === 1 ? reshape(value, []) : value;
  }
}

/**
 * Lin's concordance, 2·Cov(x, y) / (Var(x) + Var(y) + (x̄ − ȳ)²).
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { ConcordanceCorrCoef } from "@fulgurite/core/metrics";
 *
 * await init();
 * const concordance = new ConcordanceCorrCoef();
 * concordance.update(tensor([2.5, 0.5, 2, 8]), tensor([3, -0.5, 2, 7]));
 * console.log(await concordance.compute().item()); // about 0.9777
 * ```
 */
export class ConcordanceCorrCoef extends MomentsMetric {
  /**
   * Makes the metric.
   *
   * @param options Number of outputs
   */
  constructor(options: OutputOptions = {}) {
    super(options, outputsOf("ConcordanceCorrCoef", options));
  }

  /** Takes a batch. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    this.gather(...this.columns(preds, target, false));
  }

  /** With the variances of samples, as torchmetrics has them. */
  protected override result(): Tensor {
    const { count, mean, squares, products } = this.moments, left = sub(count, 1);
    const of = (both: Tensor) => [0, 1].map((index) => select(both, { dim: 0, index }));
    const [x, y] = of(mean), [varX, varY] = of(squares);
    const value = div(div(mul(products, 2), left), add(div(add(varX, varY), left), square(sub(x, y))));
    return this.outputs === 1 ? reshape(value, []) : value;
  }
}

/**
 * Spearman's correlation: Pearson's of the ranks, where equal values share their mean rank. All values are kept.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { SpearmanCorrCoef } from "@fulgurite/core/metrics";
 *
 * await init();
 * const spearman = new SpearmanCorrCoef();
 * spearman.update(tensor([2.5, 0.5, 2, 8]), tensor([3, -0.5, 2, 7]));
 * console.log(await spearman.compute().item()); // about 1
 * ```
 */
export class SpearmanCorrCoef extends Metric<[preds: Tensor, target: Tensor]> {
  readonly #outputs: number;

  /**
   * Makes the metric.
   *
   * @param options Number of outputs
   */
  constructor(options: OutputOptions = {}) {
    super(options);
    this.#outputs = outputsOf("SpearmanCorrCoef", options);
    this.addState("preds", null);
    this.addState("target", null);
  }

  /** Larger is better. */
  override get higherIsBetter(): boolean {
    return true;
  }

  /** Takes a batch. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    checkSameShape("SpearmanCorrCoef", preds, target);
    if (this.#outputs > 1) checkOutputs("SpearmanCorrCoef", preds, this.#outputs);
    const rows = (x: Tensor) => reshape(floats(x), [x.numel / this.#outputs, this.#outputs]);
    this.join("preds", rows(preds));
    this.join("target", rows(target));
  }

  /** The correlation of ranks. */
  protected override result(): Tensor {
    const preds = this.joined("preds"), target = this.joined("target");
    if (preds === null || target === null) return full([], NaN);
    const centred = (x: Tensor) => sub(x, mean(x, { dim: 1, keepdim: true }));
    const [x, y] = [preds, target].map((values) => centred(ranks(t(values))));
    const spread = sqrt(mul(sum(square(x), { dim: 1 }), sum(square(y), { dim: 1 })));
    const value = clamp(div(sum(mul(x, y), { dim: 1 }), maximum(spread, 1e-6)), { min: -1, max: 1 });
    return this.#outputs === 1 ? reshape(value, []) : value;
  }
}

/** Mean ranks, from 1, of each row [K, N]. */
function ranks(rows: Tensor): Tensor {
  const [size, length] = rows.shape, [sorted, places] = sort(rows, { dim: 1 });
  const part = (start: number) => narrow(sorted, { dim: 1, start, length: length - 1 });
  const starts = cat([zeros([size, 1], { dtype: "i32" }), to(ne(part(0), part(1)), "i32")], { dim: 1 });
  const group = cumsum(starts, { dim: 1 }),
    first = mul(reshape(arange(0, size, 1, { dtype: "i32" }), [size, 1]), length);
  const counts = reshape(bincount(add(group, first), { numBins: size * length }), [size, length]);
  const last = gather(cumsum(counts, { dim: 1 }), group, { dim: 1 }), equal = gather(counts, group, { dim: 1 });
  const mid = sub(to(last, "f32"), mul(sub(to(equal, "f32"), 1), 0.5));
  return scatter(zeros([size, length]), places, mid, { dim: 1 });
}

/** {@link R2Score} of one batch. */
export function r2Score(preds: Tensor, target: Tensor, options?: R2ScoreOptions): Tensor {
  return once(new R2Score(options), preds, target);
}

/** {@link ExplainedVariance} of one batch. */
export function explainedVariance(preds: Tensor, target: Tensor, options?: MultioutputOptions): Tensor {
  return once(new ExplainedVariance(options), preds, target);
}

/** {@link PearsonCorrCoef} of one batch. */
export function pearsonCorrCoef(preds: Tensor, target: Tensor, options?: OutputOptions): Tensor {
  return once(new PearsonCorrCoef(options), preds, target);
}

/** {@link ConcordanceCorrCoef} of one batch. */
export function concordanceCorrCoef(preds: Tensor, target: Tensor, options?: OutputOptions): Tensor {
  return once(new ConcordanceCorrCoef(options), preds, target);
}

/** {@link SpearmanCorrCoef} of one batch. */
export function spearmanCorrCoef(preds: Tensor, target: Tensor, options?: OutputOptions): Tensor {
  return once(new SpearmanCorrCoef(options), preds, target);
}

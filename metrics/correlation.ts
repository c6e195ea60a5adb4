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
import type { Tensor } from "../tensor/tensor.ts";
import { checkSameShape, floats } from "./_inputs.ts";
import { Metric, once } from "./metric.ts";
import { checkOutputs, type OutputOptions } from "./regression.ts";
import { fail } from "./task.ts";
import { MomentsMetric } from "./_moments.ts";

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

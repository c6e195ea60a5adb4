import { checkNames } from "../device/option_names.ts";
import { div, eq, exp, full, log, mul, sub, sum, where, zeros } from "../kernels/mod.ts";
import { cosineSimilarity as cosines } from "../ops/mod.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSameShape, floats } from "./_inputs.ts";
import { Metric, once } from "./metric.ts";
import { fail, oneOf } from "./task.ts";

/** How values of rows become one. */
export interface RowReductionOptions {
  /** Their sum, their mean, or all of them. */
  reduction?: "sum" | "mean" | "none";
}

/** What metrics of rows have in common: a number for each row; its sum is kept, or all. */
export abstract class RowMetric extends Metric<[preds: Tensor, target: Tensor]> {
  readonly #reduction: "sum" | "mean" | "none";

  /**
   * Makes the metric.
   *
   * @param options Its options
   * @param reduction The default
   * @param names The options that there are beside `reduction`
   */
  constructor(options: RowReductionOptions, reduction: "sum" | "mean", names: Record<string, true> = {}) {
    super(options);
    checkNames(`make ${this.constructor.name}`, options, { reduction: true, ...names } as never);
    this.#reduction = options.reduction ?? reduction;
    const allowed = ["sum", "mean", "none"] as const;
    if (!allowed.includes(this.#reduction)) fail(this.constructor.name, "reduction", oneOf(allowed), this.#reduction);
    if (this.#reduction === "none") this.addState("rows", null);
    else this.addState("rows", () => zeros([]), "sum");
    this.addState("total", () => zeros([], { dtype: "i32" }), "sum");
  }

  /** The value of each row. */
  protected abstract rows(preds: Tensor, target: Tensor): Tensor;

  /** Takes a batch. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    checkSameShape(this.constructor.name, preds, target);
    if (preds.ndim !== 2) {
      throw new ShapeError(
        this.constructor.name,
        `Cannot update ${this.constructor.name}: inputs must have shape [N, D], the shape is ${showShape(preds.shape)}`,
        [preds.shape],
      );
    }
    const rows = this.rows(floats(preds), floats(target));
    this.join("rows", this.#reduction === "none" ? rows : sum(rows));
    this.join("total", full([], rows.numel, { dtype: "i32" }));
  }

  /** Their sum, their mean, or all of them. */
  protected override result(): Tensor {
    if (this.#reduction === "none") return this.joined("rows") ?? zeros([0]);
    return this.#reduction === "sum" ? this.state("rows") : div(this.state("rows"), this.state("total"));
  }
}

/**
 * The cosine of the angle between rows of predictions and targets; the default reduction is `"sum"`.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { CosineSimilarity } from "@fulgurite/core/metrics";
 *
 * await init();
 * const cosine = new CosineSimilarity({ reduction: "mean" });
 * cosine.update(tensor([[1, 2]], { dtype: "f32" }), tensor([[2, 4]], { dtype: "f32" }));
 * console.log(await cosine.compute().item()); // about 1
 * ```
 */
export class CosineSimilarity extends RowMetric {
  /**
   * Makes the metric.
   *
   * @param options How values of rows become one
   */
  constructor(options: RowReductionOptions = {}) {
    super(options, "sum");
  }

  /** Larger is better. */
  override get higherIsBetter(): boolean {
    return true;
  }

  /** x·y / (|x|·|y|). */
  protected override rows(preds: Tensor, target: Tensor): Tensor {
    return cosines(preds, target, { dim: 1, eps: 1e-38 });
  }
}

/** Options of {@link KLDivergence}. */
export interface KLDivergenceOptions extends RowReductionOptions {
  /** Whether inputs are logarithms; default false: they are scaled to a sum of 1. */
  logProb?: boolean;
}

/**
 * The Kullback–Leibler divergence Σ p·log(p / q) of rows; the default reduction is `"mean"`.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { KLDivergence } from "@fulgurite/core/metrics";
 *
 * await init();
 * const divergence = new KLDivergence();
 * divergence.update(tensor([[0.36, 0.48, 0.16]]), tensor([[1 / 3, 1 / 3, 1 / 3]]));
 * console.log(await divergence.compute().item()); // about 0.0853
 * ```
 */
export class KLDivergence extends RowMetric {
  readonly #logProb: boolean;

  /**
   * Makes the metric.
   *
   * @param options Whether inputs are logarithms, and how values of rows become one
   */
  constructor(options: KLDivergenceOptions = {}) {
    super(options, "mean", { logProb: true });
    this.#logProb = options.logProb ?? false;
  }

  /** Smaller is better. */
  override get higherIsBetter(): boolean {
    return false;
  }

  /** Σ p·log(p / q). */
  protected override rows(p: Tensor, q: Tensor): Tensor {
    if (this.#logProb) return sum(mul(exp(p), sub(p, q)), { dim: 1 });
    const share = (x: Tensor) => div(x, sum(x, { dim: 1, keepdim: true }));
    const [a, b] = [share(p), share(q)];
    return sum(where(eq(a, 0), 0, mul(a, log(div(a, b)))), { dim: 1 });
  }
}

/** {@link CosineSimilarity} of one batch. */
export function cosineSimilarity(preds: Tensor, target: Tensor, options?: RowReductionOptions): Tensor {
  return once(new CosineSimilarity(options), preds, target);
}

/** {@link KLDivergence} of one batch. */
export function klDivergence(p: Tensor, q: Tensor, options?: KLDivergenceOptions): Tensor {
  return once(new KLDivergence(options), p, q);
}

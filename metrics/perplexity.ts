import { checkNames } from "../device/option_names.ts";
import { crossEntropy, div, exp, full, ne, reshape, sum, zeros } from "../kernels/mod.ts";
import { isFloat } from "../tensor/dtype.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import { sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkTensors, floats, labels } from "./_inputs.ts";
import { Metric, once } from "./metric.ts";

/** Options of {@link Perplexity}. */
export interface PerplexityOptions {
  /** A target that does not count. */
  ignoreIndex?: number;
}

/**
 * The exponential of the mean cross-entropy: how many tokens a model hesitates between. Predictions are logits
 * [batch, length, vocabulary], targets tokens [batch, length].
 *
 * @example
 * ```ts
 * import { init, tensor, zeros } from "@fulgurite/core";
 * import { Perplexity } from "@fulgurite/core/metrics";
 *
 * await init();
 * const perplexity = new Perplexity();
 * perplexity.update(zeros([1, 2, 7]), tensor([[3, 5]]));
 * console.log(await perplexity.compute().item()); // about 7
 * ```
 */
export class Perplexity extends Metric<[preds: Tensor, target: Tensor]> {
  readonly #ignoreIndex: number | null;

  /**
   * Makes the metric.
   *
   * @param options Which target does not count
   */
  constructor(options: PerplexityOptions = {}) {
    super(options);
    checkNames("make Perplexity", options, { ignoreIndex: true });
    this.#ignoreIndex = options.ignoreIndex ?? null;
    this.addState("total_log_probs", () => zeros([]), "sum");
    this.addState("count", () => zeros([], { dtype: "i32" }), "sum");
  }

  /** Smaller is better. */
  override get higherIsBetter(): boolean {
    return false;
  }

  /** Takes a batch. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    checkTensors("Perplexity", { preds, target });
    if (preds.ndim !== 3 || !sameShape(preds.shape.slice(0, 2), target.shape) || !isFloat(preds.dtype)) {
      throw new ShapeError(
        "Perplexity",
        `Cannot update Perplexity: preds must be logits [B, T, V] and target tokens [B, T], current shapes are ${
          showShapes([preds.shape, target.shape])
        }`,
        [preds.shape, target.shape],
      );
    }
    const rows = reshape(floats(preds), [target.numel, preds.shape[2]]);
    const tokens = reshape(labels("Perplexity", "target", target), [target.numel]);
    const ignored = this.#ignoreIndex;
    const options = { reduction: "sum", ...(ignored === null ? {} : { ignoreIndex: ignored }) } as const;
    this.join("total_log_probs", crossEntropy(rows, tokens, options));
    this.join("count", ignored === null ? full([], tokens.numel, { dtype: "i32" }) : sum(ne(tokens, ignored)));
  }

  /** exp(Σ −log p / tokens). */
  protected override result(): Tensor {
    return exp(div(this.state("total_log_probs"), this.state("count")));
  }
}

/** {@link Perplexity} of one batch. */
export function perplexity(preds: Tensor, target: Tensor, options?: PerplexityOptions): Tensor {
  return once(new Perplexity(options), preds, target);
}

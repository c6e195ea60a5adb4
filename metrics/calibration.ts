import {
  abs,
  amax,
  arange,
  clamp,
  countInto,
  div,
  eq,
  ge,
  max,
  mul,
  neg,
  sqrt,
  square,
  sub,
  sum,
  to,
  where,
  zeros,
} from "../kernels/mod.ts";
import { unsqueeze } from "../ops/mod.ts";
import { tensor } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { safeDivide } from "./_average.ts";
import {
  binaryInputs,
  checkLabels,
  checkScores,
  counted,
  flat,
  labels,
  probabilities,
  rowsOfScores,
} from "./_inputs.ts";
import { Metric, once } from "./metric.ts";
import { type BinaryTask, fail, type MulticlassTask, oneOf, type ResolvedTask, resolveTask } from "./task.ts";

/** Options of {@link CalibrationError}. */
export type CalibrationErrorOptions = (Omit<BinaryTask, "threshold"> | Omit<MulticlassTask, "average" | "topK">) & {
  /** Number of bins of equal width; default 15. */
  nBins?: number;
  /** The mean difference, the root of the mean square, or the largest; default `"l1"`. */
  norm?: "l1" | "l2" | "max";
};

/** Options of {@link HingeLoss}. */
export type HingeLossOptions = (Omit<BinaryTask, "threshold"> | Omit<MulticlassTask, "average" | "topK">) & {
  /** Square each loss; default false. */
  squared?: boolean;
  /** For classes: against the best wrong one, or each against all others (a value for each); default the first. */
  multiclassMode?: "crammer-singer" | "one-vs-all";
};

/**
 * How far confidence is from accuracy, by bins of confidence (Naeini et al., 2015). Not for labels.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { CalibrationError } from "@fulgurite/core/metrics";
 *
 * await init();
 * const error = new CalibrationError({ task: "binary", nBins: 2 });
 * error.update(tensor([0.25, 0.25, 0.55, 0.75, 0.75]), tensor([0, 0, 1, 1, 1]));
 * console.log(await error.compute().item()); // about 0.29
 * ```
 */
export class CalibrationError extends Metric<[preds: Tensor, target: Tensor]> {
  readonly #task: ResolvedTask;
  readonly #norm: "l1" | "l2" | "max";
  /** Lower ends of the bins; the last is for a confidence of exactly 1. */
  readonly #ends: Float32Array<ArrayBuffer>;

  /**
   * Makes the metric.
   *
   * @param options The task, the bins, and the norm
   */
  constructor(options: CalibrationErrorOptions) {
    super(options);
    const without = ["threshold", "average", "topK"], tasks = ["binary", "multiclass"] as const;
    this.#task = resolveTask("CalibrationError", options, { tasks, without, extra: ["nBins", "norm"] });
    const { nBins = 15, norm = "l1" } = options, norms = ["l1", "l2", "max"] as const;
    if (!norms.includes(norm)) fail("CalibrationError", "norm", oneOf(norms), norm);
    if (!Number.isInteger(nBins) || nBins < 1) fail("CalibrationError", "nBins", "a whole number from 1 on", nBins);
    this.#norm = norm;
    this.#ends = Float32Array.from({ length: nBins + 1 }, (_, i) => i / nBins);
    this.addState("count", () => zeros([nBins + 1], { dtype: "i32" }), "sum");
    this.addState("right", () => zeros([nBins + 1], { dtype: "i32" }), "sum");
    this.addState("confidence", () => zeros([nBins + 1]), "sum");
  }

  /** Smaller is better. */
  override get higherIsBetter(): boolean {
    return false;
  }

  /** Takes a batch. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    const { confidence, right, valid } = this.#task.task === "binary"
      ? this.#binary(preds, target)
      : this.#multiclass(preds, target);
    const column = unsqueeze(confidence, 1);
    const reached = sub(sum(ge(column, tensor(this.#ends)), { dim: 1 }), 1);
    const bin = valid === null ? reached : where(valid, reached, -1);
    countInto(this.state("count"), bin);
    countInto(this.state("right"), where(right, bin, -1));
    const inside = eq(unsqueeze(bin, 1), arange(0, this.#ends.length, 1, { dtype: "i32" }));
    this.join("confidence", sum(where(inside, column, 0), { dim: 0 }));
  }

  #binary(preds: Tensor, target: Tensor): { confidence: Tensor; right: Tensor; valid: Tensor | null } {
    const { ignoreIndex } = this.#task;
    const inputs = binaryInputs("CalibrationError", preds, target, ignoreIndex), truth = flat(inputs.target);
    return { confidence: flat(to(inputs.preds, "f32")), right: eq(truth, 1), valid: counted(truth, ignoreIndex) };
  }

  #multiclass(preds: Tensor, target: Tensor): { confidence: Tensor; right: Tensor; valid: Tensor | null } {
    const { size, ignoreIndex } = this.#task;
    checkScores("CalibrationError", preds, target, size);
    checkLabels("CalibrationError", "target", target, size, ignoreIndex);
    const scores = rowsOfScores(probabilities(preds, "softmax")), [confidence, guess] = max(scores, { dim: 1 });
    const truth = flat(labels("CalibrationError", "target", target));
    return { confidence, right: eq(guess, truth), valid: counted(truth, ignoreIndex) };
  }

  /** The norm of the differences, weighted by the bins' shares. */
  protected override result(): Tensor {
    const count = to(this.state("count"), "f32");
    const off = sub(safeDivide(this.state("right"), count), safeDivide(this.state("confidence"), count));
    if (this.#norm === "max") return amax(abs(off));
    const share = div(count, sum(count));
    return this.#norm === "l1" ? sum(mul(abs(off), share)) : sqrt(sum(mul(square(off), share)));
  }
}

/**
 * The mean hinge loss, max(0, 1 − margin) (Crammer and Singer, 2001). Scores outside of 0 to 1 are made probabilities,
 * as torchmetrics does. Not for labels.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { HingeLoss } from "@fulgurite/core/metrics";
 *
 * await init();
 * const loss = new HingeLoss({ task: "binary" });
 * loss.update(tensor([0.25, 0.25, 0.55, 0.75, 0.75]), tensor([0, 0, 1, 1, 1]));
 * console.log(await loss.compute().item()); // about 0.69
 * ```
 */
export class HingeLoss extends Metric<[preds: Tensor, target: Tensor]> {
  readonly #task: ResolvedTask;
  readonly #squared: boolean;
  readonly #apart: boolean;

  /**
   * Makes the metric.
   *
   * @param options The task, and how losses are made
   */
  constructor(options: HingeLossOptions) {
    super(options);
    const { squared = false, multiclassMode: mode = "crammer-singer" } = options;
    const without = ["threshold", "average", "topK"], tasks = ["binary", "multiclass"] as const;
    const extra = ["squared", ...(options.task === "multiclass" ? ["multiclassMode"] : [])];
    this.#task = resolveTask("HingeLoss", options, { tasks, without, extra });
    const modes = ["crammer-singer", "one-vs-all"] as const;
    if (!modes.includes(mode)) fail("HingeLoss", "multiclassMode", oneOf(modes), mode);
    this.#squared = squared;
    this.#apart = mode === "one-vs-all" && this.#task.task === "multiclass";
    this.addState("measures", () => zeros(this.#apart ? [this.#task.size] : []), "sum");
    this.addState("total", () => zeros([], { dtype: "i32" }), "sum");
  }

  /** Smaller is better. */
  override get higherIsBetter(): boolean {
    return false;
  }

  /** Takes a batch. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    const { task, ignoreIndex } = this.#task;
    const { margin, truth } = task === "binary" ? this.#binary(preds, target) : this.#multiclass(preds, target);
    const loss = clamp(sub(1, margin), { min: 0 }), losses = this.#squared ? square(loss) : loss;
    const valid = counted(truth, ignoreIndex);
    const kept = valid === null ? losses : where(this.#apart ? unsqueeze(valid, 1) : valid, losses, 0);
    this.join("measures", this.#apart ? sum(kept, { dim: 0 }) : sum(kept));
    this.join("total", valid === null ? zeros([], { dtype: "i32" }).add(truth.numel) : sum(valid));
  }

  #binary(preds: Tensor, target: Tensor): { margin: Tensor; truth: Tensor } {
    const inputs = binaryInputs("HingeLoss", preds, target, this.#task.ignoreIndex);
    if (!inputs.scored) {
      throw new TypeError(`Cannot update HingeLoss: preds must be scores (floats), they are ${preds.dtype}`);
    }
    return { margin: flat(signed(inputs.preds, eq(inputs.target, 1))), truth: flat(inputs.target) };
  }

  #multiclass(preds: Tensor, target: Tensor): { margin: Tensor; truth: Tensor } {
    const { size, ignoreIndex } = this.#task;
    checkScores("HingeLoss", preds, target, size);
    checkLabels("HingeLoss", "target", target, size, ignoreIndex);
    const scores = rowsOfScores(probabilities(preds, "softmax"));
    const truth = flat(labels("HingeLoss", "target", target));
    const own = eq(unsqueeze(truth, 1), arange(0, size, 1, { dtype: "i32" }));
    if (this.#apart) return { margin: signed(scores, own), truth };
    const of = (kept: Tensor) => amax(where(kept, scores, -Infinity), { dim: 1 });
    return { margin: sub(of(own), of(own.logicalNot())), truth };
  }

  /** The mean. */
  protected override result(): Tensor {
    return div(this.state("measures"), this.state("total"));
  }
}

function signed(scores: Tensor, positive: Tensor): Tensor {
  return where(positive, scores, neg(scores));
}

/** {@link CalibrationError} of one batch. */
export function calibrationError(preds: Tensor, target: Tensor, options: CalibrationErrorOptions): Tensor {
  return once(new CalibrationError(options), preds, target);
}

/** {@link HingeLoss} of one batch. */
export function hingeLoss(preds: Tensor, target: Tensor, options: HingeLossOptions): Tensor {
  return once(new HingeLoss(options), preds, target);
}

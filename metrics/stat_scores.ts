import { add, mean, mul, stack, sub, sum, to } from "../kernels/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Counts, safeDivide } from "./_average.ts";
import { StatScoresMetric } from "./_stat_scores.ts";
import { once } from "./metric.ts";
import { fail, type Task } from "./task.ts";

/** What a division by zero gives. */
export interface ZeroDivisionOptions {
  /** The score where nothing could be counted; default 0. */
  zeroDivision?: number;
}

/** Options of {@link FBetaScore}. */
export type FBetaOptions = Task & ZeroDivisionOptions & {
  /** How many times as important recall is as precision. */
  beta: number;
};

function shareOfRight(task: Task["task"], { tp, fp, tn, fn }: Counts): Tensor {
  if (task === "multiclass") return safeDivide(tp, add(tp, fn));
  return safeDivide(add(tp, tn), add(add(tp, tn), add(fp, fn)));
}

/**
 * The share of right decisions. The default average is `"micro"`.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { Accuracy } from "@fulgurite/core/metrics";
 *
 * await init();
 * const accuracy = new Accuracy({ task: "multiclass", numClasses: 3 });
 * accuracy.update(tensor([2, 0, 1]), tensor([2, 0, 0])); // labels
 * accuracy.update(tensor([[0.1, 0.2, 3]]), tensor([2])); // or scores
 * console.log(await accuracy.compute().item()); // 0.75
 * ```
 */
export class Accuracy extends StatScoresMetric {
  /**
   * Makes the metric.
   *
   * @param options The task
   */
  constructor(options: Task) {
    super(options);
  }

  /** Larger is better. */
  override get higherIsBetter(): boolean {
    return true;
  }

  /** (tp + tn) / all, and for classes tp / (tp + fn). */
  protected override score(counts: Counts): Tensor {
    return shareOfRight(this.task.task, counts);
  }
}

/** What metrics with a value for divisions by zero have in common. */
export abstract class RatioMetric extends StatScoresMetric {
  /** The score where nothing could be counted. */
  protected readonly zeroDivision: number;

  /**
   * Makes the metric.
   *
   * @param options Its options
   * @param extra The options that there are beside
   */
  constructor(options: Task & ZeroDivisionOptions, extra: readonly string[] = []) {
    super(options, { extra: ["zeroDivision", ...extra] });
    this.zeroDivision = options.zeroDivision ?? 0;
    if (![0, 1].includes(this.zeroDivision)) fail(this.constructor.name, "zeroDivision", "0 or 1", this.zeroDivision);
  }

  /** Larger is better. */
  override get higherIsBetter(): boolean {
    return true;
  }
}

/**
 * The share of positive decisions that are right, tp / (tp + fp). The default average is `"micro"`.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { Precision } from "@fulgurite/core/metrics";
 *
 * await init();
 * const precision = new Precision({ task: "binary" });
 * precision.update(tensor([0.9, 0.8, 0.2]), tensor([1, 0, 1]));
 * console.log(await precision.compute().item()); // 0.5
 * ```
 */
export class Precision extends RatioMetric {
  /**
   * Makes the metric.
   *
   * @param options The task, and what a division by zero gives
   */
  constructor(options: Task & ZeroDivisionOptions) {
    super(options);
  }

  /** tp / (tp + fp). */
  protected override score({ tp, fp }: Counts): Tensor {
    return safeDivide(tp, add(tp, fp), this.zeroDivision);
  }
}

/**
 * The share of positives that are found, tp / (tp + fn). The default average is `"micro"`.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { Recall } from "@fulgurite/core/metrics";
 *
 * await init();
 * const recall = new Recall({ task: "multiclass", numClasses: 3, average: "macro" });
 * recall.update(tensor([0, 1, 2, 2]), tensor([0, 1, 2, 1]));
 * console.log(await recall.compute().item()); // about 0.8333
 * ```
 */
export class Recall extends RatioMetric {
  /**
   * Makes the metric.
   *
   * @param options The task, and what a division by zero gives
   */
  constructor(options: Task & ZeroDivisionOptions) {
    super(options);
  }

  /** tp / (tp + fn). */
  protected override score({ tp, fn }: Counts): Tensor {
    return safeDivide(tp, add(tp, fn), this.zeroDivision);
  }
}

/**
 * The weighted harmonic mean of precision and recall, (1 + β²)·tp / ((1 + β²)·tp + β²·fn + fp). The default average is
 * `"micro"`.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { FBetaScore } from "@fulgurite/core/metrics";
 *
 * await init();
 * const score = new FBetaScore({ task: "binary", beta: 2 });
 * score.update(tensor([1, 1, 0]), tensor([1, 0, 1]));
 * console.log(await score.compute().item()); // 0.5
 * ```
 */
export class FBetaScore extends RatioMetric {
  readonly #beta: number;

  /**
   * Makes the metric.
   *
   * @param options The task, β, and what a division by zero gives
   */
  constructor(options: FBetaOptions) {
    super(options, ["beta"]);
    this.#beta = options.beta;
    if (!(this.#beta > 0)) fail(this.constructor.name, "beta", "a number above 0", this.#beta);
  }

  /** (1 + β²)·tp / ((1 + β²)·tp + β²·fn + fp). */
  protected override score({ tp, fp, fn }: Counts): Tensor {
    const square = this.#beta ** 2, hits = mul(tp, 1 + square);
    return safeDivide(hits, add(hits, add(mul(fn, square), fp)), this.zeroDivision);
  }
}

/**
 * The harmonic mean of precision and recall, 2·tp / (2·tp + fn + fp). The default average is `"micro"`.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { F1Score } from "@fulgurite/core/metrics";
 *
 * await init();
 * const f1 = new F1Score({ task: "multilabel", numLabels: 2, average: "macro" });
 * f1.update(tensor([[0.9, 0.2], [0.7, 0.8]]), tensor([[1, 0], [0, 1]]));
 * console.log(await f1.compute().item()); // about 0.8333
 * ```
 */
export class F1Score extends RatioMetric {
  /**
   * Makes the metric.
   *
   * @param options The task, and what a division by zero gives
   */
  constructor(options: Task & ZeroDivisionOptions) {
    super(options);
  }

  /** 2·tp / (2·tp + fn + fp). */
  protected override score({ tp, fp, fn }: Counts): Tensor {
    const hits = mul(tp, 2);
    return safeDivide(hits, add(hits, add(fn, fp)), this.zeroDivision);
  }
}

/**
 * The share of negatives that are known as such, tn / (tn + fp). The default average is `"micro"`.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { Specificity } from "@fulgurite/core/metrics";
 *
 * await init();
 * const specificity = new Specificity({ task: "binary" });
 * specificity.update(tensor([1, 0, 0]), tensor([0, 0, 1]));
 * console.log(await specificity.compute().item()); // 0.5
 * ```
 */
export class Specificity extends StatScoresMetric {
  /**
   * Makes the metric.
   *
   * @param options The task
   */
  constructor(options: Task) {
    super(options);
  }

  /** Larger is better. */
  override get higherIsBetter(): boolean {
    return true;
  }

  /** tn / (tn + fp). */
  protected override score({ tn, fp }: Counts): Tensor {
    return safeDivide(tn, add(tn, fp));
  }
}

/**
 * The share of wrong decisions. The default average is `"micro"`.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { HammingDistance } from "@fulgurite/core/metrics";
 *
 * await init();
 * const distance = new HammingDistance({ task: "multilabel", numLabels: 2 });
 * distance.update(tensor([[0, 1], [1, 1]]), tensor([[0, 1], [0, 1]]));
 * console.log(await distance.compute().item()); // 0.25
 * ```
 */
export class HammingDistance extends StatScoresMetric {
  /**
   * Makes the metric.
   *
   * @param options The task
   */
  constructor(options: Task) {
    super(options);
  }

  /** Smaller is better. */
  override get higherIsBetter(): boolean {
    return false;
  }

  /** 1 − accuracy. */
  protected override score(counts: Counts): Tensor {
    return sub(1, shareOfRight(this.task.task, counts));
  }
}

/**
 * True positives, false positives, true negatives, false negatives and support (tp + fn) along the last axis. The
 * default average is `"micro"`.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { StatScores } from "@fulgurite/core/metrics";
 *
 * await init();
 * const scores = new StatScores({ task: "binary" });
 * scores.update(tensor([1, 1, 0, 0]), tensor([1, 0, 0, 1]));
 * console.log(await scores.compute().array()); // [1, 1, 1, 1, 2]
 * ```
 */
export class StatScores extends StatScoresMetric {
  /**
   * Makes the metric.
   *
   * @param options The task
   */
  constructor(options: Task) {
    super(options);
  }

  /** All counts side by side. */
  protected override score({ tp, fp, tn, fn }: Counts): Tensor {
    return stack([tp, fp, tn, fn, add(tp, fn)], { dim: -1 });
  }

  /** The counts in whole numbers; their means are floats. */
  protected override result(): Tensor {
    const { task, average } = this.task;
    if (task === "binary" || average === "micro") return to(this.score(this.counts(true)), "i32");
    const counts = this.counts(false), all = this.score(counts);
    if (average === "none") return to(all, "i32");
    if (average === "macro") return mean(all, { dim: 0 });
    const support = add(counts.tp, counts.fn);
    return sum(mul(all, safeDivide(support, sum(support)).unsqueeze(1)), { dim: 0 });
  }
}

/** {@link Accuracy} of one batch. */
export function accuracy(preds: Tensor, target: Tensor, options: Task): Tensor {
  return once(new Accuracy(options), preds, target);
}

/** {@link Precision} of one batch. */
export function precision(preds: Tensor, target: Tensor, options: Task & ZeroDivisionOptions): Tensor {
  return once(new Precision(options), preds, target);
}

/** {@link Recall} of one batch. */
export function recall(preds: Tensor, target: Tensor, options: Task & ZeroDivisionOptions): Tensor {
  return once(new Recall(options), preds, target);
}

/** {@link F1Score} of one batch. */
export function f1Score(preds: Tensor, target: Tensor, options: Task & ZeroDivisionOptions): Tensor {
  return once(new F1Score(options), preds, target);
}

/** {@link FBetaScore} of one batch. */
export function fbetaScore(preds: Tensor, target: Tensor, options: FBetaOptions): Tensor {
  return once(new FBetaScore(options), preds, target);
}

/** {@link Specificity} of one batch. */
export function specificity(preds: Tensor, target: Tensor, options: Task): Tensor {
  return once(new Specificity(options), preds, target);
}

/** {@link HammingDistance} of one batch. */
export function hammingDistance(preds: Tensor, target: Tensor, options: Task): Tensor {
  return once(new HammingDistance(options), preds, target);
}

/** {@link StatScores} of one batch. */
export function statScores(preds: Tensor, target: Tensor, options: Task): Tensor {
  return once(new StatScores(options), preds, target);
}

import {
  add,
  clamp,
  div,
  eq,
  full,
  minimum,
  mul,
  narrow,
  reshape,
  slice,
  stack,
  sub,
  sum,
  to,
  where,
} from "../kernels/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { toHostAll } from "../tensor/to_host.ts";
import { meanOfNumbers, safeDivide } from "./_average.ts";
import { CurveMetric, falling, fromNothing, ordered, type Points, steps, type ThresholdOptions } from "./_curves.ts";
import { once } from "./metric.ts";
import { fail, type Task } from "./task.ts";

/** Options of metrics of scores and thresholds. */
export type CurveOptions = Task & ThresholdOptions;

/** Options of {@link AUROC}. */
export type AUROCOptions = CurveOptions & {
  /** For yes or no: the part of the curve up to this false positive rate, scaled so that guessing gives 0.5. */
  maxFpr?: number;
};

/** What areas under curves have in common: one number for each class, and their mean. */
export abstract class AreaMetric extends CurveMetric {
  /** Larger is better. */
  override get higherIsBetter(): boolean {
    return true;
  }

  /** The area of each class [K, 1]. */
  protected abstract area(points: Points): Tensor;

  /** The mean of the classes that have one. */
  protected override result(): Tensor {
    const { task, average } = this.task;
    const found = this.byClass((points) => stack([this.area(points), to(points.positives, "f32")], { dim: 1 }));
    if (found === null) return full([], NaN);
    const of = (index: number) => reshape(found.select({ dim: 1, index }), [found.shape[0]]);
    if (task === "binary" || average === "micro") return reshape(of(0), []);
    return average === "none" ? of(0) : meanOfNumbers(of(0), average === "weighted" ? of(1) : null);
  }
}

/**
 * The area under the curve of true against false positive rates: how probably a positive scores above a negative. The
 * default average is `"macro"`, over the classes that occur; `"micro"` is for labels.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { AUROC } from "@fulgurite/core/metrics";
 *
 * await init();
 * const auroc = new AUROC({ task: "binary" });
 * auroc.update(tensor([0.1, 0.4, 0.35, 0.8]), tensor([0, 0, 1, 1]));
 * console.log(await auroc.compute().item()); // 0.75
 * ```
 */
export class AUROC extends AreaMetric {
  readonly #maxFpr: number;

  /**
   * Makes the metric.
   *
   * @param options The task, the thresholds, and how much of the curve counts
   */
  constructor(options: AUROCOptions) {
    super(options, { average: "macro", averages: averagesOf(options), extra: ["maxFpr"] });
    this.#maxFpr = options.maxFpr ?? 1;
    if (!(this.#maxFpr > 0 && this.#maxFpr <= 1)) {
      fail("AUROC", "maxFpr", "a number above 0 and at most 1", this.#maxFpr);
    }
    if (this.#maxFpr < 1 && this.task.task !== "binary") {
      fail("AUROC", "maxFpr", 'left out unless the task is "binary"', this.#maxFpr);
    }
  }

  /** Trapezoids, up to the largest false positive rate that counts. */
  protected override area({ tp, fp, positives, negatives }: Points): Tensor {
    const tpr = safeDivide(tp, positives), fpr = safeDivide(fp, negatives), rest = tpr.shape[1] - 1;
    const from = narrow(fpr, { dim: 1, start: 0, length: rest }),
      high = narrow(tpr, { dim: 1, start: 0, length: rest });
    const width = steps(fpr), rise = steps(tpr), max = this.#maxFpr;
    const trapezoid = (w: Tensor, h: Tensor) => sum(mul(w, add(high, mul(h, 0.5))), { dim: 1, keepdim: true });
    const whole = trapezoid(width, rise);
    if (max === 1) return whole;
    const part = clamp(minimum(width, sub(max, from)), { min: 0 });
    const partial = trapezoid(part, mul(rise, safeDivide(part, width)));
    const least = 0.5 * max * max, scaled = mul(add(div(sub(partial, least), max - least), 1), 0.5);
    const empty = eq(mul(sum(tpr, { dim: 1, keepdim: true }), sum(fpr, { dim: 1, keepdim: true })), 0);
    return where(empty, whole, scaled);
  }
}

/**
 * The mean of precisions, each weighted by how much recall it adds: the area under the precision-recall curve. The
 * default average is `"macro"`, over the classes that occur; `"micro"` is for labels.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { AveragePrecision } from "@fulgurite/core/metrics";
 *
 * await init();
 * const ap = new AveragePrecision({ task: "binary" });
 * ap.update(tensor([0, 0.5, 0.7, 0.8]), tensor([0, 1, 1, 0]));
 * console.log(await ap.compute().item()); // about 0.5833
 * ```
 */
export class AveragePrecision extends AreaMetric {
  /**
   * Makes the metric.
   *
   * @param options The task and the thresholds
   */
  constructor(options: CurveOptions) {
    super(options, { average: "macro", averages: averagesOf(options) });
  }

  /** Σ (Rᵢ − Rᵢ₋₁)·Pᵢ. A class that never occurs has none. */
  protected override area(points: Points): Tensor {
    const { tp, fp, positives } = this.thresholds === null ? points : fromNothing(points);
    const gained = safeDivide(steps(tp), positives);
    const reached = slice(tp, { dim: 1, start: 1 }), all = add(reached, slice(fp, { dim: 1, start: 1 }));
    const area = sum(mul(gained, safeDivide(reached, all)), { dim: 1, keepdim: true });
    const unknown = this.task.task === "multiclass" && this.thresholds === null;
    return unknown ? where(eq(positives, 0), NaN, area) : area;
  }
}

/** A curve of true against false positive rates, for falling thresholds. */
export interface RocCurve {
  /** False positive rates, rising. */
  readonly fpr: Float32Array<ArrayBuffer>;
  /** True positive rates, rising. */
  readonly tpr: Float32Array<ArrayBuffer>;
  /** A score from this on means yes. */
  readonly thresholds: Float32Array<ArrayBuffer>;
}

/** A curve of precision against recall, for rising thresholds. */
export interface PrecisionRecall {
  /** Precisions; one more than thresholds, the last is 1. */
  readonly precision: Float32Array<ArrayBuffer>;
  /** Recalls, falling; one more than thresholds, the last is 0. */
  readonly recall: Float32Array<ArrayBuffer>;
  /** A score from this on means yes. */
  readonly thresholds: Float32Array<ArrayBuffer>;
}

/** Counts of one class for falling thresholds, on the host. */
export interface HostPoints {
  /** True positives. */
  readonly tp: number[];
  /** False positives. */
  readonly fp: number[];
  /** The thresholds, falling. */
  readonly thresholds: number[];
  /** What is true. */
  readonly positives: number;
  /** What is not. */
  readonly negatives: number;
}

/** What curves have in common: how long one is depends on the scores, so they are read to the host. */
export abstract class HostCurve<Curve> extends CurveMetric<Promise<Curve[]>> {
  /**
   * Makes the metric.
   *
   * @param options Its options
   */
  constructor(options: CurveOptions) {
    super(options, { averages: ["none"], average: "none", without: ["average"] });
  }

  /** The curve of one class. */
  protected abstract curve(points: HostPoints): Curve;

  /** One curve for each class or label; for yes or no a single one. */
  protected override result(): Promise<Curve[]> {
    return this.#read().then((all) => all.map((points) => this.curve(points)));
  }

  #read(): Promise<HostPoints[]> {
    if (this.thresholds !== null) {
      const { tp, fp, positives, negatives } = falling(this.binned()), falls = [...this.thresholds].reverse();
      return toHostAll([tp, fp, positives, negatives]).then(([t, f, p, n]) =>
        Array.from({ length: tp.shape[0] }, (_, k) => {
          const row = (data: ArrayLike<number>) => Array.from(data).slice(k * falls.length, (k + 1) * falls.length);
          const counts = { tp: row(t.data as Int32Array), fp: row(f.data as Int32Array) };
          return { ...counts, thresholds: falls, positives: Number(p.data[k]), negatives: Number(n.data[k]) };
        })
      );
    }
    const all = this.kept(0, this.task.size);
    if (all === null) return Promise.resolve([]);
    const { scores, positive, negative } = ordered(all), [size, rows] = scores.shape;
    return toHostAll([scores, positive, negative]).then(([s, p, n]) =>
      Array.from({ length: size }, (_, k) => {
        const row = (data: ArrayLike<number>) => Array.from(data).slice(k * rows, (k + 1) * rows);
        return grouped(row(s.data as Float32Array), row(p.data as Uint8Array), row(n.data as Uint8Array));
      })
    );
  }
}

/** Counts after each group of equal scores; a score that only elements have that do not count is no threshold. */
function grouped(scores: number[], positive: number[], negative: number[]): HostPoints {
  const tp: number[] = [], fp: number[] = [], thresholds: number[] = [];
  let hits = 0, misses = 0;
  for (const [i, score] of scores.entries()) {
    if (positive[i] === 0 && negative[i] === 0) continue;
    hits += positive[i];
    misses += negative[i];
    const at = thresholds.at(-1) === score ? thresholds.length - 1 : thresholds.length;
    [tp[at], fp[at], thresholds[at]] = [hits, misses, score];
  }
  return { tp, fp, thresholds, positives: hits, negatives: misses };
}

/**
 * The curve of true against false positive rates, one for each class or label (a single one for yes or no). It is read
 * to the host, so that `compute` gives a promise.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { ROC } from "@fulgurite/core/metrics";
 *
 * await init();
 * const roc = new ROC({ task: "binary" });
 * roc.update(tensor([0.1, 0.4, 0.35, 0.8]), tensor([0, 0, 1, 1]));
 * const [{ fpr, tpr }] = await roc.compute();
 * console.log(fpr, tpr); // [0, 0, 0.5, 0.5, 1] [0, 0.5, 0.5, 1, 1]
 * ```
 */
export class ROC extends HostCurve<RocCurve> {
  /**
   * Makes the metric.
   *
   * @param options The task and the thresholds
   */
  constructor(options: CurveOptions) {
    super(options);
  }

  /** Rates; where every score is a threshold, the curve begins with nothing. */
  protected override curve({ tp, fp, thresholds, positives, negatives }: HostPoints): RocCurve {
    const begin = this.thresholds === null;
    const rates = (counts: number[], all: number) => {
      const rows = begin ? [0, ...counts] : counts;
      return Float32Array.from(rows, (count) => all === 0 ? 0 : count / all);
    };
    return {
      fpr: rates(fp, negatives),
      tpr: rates(tp, positives),
      thresholds: Float32Array.from(begin ? [1, ...thresholds] : thresholds),
    };
  }
}

/**
 * The curve of precision against recall, one for each class or label (a single one for yes or no). It is read to the
 * host, so that `compute` gives a promise.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { PrecisionRecallCurve } from "@fulgurite/core/metrics";
 *
 * await init();
 * const curves = new PrecisionRecallCurve({ task: "binary", thresholds: 3 });
 * curves.update(tensor([0.2, 0.6, 0.9]), tensor([0, 1, 1]));
 * const [{ recall, thresholds }] = await curves.compute();
 * console.log(recall, thresholds); // [1, 1, 0, 0] [0, 0.5, 1]
 * ```
 */
export class PrecisionRecallCurve extends HostCurve<PrecisionRecall> {
  /**
   * Makes the metric.
   *
   * @param options The task and the thresholds
   */
  constructor(options: CurveOptions) {
    super(options);
  }

  /** Precisions and recalls, with the end at which nothing is found. */
  protected override curve({ tp, fp, thresholds, positives }: HostPoints): PrecisionRecall {
    const known = positives > 0 || this.task.task === "multiclass" || this.thresholds !== null;
    const recall = tp.map((hits) => known ? hits / positives : 1);
    const precision = tp.map((hits, i) => hits / (hits + fp[i]));
    return {
      precision: Float32Array.from([...precision.reverse(), 1]),
      recall: Float32Array.from([...recall.reverse(), 0]),
      thresholds: Float32Array.from([...thresholds].reverse()),
    };
  }
}

/** The mean over all decisions is for labels alone. */
function averagesOf({ task }: CurveOptions): readonly ("micro" | "macro" | "weighted" | "none")[] {
  return task === "multilabel" ? ["micro", "macro", "weighted", "none"] : ["macro", "weighted", "none"];
}

/** {@link AUROC} of one batch. */
export function auroc(preds: Tensor, target: Tensor, options: AUROCOptions): Tensor {
  return once(new AUROC(options), preds, target);
}

/** {@link AveragePrecision} of one batch. */
export function averagePrecision(preds: Tensor, target: Tensor, options: CurveOptions): Tensor {
  return once(new AveragePrecision(options), preds, target);
}

/** {@link ROC} of one batch. */
export function roc(preds: Tensor, target: Tensor, options: CurveOptions): Promise<RocCurve[]> {
  return once(new ROC(options), preds, target);
}

/** {@link PrecisionRecallCurve} of one batch. */
export function precisionRecallCurve(preds: Tensor, target: Tensor, options: CurveOptions): Promise<PrecisionRecall[]> {
  return once(new PrecisionRecallCurve(options), preds, target);
}

import {
  abs,
  add,
  arange,
  countInto,
  div,
  eq,
  logicalAnd,
  logicalOr,
  mul,
  ne,
  reshape,
  sqrt,
  square,
  sub,
  sum,
  to,
  where,
  zeros,
} from "../kernels/mod.ts";
import { diagonal, t, unsqueeze } from "../ops/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { averaged, type Counts, safeDivide } from "./_average.ts";
import { binaryInputs, classes, counted, multilabelInputs, positives } from "./_inputs.ts";
import { Metric, once } from "./metric.ts";
import { fail, oneOf, type ResolvedTask, resolveTask, type Task, type TaskRules } from "./task.ts";
import type { ZeroDivisionOptions } from "./stat_scores.ts";

/** By what counts are divided: by targets (rows), by predictions (columns), by all, or by nothing. */
export type Normalize = "true" | "pred" | "all" | "none";

/** Options of {@link ConfusionMatrix}. */
export type ConfusionMatrixOptions = Task & {
  /** By what counts are divided; default `"none"`. */
  normalize?: Normalize;
};

/** Options of {@link CohenKappa}. */
export type CohenKappaOptions = Task & {
  /** How much a decision for a class far from the target weighs; default `"none"`: all errors weigh the same. */
  weights?: "linear" | "quadratic" | "none";
};

/** What metrics of a table of targets and predictions have in common: the table, in whole numbers on the device. */
export abstract class TableMetric extends Metric<[preds: Tensor, target: Tensor]> {
  /** The task, with its defaults. */
  protected readonly task: ResolvedTask;

  /**
   * Makes the metric.
   *
   * @param options Its options
   * @param rules What it allows
   */
  constructor(options: Task, rules: TaskRules = {}) {
    super(options);
    this.task = resolveTask(this.constructor.name, options, rules);
    const { task, size } = this.task, table = task === "multiclass" ? [size, size] : [2, 2];
    this.addState("confmat", () => zeros(task === "multilabel" ? [size, 2, 2] : table, { dtype: "i32" }), "sum");
  }

  /** Metrics of one task share their table. */
  override get stateKey(): string {
    const { average: _, ...task } = this.task;
    return `table ${JSON.stringify(task)}`;
  }

  /** Takes a batch: a key for each decision is its place in the table. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    const { task, size, threshold, ignoreIndex } = this.task, name = this.constructor.name;
    let truth: Tensor, key: Tensor;
    if (task === "multiclass") {
      const found = classes(name, preds, target, size, ignoreIndex);
      truth = found.target;
      key = add(mul(truth, size), found.preds);
    } else {
      const inputs = task === "binary"
        ? binaryInputs(name, preds, target, ignoreIndex)
        : multilabelInputs(name, preds, target, size, ignoreIndex);
      truth = inputs.target;
      key = add(mul(truth, 2), to(positives(inputs, threshold), "i32"));
      if (task === "multilabel") {
        const label = reshape(arange(0, size, 1, { dtype: "i32" }), [size, ...new Array(truth.ndim - 2).fill(1)]);
        key = add(mul(label, 4), key);
      }
    }
    const valid = counted(truth, ignoreIndex);
    countInto(this.state("confmat"), valid === null ? key : where(valid, key, -1));
  }

  /** The table in f32. */
  protected get table(): Tensor {
    return to(this.state("confmat"), "f32");
  }
}

/**
 * How often each class (row) was taken for each class (column): i32 [C, C], for yes or no [2, 2], for labels [L, 2, 2].
 * With `normalize` it is f32.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { ConfusionMatrix } from "@fulgurite/core/metrics";
 *
 * await init();
 * const matrix = new ConfusionMatrix({ task: "multiclass", numClasses: 2 });
 * matrix.update(tensor([0, 1, 1]), tensor([0, 1, 0]));
 * console.log(await matrix.compute().array()); // [[1, 1], [0, 1]]
 * ```
 */
export class ConfusionMatrix extends TableMetric {
  readonly #normalize: Normalize;

  /**
   * Makes the metric.
   *
   * @param options The task, and by what counts are divided
   */
  constructor(options: ConfusionMatrixOptions) {
    super(options, { extra: ["normalize"], without: ["average", "topK"] });
    const allowed: readonly Normalize[] = ["true", "pred", "all", "none"];
    this.#normalize = options.normalize ?? "none";
    if (!allowed.includes(this.#normalize)) {
      fail("ConfusionMatrix", "normalize", oneOf(allowed), this.#normalize);
    }
  }

  /** The table, divided as asked for. */
  protected override result(): Tensor {
    if (this.#normalize === "none") return this.state("confmat");
    const { table } = this;
    const dim = { true: -1, pred: -2, all: [-2, -1] }[this.#normalize];
    return safeDivide(table, sum(table, { dim, keepdim: true }));
  }
}

/**
 * Agreement beyond chance, Cohen's κ: 1 − Σ w·observed / Σ w·expected. Not for labels.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { CohenKappa } from "@fulgurite/core/metrics";
 *
 * await init();
 * const kappa = new CohenKappa({ task: "binary" });
 * kappa.update(tensor([0, 1, 0, 0]), tensor([1, 1, 0, 0]));
 * console.log(await kappa.compute().item()); // 0.5
 * ```
 */
export class CohenKappa extends TableMetric {
  readonly #weights: "linear" | "quadratic" | "none";

  /**
   * Makes the metric.
   *
   * @param options The task, and how errors weigh
   */
  constructor(options: CohenKappaOptions) {
    super(options, { tasks: ["binary", "multiclass"], extra: ["weights"], without: ["average", "topK"] });
    const allowed = ["linear", "quadratic", "none"] as const;
    this.#weights = options.weights ?? "none";
    if (!allowed.includes(this.#weights)) fail("CohenKappa", "weights", oneOf(allowed), this.#weights);
  }

  /** Larger is better. */
  override get higherIsBetter(): boolean {
    return true;
  }

  /** 1 − Σ w·observed / Σ w·expected. */
  protected override result(): Tensor {
    const { table } = this, size = table.shape[0];
    const columns = sum(table, { dim: 0, keepdim: true }), rows = sum(table, { dim: 1, keepdim: true });
    const expected = div(mul(rows, columns), sum(table));
    const place = arange(0, size), distance = sub(place, unsqueeze(place, 1));
    const weights = this.#weights === "quadratic"
      ? square(distance)
      : this.#weights === "linear"
      ? abs(distance)
      : to(ne(distance, 0), "f32");
    return sub(1, div(sum(mul(weights, table)), sum(mul(weights, expected))));
  }
}

/**
 * The correlation of predictions and targets, Matthews' φ.
 *
 * See Chicco, Jurman, BMC Genomics 21:6, 2020, for what it is where a row or a column of the table is empty.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { MatthewsCorrCoef } from "@fulgurite/core/metrics";
 *
 * await init();
 * const phi = new MatthewsCorrCoef({ task: "binary" });
 * phi.update(tensor([0, 1, 0, 0]), tensor([1, 1, 0, 0]));
 * console.log(await phi.compute().item()); // about 0.5774
 * ```
 */
export class MatthewsCorrCoef extends TableMetric {
  /**
   * Makes the metric.
   *
   * @param options The task
   */
  constructor(options: Task) {
    super(options, { without: ["average", "topK"] });
  }

  /** Larger is better. */
  override get higherIsBetter(): boolean {
    return true;
  }

  /** The covariance over the root of the product of the variances. */
  protected override result(): Tensor {
    const whole = this.table, table = whole.ndim === 3 ? sum(whole, { dim: 0 }) : whole;
    const all = sum(table), share = div(table, all);
    const rows = sum(share, { dim: 1 }), columns = sum(share, { dim: 0 });
    const covariance = sub(sum(diagonal(share)), sum(mul(rows, columns)));
    const variances = mul(sub(1, sum(square(rows))), sub(1, sum(square(columns))));
    if (table.shape[0] !== 2) return this.#ratio(covariance, variances);
    const [tn, fp, fn, tp] = [0, 1, 2, 3].map((at) => table.reshape([4]).select({ dim: 0, index: at }));
    const right = add(tp, tn), wrong = add(fp, fn);
    // With only right or only wrong decisions it is 1 or −1, and with an empty row or column the limit is taken.
    const phi = div(covariance, sqrt(variances));
    const empty = logicalOr(
      logicalOr(eq(add(tp, fp), 0), eq(add(tp, fn), 0)),
      logicalOr(eq(add(tn, fp), 0), eq(add(tn, fn), 0)),
    );
    const known = where(empty, this.#limit({ tp, fp, tn, fn }), phi);
    const allRight = logicalAnd(ne(right, 0), eq(wrong, 0)), allWrong = logicalAnd(eq(right, 0), ne(wrong, 0));
    return where(allRight, 1, where(allWrong, -1, known));
  }

  #ratio(covariance: Tensor, variances: Tensor): Tensor {
    return where(eq(variances, 0), 0, div(covariance, sqrt(variances)));
  }

  /** What torchmetrics takes in place of 0 / 0. */
  #limit({ tp, fp, tn, fn }: Counts): Tensor {
    const eps = 2 ** -23, root = Math.sqrt(eps);
    const none = (a: Tensor, b: Tensor) => logicalAnd(eq(a, 0), eq(b, 0));
    const near = (a: Tensor, b: Tensor) => sqrt(add(add(a, b), eps));
    const denominator = mul(mul(near(tp, fp), near(tp, fn)), mul(near(tn, fp), near(tn, fn)));
    const numerator = where(
      none(fn, tn),
      mul(sub(tp, fp), root),
      where(
        none(fp, tn),
        mul(sub(tp, fn), root),
        where(none(tp, fn), mul(sub(tn, fp), root), mul(sub(tn, fn), root)),
      ),
    );
    return div(numerator, denominator);
  }
}

/**
 * Intersection over union, tp / (tp + fp + fn). The default average is `"macro"`.
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { JaccardIndex } from "@fulgurite/core/metrics";
 *
 * await init();
 * const iou = new JaccardIndex({ task: "multiclass", numClasses: 2 });
 * iou.update(tensor([[0, 1], [1, 1]]), tensor([[0, 1], [0, 1]]));
 * console.log(await iou.compute().item()); // about 0.5833
 * ```
 */
export class JaccardIndex extends TableMetric {
  readonly #zeroDivision: number;

  /**
   * Makes the metric.
   *
   * @param options The task, and what a division by zero gives
   */
  constructor(options: Task & ZeroDivisionOptions) {
    super(options, { average: "macro", extra: ["zeroDivision"], without: ["topK"] });
    this.#zeroDivision = options.zeroDivision ?? 0;
    if (![0, 1].includes(this.#zeroDivision)) fail("JaccardIndex", "zeroDivision", "0 or 1", this.#zeroDivision);
  }

  /** Larger is better. */
  override get higherIsBetter(): boolean {
    return true;
  }

  /** tp / (tp + fp + fn). */
  protected override result(): Tensor {
    const { task, size, average, ignoreIndex } = this.task, { table } = this;
    const at = (i: number, j: number) => table.select({ dim: -2, index: i }).select({ dim: -1, index: j });
    const multiclass = task === "multiclass";
    const tp = multiclass ? diagonal(table) : at(1, 1);
    const fp = multiclass ? sub(sum(table, { dim: 0 }), tp) : at(0, 1);
    const fn = multiclass ? sub(sum(t(table), { dim: 0 }), tp) : at(1, 0);
    const union = add(add(tp, fp), fn);
    if (task === "binary") return safeDivide(tp, union, this.#zeroDivision);
    const left = multiclass && ignoreIndex !== null && ignoreIndex >= 0 && ignoreIndex < size;
    const kept = left ? ne(arange(0, size, 1, { dtype: "i32" }), ignoreIndex) : null;
    if (average === "micro") {
      return safeDivide(sum(tp), sum(kept === null ? union : where(kept, union, 0)), this.#zeroDivision);
    }
    const occurs = ne(union, 0), present = kept === null ? occurs : logicalAnd(occurs, kept);
    const counts = { tp, fp, fn, tn: tp };
    return averaged(safeDivide(tp, union, this.#zeroDivision), average, counts, multiclass ? present : null);
  }
}

/** {@link ConfusionMatrix} of one batch. */
export function confusionMatrix(preds: Tensor, target: Tensor, options: ConfusionMatrixOptions): Tensor {
  return once(new ConfusionMatrix(options), preds, target);
}

/** {@link CohenKappa} of one batch. */
export function cohenKappa(preds: Tensor, target: Tensor, options: CohenKappaOptions): Tensor {
  return once(new CohenKappa(options), preds, target);
}

/** {@link MatthewsCorrCoef} of one batch. */
export function matthewsCorrCoef(preds: Tensor, target: Tensor, options: Task): Tensor {
  return once(new MatthewsCorrCoef(options), preds, target);
}

/** {@link JaccardIndex} of one batch. */
export function jaccardIndex(preds: Tensor, target: Tensor, options: Task & ZeroDivisionOptions): Tensor {
  return once(new JaccardIndex(options), preds, target);
}

import {
  add,
  arange,
  cat,
  countInto,
  cumsum,
  eq,
  gather,
  ge,
  mul,
  narrow,
  ne,
  reshape,
  slice,
  sort,
  sub,
  sum,
  to,
  where,
  zeros,
} from "../kernels/mod.ts";
import { t, unsqueeze } from "../ops/mod.ts";
import { tensor } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  binaryInputs,
  checkLabels,
  checkScores,
  counted,
  flat,
  labels,
  multilabelInputs,
  probabilities,
  rowsOfScores,
} from "./_inputs.ts";
import { Metric } from "./metric.ts";
import { fail, type ResolvedTask, resolveTask, type Task, type TaskRules } from "./task.ts";

/** Which thresholds a curve has. */
export interface ThresholdOptions {
  /**
   * Number of equally spaced thresholds from 0 to 1, or the thresholds. Without it every score is one: exact, but all
   * scores are kept on the device until `reset`.
   */
  thresholds?: number | readonly number[];
}

/** Elements that are worked on at a time. */
const AT_A_TIME = 2 ** 22;

/** Decisions for falling thresholds: true and false positives [K, M], and how many there are of each kind [K, 1]. */
export interface Points {
  /** True positives. */
  readonly tp: Tensor;
  /** False positives. */
  readonly fp: Tensor;
  /** What is true. */
  readonly positives: Tensor;
  /** What is not. */
  readonly negatives: Tensor;
}

/** Scores of K classes with what is true: f32 and i32 [K, N]; an element that does not count is neither. */
export interface Scored {
  /** Probabilities. */
  readonly scores: Tensor;
  /** Where it is true. */
  readonly positive: Tensor;
  /** Where it is not. */
  readonly negative: Tensor;
}

/**
 * What metrics of scores and thresholds have in common. Without thresholds it keeps scores (`preds` [N, K]) and targets
 * (1 yes, 0 no, −1 does not count); with T of them it counts, for either kind of target, how many thresholds are
 * reached (`bins` [K, 2, T + 1]).
 */
export abstract class CurveMetric<Value = Tensor> extends Metric<[preds: Tensor, target: Tensor], Value> {
  /** The task, with its defaults. */
  protected readonly task: ResolvedTask;
  /** Rising thresholds, or `null`: every score. */
  protected readonly thresholds: Float32Array<ArrayBuffer> | null;

  /**
   * Makes the metric.
   *
   * @param options Its options
   * @param rules What it allows
   */
  constructor(options: Task & ThresholdOptions, rules: TaskRules = {}) {
    super(options);
    const { extra = [], ...others } = rules;
    const without = [...(rules.without ?? []), "topK", "threshold"];
    this.task = resolveTask(this.constructor.name, options, { ...others, extra: ["thresholds", ...extra], without });
    this.thresholds = thresholdsOf(this.constructor.name, options.thresholds);
    const { size } = this.task;
    if (this.thresholds === null) {
      this.addState("preds", null);
      this.addState("target", null);
    } else {
      const bins = this.thresholds.length + 1;
      this.addState("bins", () => zeros([size, 2, bins], { dtype: "i32" }), "sum");
    }
  }

  /** Metrics of one task and the same thresholds share what they keep. */
  override get stateKey(): string {
    const { average: _, ...task } = this.task;
    return `curve ${JSON.stringify(task)} ${this.thresholds?.join() ?? ""}`;
  }

  /** Takes a batch. */
  protected override accumulate(preds: Tensor, target: Tensor): void {
    const { scores, truth } = this.#inputs(preds, target);
    if (this.thresholds !== null) return this.#countBins(this.thresholds, scores, truth);
    this.join("preds", scores);
    this.join("target", truth);
  }

  /** Scores [N, K] and, for each, 1, 0 or −1; for classes their number [N] (−1: does not count). */
  #inputs(preds: Tensor, target: Tensor): { scores: Tensor; truth: Tensor } {
    const { task, size, ignoreIndex } = this.task, name = this.constructor.name;
    const marked = (truth: Tensor) => {
      const valid = counted(truth, ignoreIndex);
      return valid === null ? truth : where(valid, truth, -1);
    };
    if (task === "multiclass") {
      checkScores(name, preds, target, size);
      checkLabels(name, "target", target, size, ignoreIndex);
      const scores = rowsOfScores(probabilities(preds, "softmax"));
      return { scores, truth: flat(marked(labels(name, "target", target))) };
    }
    const inputs = task === "binary"
      ? binaryInputs(name, preds, target, ignoreIndex)
      : multilabelInputs(name, preds, target, size, ignoreIndex);
    if (!inputs.scored) {
      throw new TypeError(`Cannot update ${name}: preds must be scores (floats), they are ${preds.dtype}`);
    }
    const truth = marked(inputs.target);
    if (task === "binary") {
      return { scores: reshape(inputs.preds, [truth.numel, 1]), truth: reshape(truth, [truth.numel, 1]) };
    }
    return { scores: rowsOfScores(inputs.preds), truth: rowsOfScores(truth) };
  }

  /** 1, 0 or −1 for each class of some rows. */
  #marks(truth: Tensor, rows: number): Tensor {
    if (this.task.task !== "multiclass") return truth;
    const column = reshape(truth, [rows, 1]);
    const own = to(eq(column, arange(0, this.task.size, 1, { dtype: "i32" })), "i32");
    return where(eq(column, -1), -1, own);
  }

  #countBins(thresholds: Float32Array<ArrayBuffer>, scores: Tensor, truth: Tensor): void {
    const [rows, size] = scores.shape, bins = thresholds.length + 1;
    const step = Math.max(1, Math.floor(AT_A_TIME / (size * bins))), limits = tensor(thresholds);
    const first = mul(arange(0, size, 1, { dtype: "i32" }), 2);
    for (let start = 0; start < rows; start += step) {
      const part = (x: Tensor) => narrow(x, { dim: 0, start, length: Math.min(step, rows - start) });
      const some = part(scores), marks = this.#marks(part(truth), some.shape[0]);
      const reached = sum(ge(unsqueeze(some, -1), limits), { dim: -1 });
      const key = add(mul(add(first, marks), bins), reached);
      countInto(this.state("bins"), where(eq(marks, -1), -1, key));
    }
  }

  /** All that was kept, class by class; `null` if there is nothing. */
  protected kept(first: number, length: number): Scored | null {
    const preds = this.joined("preds"), target = this.joined("target");
    if (preds === null || target === null) return null;
    const marks = this.#marks(target, preds.shape[0]);
    const rows = (x: Tensor) => t(narrow(x, { dim: 1, start: first, length }));
    return { scores: rows(preds), positive: eq(rows(marks), 1), negative: eq(rows(marks), 0) };
  }

  /** All classes as one: every label of every element is a decision. */
  protected pooled(): Scored | null {
    const all = this.kept(0, this.task.size);
    if (all === null) return null;
    const row = (x: Tensor) => reshape(x, [1, x.numel]);
    return { scores: row(all.scores), positive: row(all.positive), negative: row(all.negative) };
  }

  /** The counts of thresholds, rising: [K, M] for true and false positives. */
  protected binned(): Points {
    const bins = this.state("bins"), all = this.task.average === "micro" ? sum(bins, { dim: 0, keepdim: true }) : bins;
    const of = (kind: number) => all.select({ dim: 1, index: kind });
    const total = (x: Tensor) => sum(x, { dim: 1, keepdim: true });
    const last = this.thresholds!.length;
    const reached = (x: Tensor) => sub(total(x), slice(cumsum(x, { dim: 1 }), { dim: 1, end: last }));
    const [negative, positive] = [of(0), of(1)];
    return { tp: reached(positive), fp: reached(negative), positives: total(positive), negatives: total(negative) };
  }

  /** A number for each class, from points for falling thresholds that begin with nothing. */
  protected byClass(value: (points: Points) => Tensor): Tensor | null {
    const { size, average, task } = this.task;
    if (this.thresholds !== null) return value(falling(this.binned()));
    if (average === "micro" && task === "multilabel") {
      const all = this.pooled();
      return all === null ? null : value(pointsOf(all));
    }
    const values: Tensor[] = [];
    for (let first = 0, length = 0; first < size; first += length) {
      const rows = this.joined("preds")?.shape[0] ?? 0;
      length = Math.min(size - first, Math.max(1, Math.floor(AT_A_TIME / Math.max(rows, 1))));
      const part = this.kept(first, length);
      if (part === null) return null;
      values.push(value(pointsOf(part)));
    }
    return values.length === 1 ? values[0] : cat(values, { dim: 0 });
  }
}

/** Rising counts turned round. */
export function falling({ tp, fp, ...all }: Points): Points {
  return { tp: tp.flip(1), fp: fp.flip(1), ...all };
}

/** The same with nothing before: at a threshold above all scores. */
export function fromNothing({ tp, fp, ...all }: Points): Points {
  const nothing = zeros([tp.shape[0], 1], { dtype: "i32" });
  return { tp: cat([nothing, tp], { dim: 1 }), fp: cat([nothing, fp], { dim: 1 }), ...all };
}

/** Scores in falling order, and what is true of each. */
export function ordered({ scores, positive, negative }: Scored): Scored {
  const [sorted, places] = sort(scores, { dim: 1, descending: true });
  const of = (x: Tensor) => gather(to(x, "i32"), places, { dim: 1 });
  return { scores: sorted, positive: ne(of(positive), 0), negative: ne(of(negative), 0) };
}

/**
 * Counts after each group of equal scores, falling. There are as many places as scores; those left over repeat the
 * last.
 */
function pointsOf(scored: Scored): Points {
  const { scores, positive, negative } = ordered(scored), [size, rows] = scores.shape;
  const before = narrow(scores, { dim: 1, start: 0, length: rows - 1 });
  const after = narrow(scores, { dim: 1, start: 1, length: rows - 1 });
  const starts = cat([zeros([size, 1], { dtype: "i32" }), to(ne(before, after), "i32")], { dim: 1 });
  const group = add(cumsum(starts, { dim: 1 }), mul(reshape(arange(0, size, 1, { dtype: "i32" }), [size, 1]), rows));
  const grown = (mask: Tensor) => {
    const counts = zeros([size, rows], { dtype: "i32" });
    countInto(counts, where(mask, group, -1));
    return cumsum(counts, { dim: 1 });
  };
  const total = (mask: Tensor) => sum(mask, { dim: 1, keepdim: true });
  return fromNothing({
    ...{ tp: grown(positive), fp: grown(negative) },
    ...{ positives: total(positive), negatives: total(negative) },
  });
}

/** Differences along the last axis: [K, M − 1]. */
export function steps(x: Tensor): Tensor {
  const rest = x.shape[1] - 1;
  return sub(narrow(x, { dim: 1, start: 1, length: rest }), narrow(x, { dim: 1, start: 0, length: rest }));
}

function thresholdsOf(metric: string, given: number | readonly number[] | undefined): Float32Array<ArrayBuffer> | null {
  if (given === undefined) return null;
  if (typeof given === "number") {
    if (!Number.isInteger(given) || given < 2) fail(metric, "thresholds", "a whole number from 2 on, or a list", given);
    return Float32Array.from({ length: given }, (_, i) => i / (given - 1));
  }
  if (!Array.isArray(given) || given.length === 0 || !given.every((one) => one >= 0 && one <= 1)) {
    fail(metric, "thresholds", "a list of numbers from 0 to 1", given);
  }
  return Float32Array.from(given).sort();
}

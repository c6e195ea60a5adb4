import { checkNames, show } from "../device/option_names.ts";

/**
 * How values of classes (or labels) become one: over all decisions at once, as their mean, as their mean weighted by
 * how often each class occurs in the targets, or not at all.
 */
export type Average = "micro" | "macro" | "weighted" | "none";

/**
 * Yes or no. Predictions are probabilities, logits (known by a value outside of 0 to 1) or labels 0 and 1, of any
 * shape.
 */
export interface BinaryTask {
  /** The kind of task. */
  task: "binary";
  /** A probability above it means yes; default 0.5. */
  threshold?: number;
  /** A target that does not count. */
  ignoreIndex?: number;
}

/** One class of several. Predictions are scores [N, C, …] or labels [N, …], targets labels [N, …]. */
export interface MulticlassTask {
  /** The kind of task. */
  task: "multiclass";
  /** Number of classes C. */
  numClasses: number;
  /** How values of classes become one; the metric names its default. */
  average?: Average;
  /** A prediction counts as right when the target is among the best so many scores; default 1. */
  topK?: number;
  /** A target that does not count. */
  ignoreIndex?: number;
}

/** Any of several labels. Predictions are probabilities, logits or 0 and 1, targets 0 and 1, both [N, L, …]. */
export interface MultilabelTask {
  /** The kind of task. */
  task: "multilabel";
  /** Number of labels L. */
  numLabels: number;
  /** How values of labels become one; the metric names its default. */
  average?: Average;
  /** A probability above it means yes; default 0.5. */
  threshold?: number;
  /** A target that does not count. */
  ignoreIndex?: number;
}

/** What is decided. */
export type Task = BinaryTask | MulticlassTask | MultilabelTask;

/** A task with all defaults filled in. */
export interface ResolvedTask {
  /** The kind of task. */
  readonly task: Task["task"];
  /** Classes or labels; 1 for yes or no. */
  readonly size: number;
  /** How values of classes become one. */
  readonly average: Average;
  /** A probability above it means yes. */
  readonly threshold: number;
  /** Among how many of the best scores a target counts as found. */
  readonly topK: number;
  /** A target that does not count, or `null`. */
  readonly ignoreIndex: number | null;
}

const NAMES = {
  binary: { task: true, threshold: true, ignoreIndex: true },
  multiclass: { task: true, numClasses: true, average: true, topK: true, ignoreIndex: true },
  multilabel: { task: true, numLabels: true, average: true, threshold: true, ignoreIndex: true },
} as const;

/** What a metric allows beside, or instead of, the usual. */
export interface TaskRules {
  /** How values of classes become one if it is not said; default `"micro"`. */
  readonly average?: Average;
  /** Tasks that there are; default all. */
  readonly tasks?: readonly Task["task"][];
  /** Ways to average that there are, by task; default all. */
  readonly averages?: readonly Average[];
  /** Names that the metric has beside a task's. */
  readonly extra?: readonly string[];
  /** Names of a task that the metric does not have. */
  readonly without?: readonly string[];
}

/** Checks the options of a metric's task and fills in the defaults. */
export function resolveTask(metric: string, options: Task, rules: TaskRules = {}): ResolvedTask {
  const { tasks = ["binary", "multiclass", "multilabel"], extra = [], without = [] } = rules;
  const { task } = options ?? {};
  if (!tasks.includes(task)) fail(metric, "task", oneOf(tasks), task);
  const names = Object.keys(NAMES[task]).filter((name) => !without.includes(name)).concat(extra);
  checkNames(
    `make ${metric}`,
    options as unknown as Record<string, unknown>,
    Object.fromEntries(names.map((n) => [n, true])) as Record<string, true>,
  );
  const { numClasses, numLabels, threshold = 0.5, topK = 1, ignoreIndex = null } = options as Partial<
    & Omit<MulticlassTask, "task">
    & Omit<MultilabelTask, "task">
  >;
  const size = task === "binary" ? 1 : task === "multiclass" ? numClasses : numLabels;
  const sizeName = task === "multiclass" ? "numClasses" : "numLabels";
  if (task !== "binary" && !(Number.isInteger(size) && size! >= 2)) {
    fail(metric, sizeName, "a whole number from 2 on", size);
  }
  if (!(threshold >= 0 && threshold <= 1)) fail(metric, "threshold", "a number from 0 to 1", threshold);
  if (!Number.isInteger(topK) || topK < 1 || (task === "multiclass" && topK > size!)) {
    fail(metric, "topK", `a whole number from 1 to numClasses`, topK);
  }
  if (ignoreIndex !== null && !Number.isInteger(ignoreIndex)) {
    fail(metric, "ignoreIndex", "a whole number", ignoreIndex);
  }
  const { averages = ["micro", "macro", "weighted", "none"] } = rules;
  const average = (options as { average?: Average }).average ?? rules.average ?? "micro";
  if (!averages.includes(average)) fail(metric, "average", oneOf(averages), average);
  return { task, size: size!, average, threshold, topK, ignoreIndex };
}

/** `"a", "b" or "c"`. */
export function oneOf(values: readonly string[]): string {
  const quoted = values.map((value) => JSON.stringify(value));
  return quoted.length === 1 ? quoted[0] : `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
}

/** Refuses an option. */
export function fail(metric: string, option: string, allowed: string, got: unknown): never {
  const message = `Cannot make ${metric}: ${option} must be ${allowed}, got ${show(got)}`;
  throw typeof got === "number" ? new RangeError(message) : new TypeError(message);
}

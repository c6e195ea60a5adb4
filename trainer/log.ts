import { add, maximum, minimum, mul } from "../kernels/mod.ts";
import { keep, scope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { Tensor } from "../tensor/tensor.ts";

/** How values of several batches become one. */
export type Reduction = "mean" | "sum" | "min" | "max";

/** Where a logged value appears, and how it is averaged. */
export interface LogOptions {
  /** Show it in the progress bar; default false. */
  progBar?: boolean;
  /** Send it to the loggers; default true. */
  logger?: boolean;
  /** A value for each batch; default true in training hooks of a batch, else false. */
  onStep?: boolean;
  /** One value for the epoch; default true in evaluation steps and epoch hooks, else false. */
  onEpoch?: boolean;
  /** How values of several batches become one; default `"mean"`, weighted by batch size. */
  reduceFx?: Reduction;
  /** Items in the batch; default: the first axis of the batch's first tensor. */
  batchSize?: number;
  /** Whether the loader's name or number is added where there are several; default true. */
  addDataloaderIdx?: boolean;
}

/** In which hooks a value may be logged, and what it means there. */
const STEP_HOOKS = new Set([
  "trainingStep",
  "onTrainBatchStart",
  "onTrainBatchEnd",
  "onBeforeBackward",
  "onAfterBackward",
  "onBeforeOptimizerStep",
  "onBeforeZeroGrad",
  "optimizerStep",
  "optimizerZeroGrad",
  "configureGradientClipping",
]);
const EPOCH_HOOKS = new Set([
  "onTrainStart",
  "onTrainEpochStart",
  "onTrainEpochEnd",
  "validationStep",
  "testStep",
  "onValidationStart",
  "onValidationEpochStart",
  "onValidationEpochEnd",
  "onValidationBatchStart",
  "onValidationBatchEnd",
  "onTestStart",
  "onTestEpochStart",
  "onTestEpochEnd",
  "onTestBatchStart",
  "onTestBatchEnd",
]);

/** What `onStep` and `onEpoch` are when they are not given. */
export function loggingDefaults(hook: string): { onStep: boolean; onEpoch: boolean } {
  if (STEP_HOOKS.has(hook)) return { onStep: true, onEpoch: false };
  if (EPOCH_HOOKS.has(hook)) return { onStep: false, onEpoch: true };
  throw new Error(
    `Cannot log in ${
      hook || "code outside of hooks"
    }: no row can follow it, log in a step or in a hook of a batch or an epoch`,
  );
}

interface Entry {
  readonly name: string;
  readonly hook: string;
  readonly onStep: boolean;
  readonly onEpoch: boolean;
  readonly progBar: boolean;
  readonly logger: boolean;
  readonly reduceFx: Reduction;
  /** What the loader adds to the name, or nothing. */
  readonly suffix: string;
  /** Sum and count of the values of the current batch. */
  last: Tensor | number;
  lastCount: number;
  /** Weighted sum, sum, least or greatest so far. */
  total: Tensor | number;
  weight: number;
  /** Whether a value came since the last step row. */
  fresh: boolean;
}

/** A value under the name it is known by. */
export interface NamedValue {
  readonly name: string;
  readonly value: Tensor | number;
  readonly progBar: boolean;
  readonly logger: boolean;
}

/**
 * The values logged in one loop. They stay on the device: sums grow as pointwise chains that are recorded now and then, and
 * nothing is read before someone asks for numbers.
 */
export class MetricStore {
  readonly #entries = new Map<string, Entry>();
  readonly #seen = new Set<string>();

  /** Starts a new batch: the same name may be logged again. */
  nextBatch(): void {
    this.#seen.clear();
  }

  /** Takes a value. */
  log(
    name: string,
    value: Tensor | number,
    options: LogOptions,
    hook: string,
    suffix: string,
    batchSize: number,
  ): void {
    const defaults = loggingDefaults(hook);
    const onStep = options.onStep ?? defaults.onStep, onEpoch = options.onEpoch ?? defaults.onEpoch;
    const { progBar = false, logger = true, reduceFx = "mean" } = options;
    if (value instanceof Tensor && value.numel !== 1) {
      throw new TypeError(
        `Cannot log ${name}: a logged tensor must have one element, its shape is [${value.shape.join(", ")}]`,
      );
    }
    const key = `${hook}.${name}${suffix}`;
    const shape = `${onStep} ${onEpoch} ${progBar} ${logger} ${reduceFx}`;
    let entry = this.#entries.get(key);
    if (entry !== undefined) {
      const before = `${entry.onStep} ${entry.onEpoch} ${entry.progBar} ${entry.logger} ${entry.reduceFx}`;
      if (before !== shape) {
        throw new Error(`Cannot log ${name} in ${hook}: it was logged there with other options before`);
      }
    } else {
      entry = {
        name,
        hook,
        onStep,
        onEpoch,
        progBar,
        logger,
        reduceFx,
        suffix,
        last: 0,
        lastCount: 0,
        total: 0,
        weight: 0,
        fresh: false,
      };
      this.#entries.set(key, entry);
    }
    if (!this.#seen.has(key)) {
      this.#seen.add(key);
      free(entry.last);
      entry.lastCount = 0;
    }
    const logged = entry;
    noGrad(() => {
      logged.last = logged.lastCount === 0 ? own(value) : replace(logged.last, add, value);
      logged.lastCount++;
      if (onEpoch) accumulate(logged, value, batchSize);
    });
    entry.fresh = true;
  }

  /** Values of the current batch, under the names of step rows; each is given once. */
  stepValues(): NamedValue[] {
    const values: NamedValue[] = [];
    for (const entry of this.#entries.values()) {
      if (!entry.onStep || !entry.fresh) continue;
      entry.fresh = false;
      values.push({
        ...flags(entry),
        name: entry.name + (entry.onEpoch ? "_step" : "") + entry.suffix,
        value: latest(entry),
      });
    }
    return values;
  }

  /** Values of the epoch so far, under the names of epoch rows. */
  epochValues(): NamedValue[] {
    const values: NamedValue[] = [];
    for (const entry of this.#entries.values()) {
      if (!entry.onEpoch) continue;
      values.push({
        ...flags(entry),
        name: entry.name + (entry.onStep ? "_epoch" : "") + entry.suffix,
        value: reduced(entry),
      });
    }
    return values;
  }

  /**
   * All values under all names that callbacks may watch.
   *
   * @param steps Whether values of single batches are among them
   */
  callbackValues(steps = true): NamedValue[] {
    const values: NamedValue[] = [];
    for (const entry of this.#entries.values()) {
      const both = entry.onStep && entry.onEpoch;
      const common = flags(entry);
      if (entry.onStep && steps) {
        values.push({ ...common, name: `${entry.name}${both ? "_step" : ""}${entry.suffix}`, value: latest(entry) });
      }
      if (entry.onEpoch) {
        const value = reduced(entry);
        values.push({ ...common, name: `${entry.name}${both ? "_epoch" : ""}${entry.suffix}`, value });
        if (both) values.push({ ...common, name: entry.name + entry.suffix, value });
      }
    }
    return values;
  }

  /** Forgets everything: a new epoch begins. */
  reset(): void {
    for (const entry of this.#entries.values()) {
      free(entry.last);
      free(entry.total);
    }
    this.#entries.clear();
    this.#seen.clear();
  }
}

function flags(entry: Entry): { progBar: boolean; logger: boolean } {
  return { progBar: entry.progBar, logger: entry.logger };
}

function free(value: Tensor | number): void {
  if (value instanceof Tensor) value.dispose();
}

/** A handle of our own on a value, which outlives the step that logged it. */
function own(value: Tensor | number): Tensor | number {
  return value instanceof Tensor ? keep(value.detach()) : value;
}

function accumulate(entry: Entry, value: Tensor | number, batchSize: number): void {
  const mean = entry.reduceFx === "mean";
  const weighted = mean && batchSize !== 1 ? times(value, batchSize) : value;
  entry.total = entry.weight === 0 ? own(weighted) : replace(entry.total, combiners[entry.reduceFx], weighted);
  entry.weight += mean ? batchSize : 1;
}

type Combine = (a: Tensor | number, b: Tensor | number) => Tensor;
const combiners: Readonly<Record<Reduction, Combine>> = { mean: add, sum: add, min: minimum, max: maximum };
const onHost = new Map<Combine, (a: number, b: number) => number>([
  [add, (a, b) => a + b],
  [minimum, Math.min],
  [maximum, Math.max],
]);

/** The combination of a value that we own with another; frees the old one. */
function replace(before: Tensor | number, combine: Combine, value: Tensor | number): Tensor | number {
  if (typeof before === "number" && typeof value === "number") return onHost.get(combine)!(before, value);
  const after = keep(combine(before, value));
  free(before);
  return after;
}

function times(a: Tensor | number, b: number): Tensor | number {
  return typeof a === "number" ? a * b : b === 1 ? a : mul(a, b);
}

function latest(entry: Entry): Tensor | number {
  return times(entry.last, 1 / entry.lastCount);
}

function reduced(entry: Entry): Tensor | number {
  return entry.reduceFx === "mean" ? times(entry.total, 1 / entry.weight) : entry.total;
}

/**
 * Reads values to the host, all at once. What is needed of the device is recorded before this returns its promise, so the
 * values may change or be freed while it is awaited.
 */
export async function readValues(values: () => readonly NamedValue[]): Promise<Record<string, number>> {
  const started = scope(() =>
    noGrad(values).map(({ name, value }) => ({ name, number: value instanceof Tensor ? value.item() : value }))
  );
  const read: Record<string, number> = {};
  for (const { name, number } of started) read[name] = await number;
  return read;
}

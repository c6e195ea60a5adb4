import { checkNames } from "../device/option_names.ts";
import { Module } from "../nn/mod.ts";
import type { DType } from "../tensor/dtype.ts";
import type { HostTensor } from "../tensor/host.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Metric } from "./metric.ts";

/** What is put around the names of a {@link MetricCollection}. */
export interface MetricCollectionOptions {
  /** Before each name. */
  prefix?: string;
  /** After each name. */
  postfix?: string;
}

/** Metrics by name. */
export type Metrics<Inputs extends readonly unknown[]> = Readonly<Record<string, Metric<Inputs, Tensor>>>;

/**
 * Metrics that take the same batches. Those that remember the same (accuracy, precision, recall of one task, …) share
 * it, so that each batch is counted once.
 *
 * `this.logDict(collection)` in a `LightningModule` logs each of them.
 *
 * @typeParam Inputs What the metrics take
 *
 * @example
 * ```ts
 * import { init, tensor } from "@fulgurite/core";
 * import { Accuracy, MetricCollection, Recall } from "@fulgurite/core/metrics";
 *
 * await init();
 * const task = { task: "multiclass", numClasses: 3 } as const;
 * const recall = new Recall({ ...task, average: "macro" });
 * const metrics = new MetricCollection([new Accuracy(task), recall], { prefix: "val_" });
 * metrics.update(tensor([0, 1, 2, 2]), tensor([0, 1, 2, 1]));
 * const { val_Accuracy, val_Recall } = metrics.compute();
 * console.log(await val_Accuracy.item(), await val_Recall.item()); // 0.75, about 0.8333
 * ```
 */
export class MetricCollection<Inputs extends readonly unknown[] = [preds: Tensor, target: Tensor]>
  extends Module<Inputs, Record<string, Tensor>> {
  readonly #metrics: ReadonlyMap<string, Metric<Inputs, Tensor>>;
  readonly #options: MetricCollectionOptions;
  /** Metrics whose states are their own; all others share with one of them. */
  readonly #leaders: readonly Metric<Inputs, Tensor>[];

  /**
   * Puts metrics together.
   *
   * @param metrics By name, or a list: then their names are those of their classes
   * @param options What is put around the names
   * @throws {TypeError} If two metrics of a list are of one class
   */
  constructor(
    metrics: Metrics<Inputs> | readonly Metric<Inputs, Tensor>[],
    options: MetricCollectionOptions = {},
  ) {
    super();
    checkNames("make a MetricCollection", options, { prefix: true, postfix: true });
    this.#options = options;
    const named = Array.isArray(metrics)
      ? metrics.map((metric): [string, Metric<Inputs, Tensor>] => [metric.constructor.name, metric])
      : Object.entries(metrics as Metrics<Inputs>);
    const leaders = new Map<string, Metric<Inputs, Tensor>>(), own: Metric<Inputs, Tensor>[] = [];
    for (const [i, [name, metric]] of named.entries()) {
      if (!(metric instanceof Metric)) throw new TypeError(`Cannot make a MetricCollection: ${name} is not a metric`);
      if (named.findIndex(([other]) => other === name) !== i) {
        throw new TypeError(
          `Cannot make a MetricCollection: there are two metrics ${name}, give them names of their own`,
        );
      }
      this.registerModule(name, metric as unknown as Module);
      const leader = metric.stateKey === "" ? undefined : leaders.get(metric.stateKey);
      if (leader !== undefined) metric.shareStates(leader as never);
      else own.push(metric);
      if (metric.stateKey !== "" && leader === undefined) leaders.set(metric.stateKey, metric);
    }
    this.#metrics = new Map(named);
    this.#leaders = own;
  }

  /** The name that a metric has outside. */
  nameOf(name: string): string {
    return `${this.#options.prefix ?? ""}${name}${this.#options.postfix ?? ""}`;
  }

  /** The metrics by the names they have outside. */
  *entries(): Generator<[string, Metric<Inputs, Tensor>]> {
    for (const [name, metric] of this.#metrics) yield [this.nameOf(name), metric];
  }

  /** Number of metrics. */
  get size(): number {
    return this.#metrics.size;
  }

  /** A metric by its own name. */
  get(name: string): Metric<Inputs, Tensor> {
    const metric = this.#metrics.get(name);
    if (metric !== undefined) return metric;
    throw new RangeError(
      `Cannot find ${name} in a MetricCollection: there are ${[...this.#metrics.keys()].join(", ")}`,
    );
  }

  /** Takes a batch into all metrics. */
  update(...inputs: Inputs): void {
    for (const metric of this.#leaders) metric.update(...inputs);
  }

  /** The values of all metrics over all batches since the last {@link reset}. */
  compute(): Record<string, Tensor> {
    return Object.fromEntries([...this.entries()].map(([name, metric]) => [name, metric.compute()]));
  }

  /** Takes a batch into all metrics, and gives their values of that batch alone. */
  override forward(...inputs: Inputs): Record<string, Tensor> {
    // Each in the others' batch, so that those which share states see the batch alone too.
    const batch = this.#leaders.reduceRight<() => Record<string, Tensor>>(
      (inner, metric) => () => metric.batchValue(() => metric.update(...inputs), inner),
      () => this.compute(),
    );
    const values = batch();
    for (const [name, metric] of this.entries()) metric.remember(values[name]);
    return values;
  }

  /** Forgets all batches. */
  reset(): void {
    for (const metric of this.#leaders) metric.reset();
  }

  /** Another collection of the same metrics, with the same states for itself. */
  clone(options: MetricCollectionOptions = this.#options): MetricCollection<Inputs> {
    const metrics = [...this.#metrics].map(([name, metric]) => [name, metric.clone()]);
    return new MetricCollection<Inputs>(Object.fromEntries(metrics), options);
  }

  /** What the metrics remember, by names such as `Accuracy.tp`. */
  override stateDict(): Map<string, Tensor> {
    const found = new Map<string, Tensor>();
    for (const [name, metric] of this.#metrics) {
      for (const [state, value] of metric.stateDict()) found.set(`${name}.${state}`, value);
    }
    return found;
  }

  /** Goes on from what {@link stateDict} gave. */
  override loadStateDict(
    state: ReadonlyMap<string, Tensor | HostTensor<DType>> | Readonly<Record<string, Tensor | HostTensor<DType>>>,
    options: { strict?: boolean } = {},
  ): { missingKeys: string[]; unexpectedKeys: string[] } {
    const given = state instanceof Map ? state : new Map(Object.entries(state));
    const missingKeys: string[] = [], known = new Set<string>();
    for (const [name, metric] of this.#metrics) {
      const own = new Map<string, Tensor | HostTensor<DType>>();
      for (const [key, value] of given) {
        if (!key.startsWith(`${name}.`)) continue;
        known.add(key);
        own.set(key.slice(name.length + 1), value);
      }
      missingKeys.push(...metric.loadStateDict(own, options).missingKeys.map((key) => `${name}.${key}`));
    }
    return { missingKeys, unexpectedKeys: [...given.keys()].filter((key) => !known.has(key)) };
  }
}

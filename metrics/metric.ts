import { cat } from "../kernels/cat/mod.ts";
import { add, copyInto, maximum, minimum, mul } from "../kernels/elementwise/mod.ts";
import { Buffer, Module } from "../nn/mod.ts";
import { autocast } from "../tensor/autocast.ts";
import type { DType } from "../tensor/dtype.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import type { HostTensor } from "../tensor/host.ts";
import { keep, scope } from "../tensor/scope.ts";
import { tensor } from "../tensor/create.ts";
import { Tensor } from "../tensor/tensor.ts";
import { watching } from "../tensor/watcher.ts";

/** How the state of one batch joins what was gathered before; `"cat"` is for states that are lists of tensors. */
export type StateReduction = "sum" | "max" | "min" | "cat";

/** A state as it was declared. */
interface Declared {
  /** Makes its first value; `null` for a list. */
  readonly initial: (() => Tensor) | null;
  readonly reduction: StateReduction;
}

/** Values of states by name: a tensor that changes in place, or a list that grows. */
type Values = Map<string, Buffer | Tensor[]>;

const JOIN = { sum: add, max: maximum, min: minimum } as const;

/**
 * The states of one metric, or of several that share them: all a metric remembers lies here, on the device.
 */
class States {
  readonly declared = new Map<string, Declared>();
  values: Values = new Map();
  updates = 0;

  value(name: string): Buffer | Tensor[] {
    const known = this.values.get(name);
    if (known !== undefined) return known;
    const declared = this.declared.get(name);
    if (declared === undefined) throw new RangeError(`Cannot find a state of a metric: there is no "${name}"`);
    const value = declared.initial === null ? [] : scope(() => new Buffer(declared.initial!()));
    this.values.set(name, value);
    return value;
  }

  /** Puts fresh values in place of these, and gives these. */
  swap(fresh: { values: Values; updates: number } = { values: new Map(), updates: 0 }): {
    values: Values;
    updates: number;
  } {
    const { values, updates } = this;
    ({ values: this.values, updates: this.updates } = fresh);
    return { values, updates };
  }

  reset(): void {
    this.updates = 0;
    for (const [name, value] of this.values) {
      if (value instanceof Tensor) copyInto(value, this.declared.get(name)!.initial!());
      else for (const item of value.splice(0)) item.dispose();
    }
  }

  dispose(): void {
    disposeAll(this.values);
    this.values = new Map();
    this.updates = 0;
  }
}

function disposeAll(values: Values): void {
  for (const value of values.values()) for (const item of value instanceof Tensor ? [value] : value) item.dispose();
}

/**
 * A number about predictions that grows over batches, in the manner of torchmetrics: {@link update} takes a batch,
 * {@link compute} gives the value over all batches since the last {@link reset}, {@link forward} does both and gives
 * the value of the batch alone. Everything stays on the device, and nothing is read before someone reads the value.
 *
 * A metric that is a property of a `LightningModule` can be logged as it is: `this.log("acc", this.acc)`.
 *
 * Write `accumulate` and `result`, and declare what is remembered with `addState` in the constructor.
 *
 * @typeParam Inputs What {@link update} takes
 * @typeParam Value What {@link compute} gives
 *
 * @example
 * ```ts
 * import { abs, init, sub, sum, tensor, type Tensor, zeros } from "@fulgurite/core";
 * import { Metric } from "@fulgurite/core/metrics";
 *
 * await init();
 * class LargestError extends Metric<[preds: Tensor, target: Tensor]> {
 *   constructor() {
 *     super();
 *     this.addState("largest", () => zeros([]), "max");
 *   }
 *   protected override accumulate(preds: Tensor, target: Tensor): void {
 *     this.join("largest", abs(sub(preds, target)).amax());
 *   }
 *   protected override result(): Tensor {
 *     return this.state("largest");
 *   }
 * }
 * const metric = new LargestError();
 * metric.update(tensor([1, 2.5]), tensor([1, 2]));
 * metric.update(tensor([3.25]), tensor([4]));
 * console.log(await metric.compute().item()); // 0.75
 * ```
 */
export abstract class Metric<Inputs extends readonly unknown[] = never[], Value = Tensor>
  extends Module<Inputs, Value> {
  #states = new States();
  readonly #options: object;
  /** The value of the latest batch, while it lasts. */
  #batch: Value | null = null;

  /**
   * Makes the metric.
   *
   * @param options What the class was made with: {@link clone} makes another with it
   */
  constructor(options: object = {}) {
    super();
    this.#options = options;
  }

  /** Takes a batch into the states. */
  protected abstract accumulate(...inputs: Inputs): void;
  /** The value of the states. */
  protected abstract result(): Value;

  /** Whether a larger value is a better one; `null` where neither is. */
  get higherIsBetter(): boolean | null {
    return null;
  }

  /** Batches taken in since the last {@link reset}. */
  get updateCount(): number {
    return this.#states.updates;
  }

  /**
   * A name for what is remembered: metrics of equal names that are not empty may share their states.
   *
   * @internal
   */
  get stateKey(): string {
    return "";
  }

  /** Declares a state: a tensor by what makes its first value, or a list (`null`) that batches are appended to. */
  protected addState(name: string, initial: (() => Tensor) | null, reduction: StateReduction = "cat"): void {
    this.#states.declared.set(name, { initial, reduction });
  }

  /** A state's tensor. */
  protected state(name: string): Tensor {
    const value = this.#states.value(name);
    if (value instanceof Tensor) return value;
    throw new TypeError(`Cannot read state ${name} of ${this.constructor.name}: it is a list, ask for it joined`);
  }

  /** Changes a state in place. */
  protected setState(name: string, value: Tensor): void {
    copyInto(this.state(name), value);
  }

  /** Joins a value with a state, by the state's own reduction. */
  protected join(name: string, value: Tensor): void {
    const { reduction } = this.#states.declared.get(name)!;
    if (reduction === "cat") (this.#states.value(name) as Tensor[]).push(kept(value));
    else this.setState(name, JOIN[reduction](this.state(name), value));
  }

  /** All that was appended to a list, along the first axis; `null` if nothing was. */
  protected joined(name: string): Tensor | null {
    const list = this.#states.value(name) as Tensor[];
    return list.length === 0 ? null : list.length === 1 ? list[0].detach() : cat(list, { dim: 0 });
  }

  /**
   * Takes a batch.
   *
   * @param inputs What the metric is about: predictions and targets, in most cases
   */
  update(...inputs: Inputs): void {
    this.#batch = null;
    quietly(() => this.accumulate(...inputs));
    this.#states.updates++;
    watching.by?.beforeReplay({}, () => {
      this.#batch = null;
      this.#states.updates++;
    });
  }

  /** The value over all batches since the last {@link reset}. */
  compute(): Value {
    const { value } = quietly(() => ({ value: own(this.result()) }));
    return value;
  }

  /** Takes a batch and gives the value of that batch alone. */
  override forward(...inputs: Inputs): Value {
    const value = this.batchValue(() => this.update(...inputs), () => this.compute());
    this.remember(value);
    return value;
  }

  /** What {@link forward} gave for the latest batch; `null` after {@link update}, and when it was freed. */
  get latest(): Value | null {
    return this.#batch instanceof Tensor && this.#batch.disposed ? null : this.#batch;
  }

  /**
   * Notes the value of a batch that was computed elsewhere.
   *
   * @internal
   */
  remember(value: Value): void {
    this.#batch = value;
  }

  /**
   * The value of what `update` takes in, which joins the states afterwards.
   *
   * @internal
   */
  batchValue<T>(update: () => void, compute: () => T): T {
    const states = this.#states, before = states.swap();
    try {
      update();
      return compute();
    } finally {
      const batch = states.swap(before);
      quietly(() => this.merge(batch.values));
      disposeAll(batch.values);
      states.updates += batch.updates;
    }
  }

  /** Joins the states of a batch with those from before. A metric whose states depend on each other does it itself. */
  protected merge(batch: ReadonlyMap<string, Tensor | readonly Tensor[]>): void {
    for (const [name, value] of batch) {
      if (value instanceof Tensor) this.join(name, value);
      else for (const item of value) this.join(name, item);
    }
  }

  /** Forgets all batches. */
  reset(): void {
    this.#batch = null;
    quietly(() => this.#states.reset());
  }

  /** Makes the states anew, with the shapes that they have by now. */
  protected renew(): void {
    this.#states.dispose();
  }

  /** Another metric with the same options and, from now on for itself, the same states. */
  clone(): this {
    const copy = new (this.constructor as new (options: object) => this)(this.#options);
    copy.loadStateDict(this.stateDict());
    copy.#states.updates = this.#states.updates;
    return copy;
  }

  /** Shares the states of another metric, which takes the batches for both. */
  shareStates(other: Metric<readonly unknown[] & never[], unknown>): void {
    this.#states.dispose();
    this.#states = (other as unknown as Metric).#states;
  }

  /**
   * Whether another metric remembers in the same states, as after {@link shareStates}.
   *
   * @internal
   */
  sharesStates(other: Metric): boolean {
    return this.#states === other.#states;
  }

  /** What the metric remembers, by name: the states themselves, and for lists all that was appended, joined. */
  override stateDict(): Map<string, Tensor> {
    const found = new Map<string, Tensor>();
    for (const name of this.#states.declared.keys()) {
      const value = this.#states.value(name);
      const one = value instanceof Tensor ? value : quietly(() => this.joined(name));
      if (one !== null) found.set(name, one);
    }
    return found;
  }

  /**
   * Goes on from what {@link stateDict} gave.
   *
   * @param state Values by name, on the device or on the host
   * @param options With `strict: false` names may be missing or unknown; default true
   * @returns The names that were missing (of lists none is, since an empty one is left out), and those that are unknown
   */
  override loadStateDict(
    state: ReadonlyMap<string, Tensor | HostTensor<DType>> | Readonly<Record<string, Tensor | HostTensor<DType>>>,
    { strict = true }: { strict?: boolean } = {},
  ): { missingKeys: string[]; unexpectedKeys: string[] } {
    const given = state instanceof Map ? state : new Map(Object.entries(state));
    const { declared } = this.#states;
    const missingKeys = [...declared].flatMap(([name, { initial }]) => initial && !given.has(name) ? [name] : []);
    const unexpectedKeys = [...given.keys()].filter((name) => !declared.has(name));
    if (strict && missingKeys.length + unexpectedKeys.length > 0) {
      throw new Error(
        `Cannot load the state of ${this.constructor.name}: names must match, missing are [${
          missingKeys.join(", ")
        }], ` +
          `unexpected are [${unexpectedKeys.join(", ")}]`,
      );
    }
    quietly(() => {
      this.#states.dispose();
      for (const [name, value] of given) {
        if (!declared.has(name)) continue;
        const own = copyOf(value instanceof Tensor ? value : tensor(value));
        const { initial } = declared.get(name)!;
        this.#states.values.set(name, initial === null ? [kept(own)] : new Buffer(own));
      }
    });
    this.#states.updates = 1;
    return { missingKeys, unexpectedKeys };
  }

  /** Frees the states; the metric can be used again. */
  protected override disposeOwn(): void {
    this.#states.dispose();
  }
}

/** Runs without gradients and without 16 bits, and frees what is made on the way. */
function quietly<T>(fn: () => T): T {
  return scope(() => noGrad(() => autocast(null, fn)));
}

/** A result that does not change with the states: where it is one of them, a copy. */
function own<T>(value: T): T {
  return value instanceof Buffer ? copyOf(value) as T & Tensor : value;
}

/** A handle of our own on a value, which outlives the scopes around it. */
function kept(value: Tensor): Tensor {
  return keep(value.detach());
}

/** A value of its own storage. */
function copyOf(value: Tensor): Tensor {
  return value.dtype === "bool" ? value.logicalNot().logicalNot() : mul(value, 1);
}

/**
 * The value of one batch, without a metric that is kept.
 *
 * @param metric A metric made for it
 * @param inputs The batch
 */
export function once<Inputs extends readonly unknown[], Value>(
  metric: Metric<Inputs, Value>,
  ...inputs: Inputs
): Value {
  try {
    metric.update(...inputs);
    return metric.compute();
  } finally {
    metric.dispose();
  }
}

import { show } from "../device/option_names.ts";
import type { LightningDataModule, Loader, Loaders, Stage } from "../data/mod.ts";
import { clone } from "../kernels/mod.ts";
import { Metric } from "../metrics/mod.ts";
import { sharesState } from "../nn/parameter.ts";
import type { Optimizer } from "../optim/mod.ts";
import { writeErr } from "../platform/mod.ts";
import { enableGrad, noGrad } from "../tensor/grad_mode.ts";
import { Tensor } from "../tensor/tensor.ts";
import { watching } from "../tensor/watcher.ts";
import { mustBeForemost, type Occupant } from "./_exclusive.ts";
import { lastly, then } from "./_then.ts";
import type { Callback } from "./callback.ts";
import { HookTable } from "./hooks.ts";
import type { ItemCounts } from "./item_counts.ts";
import { LightningModule, type ModuleHost } from "./lightning_module.ts";
import type { EvalLoadersFor, TrainLoadersFor } from "./loader_types.ts";
import { listLoaders, type NamedLoader, type Step } from "./loaders.ts";
import type { Loggable, LogOptions } from "./log.ts";
import type { OwnedStep, ResolvedSchedulerConfig } from "./optimizers.ts";
import { Pace } from "./pace.ts";
import type { Precision } from "./precision.ts";
import type { Profiler } from "./profiler/mod.ts";
import type { FitProgress } from "./progress.ts";
import type { Reporter } from "./reporter.ts";
import type { SaveQueue } from "./save_queue.ts";
import type { Trainer } from "./trainer.ts";

/** Loaders given to an entry point instead of a data module. */
// deno-lint-ignore no-explicit-any -- loaders of any batches are loaders to the loops
export interface GivenLoaders<Batch = any, Given = unknown> {
  /** Batches to train on. */
  train?: TrainLoadersFor<Batch, Given>;
  /** Batches to validate on. */
  val?: EvalLoadersFor<Batch, Given>;
  /** Batches to test on. */
  test?: EvalLoadersFor<Batch, Given>;
  /** Batches to predict. */
  predict?: EvalLoadersFor<Batch, Given>;
}

/**
 * Loaders given in place of a data module: a bare loader is the entry point's own kind.
 *
 * @throws {TypeError} If there is something else among them
 */
export function givenLoaders(stage: Stage, data: GivenLoaders | Loader | readonly Loader[]): GivenLoaders {
  if (data === null || typeof data !== "object") {
    throw new TypeError(`Cannot ${stage}: data must be a data module, a loader, or { train, val }, got ${show(data)}`);
  }
  if (Symbol.iterator in data || Symbol.asyncIterator in data) {
    return { [stage === "fit" ? "train" : stage === "validate" ? "val" : stage]: data as Loaders };
  }
  for (const key of Object.keys(data)) {
    if (!["train", "val", "test", "predict"].includes(key)) {
      const kind = stage === "test" || stage === "predict" ? stage : "val";
      throw new TypeError(
        `Cannot ${stage}: data must have train, val, test or predict, got ${key}; loaders with names stand in one of them, ` +
          `{ ${kind}: { ${key}: … } }`,
      );
    }
  }
  return data as GivenLoaders;
}

/** Kinds of loaders, by the name of their hooks. */
export type LoaderKind = keyof GivenLoaders;

/** Steps of a module. */
export type StepName = "trainingStep" | "validationStep" | "testStep" | "predictStep";

/** What an entry point works on. */
export interface RunParts {
  readonly trainer: Trainer;
  readonly module: LightningModule;
  readonly data: LightningDataModule | null;
  readonly given: GivenLoaders;
  readonly callbacks: readonly Callback[];
  readonly progress: FitProgress;
  readonly reporter: Reporter;
  readonly counts: ItemCounts;
  readonly saves: SaveQueue;
  readonly signal: AbortSignal | null;
  readonly occupant: Occupant;
}

/** What a wait gave that the user did not want to go on. */
export const stopped: unique symbol = Symbol("stopped");

/** One call of an entry point: the module, its data, its hooks, and whether it has to stop. The loops work on it. */
export class Run implements ModuleHost {
  readonly trainer: Trainer;
  readonly module: LightningModule;
  readonly data: LightningDataModule | null;
  readonly progress: FitProgress;
  readonly reporter: Reporter;
  readonly hooks: HookTable;
  readonly precision: Precision;
  readonly profiler: Profiler | null;
  readonly counts: ItemCounts;
  readonly saves: SaveQueue;
  readonly pace: Pace = new Pace();
  readonly given: GivenLoaders;
  readonly #silent: boolean;
  /** Metrics known to belong to the module. */
  readonly #owned = new Set<unknown>();
  readonly #loaders = new Set<Loader>();
  readonly #signal: AbortSignal | null;
  readonly #occupant: Occupant;
  readonly #warned = new Set<string>();
  /** The optimizers of fit. */
  optimizers: readonly Optimizer[] = [];
  /** What trains a batch in automatic optimization: one optimizer, or several with their steps. */
  ownedSteps: readonly OwnedStep[] = [];
  /** The schedulers of fit. */
  schedulers: readonly ResolvedSchedulerConfig[] = [];
  /** Batches of the running evaluation, by loader. */
  evalBatches: readonly number[] = [];
  /** The loaders of the running evaluation. */
  evalLoaders: readonly Loader[] = [];
  /** Predictions so far, by loader and batch. */
  predictions: readonly unknown[][] = [];
  /** Whether training batches are not differentiated. */
  skipBackward = false;
  /** The running batch's place. */
  step: Step | null = null;
  /** Whether the validation that runs is only a trial before training. */
  sanityChecking = false;
  /** Takes what is logged in place of the reporter, while a step is recorded. */
  collectLogs: Run["log"] | null = null;
  #interrupted = false;
  /** Ends the wait that is under way. */
  #stopWaiting: (() => void) | null = null;
  /** Set by a loop that ended early because it had to. */
  cutShort = false;
  /** Set by fit when training has come to its end: nobody can interrupt it any more. */
  complete = false;
  /** What has to be undone when the run ends. */
  readonly undo: (() => void)[] = [];

  /** @param parts What the entry point works on */
  constructor(
    { trainer, module, data, given, callbacks, progress, reporter, counts, saves, signal, occupant }: RunParts,
  ) {
    this.trainer = trainer;
    this.module = module;
    this.data = data;
    this.progress = progress;
    this.reporter = reporter;
    this.counts = counts;
    this.saves = saves;
    this.hooks = new HookTable(reporter, trainer, module, callbacks);
    this.precision = trainer.precision;
    this.profiler = trainer.profiler;
    this.#silent = trainer.options.barebones;
    this.given = given;
    if (signal !== null && typeof signal?.addEventListener !== "function") {
      throw new TypeError(`Cannot run: signal must be an AbortSignal, got ${show(signal)}`);
    }
    this.#signal = signal;
    this.#occupant = occupant;
  }

  /** Says what is probably a mistake, once a run. */
  warn(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    writeErr(`Warning: ${message}\n`);
  }

  /** Whether Ctrl-C was pressed. */
  get interrupted(): boolean {
    return this.#interrupted;
  }

  /** What Ctrl-C does. */
  interrupt(): void {
    this.#interrupted = true;
    this.#stopWaiting?.();
  }

  /** Whether the user wants the run to end now. */
  mustStop(): boolean {
    return this.#interrupted || (this.#signal?.aborted ?? false);
  }

  /**
   * Waits for something outside, such as a loader, but not longer than the user wants the run to go on: `stopped` then.
   */
  untilStopped<T>(something: T | Promise<T>): T | Promise<T | typeof stopped> {
    if (!(something instanceof Promise)) return something;
    return new Promise((resolve, reject) => {
      const stop = this.#stopWaiting = () => resolve(stopped);
      const done = () => {
        this.#stopWaiting = null;
        this.#signal?.removeEventListener("abort", stop);
      };
      this.#signal?.addEventListener("abort", stop);
      something.then(resolve, reject).finally(done);
    });
  }

  /** Takes a value that a module or a callback logs. */
  log(name: string, given: Loggable, options: LogOptions): void {
    if (this.#silent) return;
    const value = given instanceof Tensor ? asNow(given) : given;
    if (this.collectLogs !== null) return this.collectLogs(name, value, options);
    if (watching.by !== null) {
      throw new TypeError(
        `Cannot log ${name} in a captured function: a replay would not, return it and log it after the call`,
      );
    }
    if (value instanceof Metric) this.#checkOwned(name, value);
    this.reporter.log(name, value, options);
  }

  /** Backward with the hooks around it, which see the loss as it is differentiated: scaled in 16-bit floats. */
  backward(given: Tensor): void | Promise<void> {
    const { hooks, module } = this;
    const loss = this.precision.scale(given);
    const backward = () => this.inHook("backward", () => enableGrad(() => module.backward(loss)));
    return then(
      then(then(hooks.call("onBeforeBackward", loss), backward), () => hooks.call("onAfterBackward")),
      () => {},
    );
  }

  /** Gives the gradients of an optimizer's parameters their own size, where the loss was scaled. */
  unscale(optimizer: Optimizer): void {
    this.precision.unscale(optimizer);
  }

  /** Runs something of the module under a hook's name. */
  inHook<T>(name: string, fn: () => T): T {
    const before = this.reporter.enterHook(name);
    return lastly(
      () => this.timed(() => `[LightningModule]${this.module.constructor.name}.${name}`, fn),
      () => this.reporter.leaveHook(before),
    );
  }

  /** Runs something that a profiler, if there is one, is to know of. */
  timed<T>(action: string | (() => string), fn: () => T): T {
    if (this.profiler === null) return fn();
    return this.profiler.profile(typeof action === "string" ? action : action(), fn);
  }

  /**
   * What follows every batch: the loop must not run far ahead of the device, and no other run may take turns with it.
   */
  keepPace(): void | Promise<void> {
    mustBeForemost(this.#occupant);
    const wait = this.pace.step();
    const waited = wait === null ? undefined : this.timed("[Pace].waitForDevice", () => wait);
    return this.profiler?.step === undefined ? waited : then(waited, () => this.profiler!.step!());
  }

  /** The loaders of a kind: as given to the entry point, else from the data module, else from the module. */
  loaders(kind: LoaderKind): NamedLoader[] | Promise<NamedLoader[]> {
    const used = (loaders: Loaders) => {
      const given = listLoaders(loaders);
      // A prediction leaves out no sample.
      const list = kind !== "predict"
        ? given
        : given.map((it) => ({ ...it, loader: it.loader.whole?.() ?? it.loader }));
      for (const { loader } of list) this.#loaders.add(loader);
      return list;
    };
    if (this.given[kind] !== undefined) return used(this.given[kind]);
    const hook = `${kind}Dataloader` as const;
    const source = this.#sourceOf(hook);
    return source === null ? [] : then(this.inHook(hook, () => source[hook]!()), used);
  }

  /** Lets the loaders of this run let go of their threads. */
  async releaseLoaders(): Promise<void> {
    for (const loader of this.#loaders) await loader.release?.();
    this.#loaders.clear();
  }

  /** Whether loaders of a kind are to be had. */
  hasLoaders(kind: LoaderKind): boolean {
    return Boolean(this.given[kind]) || this.#sourceOf(`${kind}Dataloader`) !== null;
  }

  /**
   * A batch as the steps receive it: through the data module's transfer hooks, or the module's. Where only the house's
   * own hook has seen the host's arrays, their loader has the memory back.
   */
  transfer(batch: unknown, dataloaderIdx: number, loader: Loader): unknown {
    const { reporter } = this;
    const hand = (hook: "onBeforeBatchTransfer" | "transferBatchToDevice" | "onAfterBatchTransfer", batch: unknown) => {
      const source = this.#sourceOf(hook);
      return source === null
        ? batch
        : then(source[hook]!(batch, dataloaderIdx), (given) => given === undefined ? lost(hook, source) : given);
    };
    const before = reporter.enterHook("transferBatchToDevice");
    const whole = () => {
      const prepared = hand("onBeforeBatchTransfer", batch);
      const moved = then(prepared, (batch) => hand("transferBatchToDevice", batch));
      if (this.#ownTransfer) loader.recycle?.(batch);
      return then(then(moved, (batch) => this.precision.input(batch)), (batch) => hand("onAfterBatchTransfer", batch));
    };
    return lastly(() => this.timed("transferBatchToDevice", whole), () => reporter.leaveHook(before));
  }

  /** Whether no hook but `LightningModule`'s own, which copies, sees a batch while it is on the host. */
  get #ownTransfer(): boolean {
    return this.#sourceOf("onBeforeBatchTransfer") === null && !this.data?.transferBatchToDevice &&
      this.module.transferBatchToDevice === LightningModule.prototype.transferBatchToDevice;
  }

  /** Runs a step of the module in the run's precision. */
  runStep(name: StepName, ...args: unknown[]): unknown {
    const method: unknown = this.module[name], { constructor } = this.module;
    if (typeof method !== "function") {
      const got = method === undefined ? "does not define it" : `has ${show(method)} there, which is no method`;
      throw new TypeError(`Cannot run ${name}: ${constructor.name} ${got}`);
    }
    return this.inHook(name, () => this.precision.forward(() => method.apply(this.module, args)));
  }

  /** Runs the step that an optimizer owns, as {@link runStep} runs the module's. */
  runOwn(own: NonNullable<OwnedStep["own"]>, batch: unknown, batchIdx: number): unknown {
    return this.inHook("trainingStep", () => this.precision.forward(() => own(batch, batchIdx)));
  }

  /** A metric is saved with the module and found there again. */
  #checkOwned(name: string, metric: Metric): void {
    if (this.#owned.has(metric)) return;
    for (const part of this.module.modules()) if (part instanceof Metric) this.#owned.add(part);
    if (this.#owned.has(metric)) return;
    throw new Error(
      `Cannot log ${name}: the metric must be a property of ${this.module.constructor.name}, where checkpoints find it`,
    );
  }

  #sourceOf<H extends keyof LightningDataModule & keyof LightningModule>(
    hook: H,
  ): LightningDataModule | LightningModule | null {
    return this.data?.[hook] ? this.data : this.module[hook] ? this.module : null;
  }
}

function lost(hook: string, source: object): never {
  throw new TypeError(
    `Cannot go on with a batch: ${hook} of ${source.constructor.name} must return it, it gave nothing`,
  );
}

/** A value as it is now: of what the step may change a copy. Most that is logged has just been made, and costs none. */
function asNow(value: Tensor): Tensor {
  return sharesState(value) && !value.disposed ? noGrad(() => clone(value)) : value;
}

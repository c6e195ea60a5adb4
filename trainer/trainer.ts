import { init, type InitOptions } from "../device/mod.ts";
import { manualSeed, randomState, restoreRandomState } from "../kernels/mod.ts";
import type { Optimizer } from "../optim/mod.ts";
import { onInterrupt } from "../platform/mod.ts";
import { enableGrad } from "../tensor/grad_mode.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { LightningDataModule, type Loader, type Loaders, type Stage, type StateDict } from "../data/mod.ts";
import type { Callback } from "./callback.ts";
import {
  CHECKPOINT_VERSION,
  type CheckpointData,
  CheckpointError,
  readCheckpoint,
  writeCheckpoint,
} from "./checkpoint.ts";
import { currentDefaults } from "./defaults.ts";
import { type EvalPhase, evaluate, limitOptionOf } from "./eval_loop.ts";
import { FitLoop, type FitProgress, noProgress } from "./fit_loop.ts";
import type { LightningModule } from "./lightning_module.ts";
import { lengthOf, type Step } from "./loaders.ts";
import { type LogOptions, MetricStore, type NamedValue, readValues } from "./log.ts";
import type { Logger, LogPoint } from "./logger.ts";
import { type OptimizerSetup, type ResolvedSchedulerConfig, resolveOptimizers } from "./optimizers.ts";
import { resolveAmount, type ResolvedOptions, resolveOptions, type TrainerOptions } from "./options.ts";
import { precisionOf } from "./precision.ts";
import { type GivenLoaders, type LoaderKind, Run } from "./run.ts";
import { batchSizeOf } from "./transfer.ts";

/** Where a trainer is in its life. */
export type TrainerState = "ready" | "running" | "finished" | "interrupted" | "failed";

/** Data for an entry point: a data module, a loader, or loaders by kind. */
export type TrainerData<Batch> = LightningDataModule<Batch> | GivenLoaders | Loader | readonly Loader[];

/** How an entry point runs. */
export interface EntryOptions {
  /** A checkpoint's folder to start from, or `"best"` or `"last"` of this trainer's ModelCheckpoint. */
  ckptPath?: string | null;
  /** Ends the run when aborted: the step is finished, `teardown` runs, and the entry point returns. */
  signal?: AbortSignal;
  /** Which device to open, if none is open yet. */
  device?: InitOptions;
}

/** A callback that knows where its best and latest checkpoints lie. */
export interface CheckpointCallback extends Callback {
  readonly bestModelPath: string;
  readonly lastModelPath: string;
}

/**
 * Runs a {@link LightningModule}: training, validation, test and prediction, with callbacks, loggers and checkpoints.
 *
 * @example
 * ```ts
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * const trainer = new Trainer({ maxEpochs: 3, logger: false, enableProgressBar: false });
 * console.log(trainer.state); // "ready"
 * ```
 */
export class Trainer {
  readonly options: ResolvedOptions;
  readonly callbacks: readonly Callback[];
  readonly loggers: readonly Logger[];
  /** The optimizers of the running fit. */
  optimizers: readonly Optimizer[] = [];
  /** The schedulers of the running fit. */
  lrSchedulerConfigs: readonly ResolvedSchedulerConfig[] = [];
  /** Set it to end training after the running batch and its validation, once `minEpochs` and `minSteps` are reached. */
  shouldStop = false;
  /** Where the trainer is in its life. */
  state: TrainerState = "ready";
  /** Latest values under all names that callbacks may watch, as of the last end of an epoch or validation. */
  callbackMetrics: Record<string, number> = {};
  /** Latest values sent to loggers. */
  loggedMetrics: Record<string, number> = {};
  /** Latest values for the progress bar, as of the last row. */
  progressBarMetrics: Record<string, number> = {};
  #progress: FitProgress = noProgress();
  #run: Run | null = null;
  #loop: FitLoop | null = null;
  #stage: Stage | null = null;
  #store: { store: MetricStore; phase: string } = { store: new MetricStore(), phase: "" };
  #hook = "";
  #suffix = "";
  #batch: unknown = null;
  #step: Step | null = null;
  #started = 0;
  #rows: Promise<void> = Promise.resolve();
  #rowFailure: unknown = null;
  /** What ends with the entry point. */
  readonly #cleanUp: (() => void)[] = [];
  /** Evaluation batches so far, by phase and loader. */
  readonly #evalBatches = new Map<string, number>();
  /** Optimizers that stepped in the batch of this number. */
  readonly #stepped = new Set<Optimizer>();
  #steppedIn = -1;

  /**
   * @param options What to do and how; every option has a default
   * @throws {TypeError} Naming each option that is wrong, what it got, and what is allowed
   */
  constructor(options: TrainerOptions = {}) {
    let resolved = resolveOptions(options);
    if (resolved.fastDevRun !== false && resolved.fastDevRun !== 0) {
      const n = resolved.fastDevRun === true ? 1 : resolved.fastDevRun;
      resolved = {
        ...resolved,
        maxEpochs: 1,
        maxSteps: n,
        limitTrainBatches: n,
        limitValBatches: n,
        limitTestBatches: n,
        limitPredictBatches: n,
        valCheckInterval: { fraction: 1 },
        numSanityValSteps: 0,
        enableCheckpointing: false,
        logger: false,
      };
    }
    this.options = resolved;
    const given = Array.isArray(resolved.callbacks) ? resolved.callbacks : [resolved.callbacks];
    if (
      !resolved.enableCheckpointing && resolved.fastDevRun === false && given.some((callback) => callback.checkpointing)
    ) {
      throw new TypeError(
        "Cannot make a Trainer: enableCheckpointing is false, but the callbacks contain a ModelCheckpoint",
      );
    }
    this.loggers = resolved.logger === false
      ? []
      : resolved.logger === true
      ? currentDefaults().loggers(resolved)
      : Array.isArray(resolved.logger)
      ? resolved.logger
      : [resolved.logger];
    const active = resolved.fastDevRun === false ? given : given.filter((callback) => !callback.checkpointing);
    const all = [...active, ...currentDefaults().callbacks(resolved, active)];
    this.callbacks = [...all.filter((c) => !c.checkpointing), ...all.filter((c) => c.checkpointing)];
    checkStateKeys(this.callbacks);
  }

  /** Optimizer steps so far; with several optimizers one a batch. */
  get globalStep(): number {
    return this.#progress.globalStep;
  }

  /** Batches trained so far. */
  get batchesSeen(): number {
    return this.#progress.batchesSeen;
  }

  /** Epochs finished so far. */
  get currentEpoch(): number {
    return this.#progress.epoch;
  }

  /** Batches of a training epoch, `Infinity` if unknown; 0 before fit. */
  get numTrainingBatches(): number {
    return this.#loop?.trainBatches ?? 0;
  }

  /**
   * Optimizer steps that this fit will make, for schedules over all of training; `Infinity` without end.
   *
   * @throws {Error} Outside of fit, and where the training loader has to be awaited: see {@link loadTrainingData}
   */
  get estimatedSteppingBatches(): number {
    if (this.#loop === null) throw new Error("Cannot estimate the steps of training: fit is not running");
    return this.#loop.estimatedSteps();
  }

  /** Asks for the training loader now, so that {@link estimatedSteppingBatches} is known in `configureOptimizers`. */
  async loadTrainingData(): Promise<void> {
    await this.#loop?.loadTrain();
  }

  /** Batches of the running validation, by loader. */
  get numValBatches(): readonly number[] {
    return this.#loop?.valBatches ?? [];
  }

  /** Epochs after which fit ends, `Infinity` without end. */
  get maxEpochs(): number {
    return this.#loop?.maxEpochs ?? this.options.maxEpochs ?? Infinity;
  }

  /** Whether a validation comes right after the running training batch. */
  get validationFollows(): boolean {
    return this.#loop?.validationFollows ?? false;
  }

  /** The entry point that runs, or `null`. */
  get stage(): Stage | null {
    return this.#stage;
  }

  /** Whether the validation that runs is a trial before training. */
  get sanityChecking(): boolean {
    return this.#run?.sanityChecking ?? false;
  }

  /** Whether a validation runs, inside fit or by itself. */
  get validating(): boolean {
    return this.#store.phase === "validate";
  }

  /** Whether the running batch is the last of its epoch. */
  get isLastBatch(): boolean {
    return this.#step?.last ?? false;
  }

  /** Number of the running batch in its epoch or evaluation. */
  get batchIdx(): number {
    return this.#step?.index ?? 0;
  }

  /** The first logger, or `null`. */
  get logger(): Logger | null {
    return this.loggers[0] ?? null;
  }

  /** The first callback that writes checkpoints, or `null`. */
  get checkpointCallback(): CheckpointCallback | null {
    return (this.callbacks.find((callback) => callback.checkpointing) ?? null) as CheckpointCallback | null;
  }

  /** Whether validation runs at other moments than once at the end of every epoch. */
  get validatesWithinEpochs(): boolean {
    const { valCheckInterval, checkValEveryNEpoch } = this.options;
    const whole = typeof valCheckInterval === "object" && valCheckInterval.fraction === 1;
    return !whole || checkValEveryNEpoch !== 1;
  }

  /** Whether the running fit validates at all. */
  get hasValidation(): boolean {
    return this.numValBatches.some((batches) => batches > 0);
  }

  /** The folder for files of this run: the first logger's, or the root. */
  get logDir(): string {
    return this.loggers.find((logger) => logger.logDir !== null)?.logDir ?? this.options.defaultRootDir;
  }

  /**
   * Trains the module, with validation between.
   *
   * @param module The model
   * @param data A data module, a training loader, or `{ train, val }`; default: the module's own loaders
   * @param options A checkpoint to go on from, a signal to stop
   * @throws Whatever a hook or a step throws, after `onException` and `teardown` have run
   */
  async fit<Batch>(
    module: LightningModule<Batch>,
    data?: TrainerData<Batch>,
    options: EntryOptions = {},
  ): Promise<void> {
    await this.#enter("fit", module, data, options, async (run) => {
      this.shouldStop = false;
      this.#progress = { ...this.#progress, epochEnding: false };
      const checkpoint = options.ckptPath ? await readCheckpoint(this.#checkpointPath(options.ckptPath)) : null;
      if (checkpoint !== null && checkpoint.training === null) {
        throw new CheckpointError(`Cannot resume from ${options.ckptPath}: it holds weights only`);
      }
      if (checkpoint !== null) await this.#restoreModule(run, checkpoint);
      const loop = this.#loop = new FitLoop(run, this.options, this.#progress);
      this.#configure(resolveOptimizers(await this.#configuredOptimizers(run)), module);
      await run.hooks.call("onFitStart");
      if (checkpoint !== null) await this.#restoreTraining(run, loop, checkpoint);
      module.zeroGrad();
      await loop.go();
      await this.flushRows();
      await run.hooks.call("onFitEnd");
    });
  }

  /** Runs validation and returns its metrics, one record for each loader. */
  async validate<Batch>(
    module: LightningModule<Batch>,
    data?: TrainerData<Batch>,
    options: EntryOptions = {},
  ): Promise<Record<string, number>[]> {
    return (await this.#evaluate("validate", module, data, options)).metrics;
  }

  /** Runs the test loaders and returns the metrics, one record for each loader. */
  async test<Batch>(
    module: LightningModule<Batch>,
    data?: TrainerData<Batch>,
    options: EntryOptions = {},
  ): Promise<Record<string, number>[]> {
    return (await this.#evaluate("test", module, data, options)).metrics;
  }

  /** Runs the prediction loaders and returns what `predictStep` gave: by batch, or by loader and batch for several. */
  async predict<Batch>(
    module: LightningModule<Batch>,
    data?: TrainerData<Batch>,
    options: EntryOptions = {},
  ): Promise<unknown[]> {
    const { predictions } = await this.#evaluate("predict", module, data, options);
    return predictions.length === 1 ? predictions[0] : predictions;
  }

  /**
   * Saves the state of training (or the weights alone) as a checkpoint folder, all or nothing.
   *
   * @param path The folder
   * @param options Whether only the weights are kept
   */
  async saveCheckpoint(path: string, options: { weightsOnly?: boolean } = {}): Promise<void> {
    const run = this.#run;
    if (run === null) throw new Error("Cannot save a checkpoint: the trainer has no module, call fit first");
    const data: CheckpointData = {
      version: CHECKPOINT_VERSION,
      stateDict: new Map(run.module.stateDict()),
      training: options.weightsOnly ? null : this.#trainingState(run),
      extra: {},
    };
    await run.hooks.call("onSaveCheckpoint", data);
    await writeCheckpoint(path, data);
    for (const logger of this.loggers) await logger.afterSaveCheckpoint?.(path);
  }

  // ---- what the loops and the module call ----------------------------------------------------------------------------

  /** Notes which hook runs, so that `log` knows what a value means there. Returns the one before. */
  enterHook(name: string): string {
    const before = this.#hook;
    this.#hook = name;
    return before;
  }

  /** Back to the hook before. */
  leaveHook(before: string): void {
    this.#hook = before;
  }

  /** Runs something under a hook's name. */
  async inHook(name: string, fn: () => unknown): Promise<void> {
    const before = this.enterHook(name);
    try {
      await fn();
    } finally {
      this.leaveHook(before);
    }
  }

  /** Notes the running batch. */
  enterBatch(batch: unknown, suffix: string, step: Step): void {
    this.#batch = batch;
    this.#suffix = suffix;
    this.#step = step;
  }

  /** Back to the batch that ran before an evaluation, or to none. */
  leaveBatch(outer: Step | null): void {
    this.#batch = null;
    this.#suffix = "";
    this.#step = outer;
  }

  /** The running batch's place, or `null`. */
  get step(): Step | null {
    return this.#step;
  }

  /** Has values logged into a store. Returns the one before. */
  useStore(store: MetricStore, phase: string): { store: MetricStore; phase: string } {
    const before = this.#store;
    this.#store = { store, phase };
    return before;
  }

  /** Takes a value that a module or a callback logs. */
  logFromHook(name: string, value: Tensor | number, options: LogOptions): void {
    const suffix = options.addDataloaderIdx === false ? "" : this.#suffix;
    const batchSize = options.batchSize ?? (this.#batch === null ? 1 : batchSizeOf(this.#batch));
    this.#store.store.log(name, value, options, this.#hook, suffix, batchSize);
  }

  /** Backward with the hooks around it. */
  async runBackward(loss: Tensor): Promise<void> {
    const run = this.#run!;
    await run.hooks.call("onBeforeBackward", loss);
    await this.inHook("backward", () => enableGrad(() => run.module.backward(loss)));
    await run.hooks.call("onAfterBackward");
  }

  /** Reads what was logged in the running loop, so that callbacks can look at numbers. */
  async refreshMetrics(): Promise<void> {
    this.publishMetrics(await readValues(() => this.#store.store.callbackValues()));
  }

  /** Makes numbers visible to callbacks. */
  publishMetrics(metrics: Record<string, number>): void {
    Object.assign(this.callbackMetrics, metrics);
  }

  /** Has a row of step metrics written when one is due; the values are read in the background. */
  writeStepRow(): void {
    const every = this.options.logEveryNSteps;
    if (every === 0 || this.#progress.steppedBatches % every !== 0) return;
    this.#writeInBackground(this.#store.store.stepValues(), this.#point(), true);
  }

  /** Has a row of one evaluation batch written; its step counts the batches of that loader over the whole run. */
  writeEvalRow(phase: EvalPhase, dataloaderIdx: number, values: readonly NamedValue[]): void {
    const key = `${phase} ${dataloaderIdx}`;
    const step = this.#evalBatches.get(key) ?? 0;
    this.#evalBatches.set(key, step + 1);
    if (values.length > 0) this.#writeInBackground(values, { ...this.#point(), step }, false);
  }

  /** Writes the row of an epoch's end. */
  async writeEpochRow(): Promise<void> {
    const values = this.#store.store;
    const rows = await readValues(() => values.epochValues().filter((value) => value.logger));
    const shown = await readValues(() => values.epochValues().filter((value) => value.progBar));
    await this.writeRow(rows, shown);
  }

  /** Writes a row of numbers, after those that are still being read. */
  async writeRow(row: Record<string, number>, shown: Record<string, number>): Promise<void> {
    await this.flushRows();
    await this.#send(row, shown, this.#point());
  }

  /** Waits until all rows are written. Throws what a logger threw. */
  async flushRows(): Promise<void> {
    await this.#rows;
    const failure = this.#rowFailure;
    this.#rowFailure = null;
    if (failure !== null) throw failure;
  }

  /** The state of the random numbers. */
  randomState(): unknown {
    return randomState();
  }

  /** Puts the random numbers back. */
  restoreRandomState(state: unknown): void {
    restoreRandomState(state as Parameters<typeof restoreRandomState>[0]);
  }

  // ---- inside ----------------------------------------------------------------------------------------------------------

  /** What all entry points have in common: set-up, errors, interruption, teardown. */
  async #enter<Batch>(
    stage: Stage,
    module: LightningModule<Batch>,
    data: TrainerData<Batch> | undefined,
    options: EntryOptions,
    body: (run: Run) => Promise<void>,
  ): Promise<void> {
    if (this.#stage !== null) throw new Error(`Cannot ${stage}: the trainer is busy with ${this.#stage}`);
    await init(options.device);
    const dataModule = data instanceof LightningDataModule ? data : null;
    const given = data === undefined || dataModule !== null
      ? {}
      : givenLoaders(stage, data as Exclude<typeof data, LightningDataModule>);
    const run = new Run(
      this,
      module,
      dataModule,
      given,
      this.callbacks,
      precisionOf(this.options.precision),
      options.signal ?? null,
    );
    this.#run = run;
    this.#stage = stage;
    this.state = "running";
    this.#started = performance.now();
    module.trainer = this;
    if (dataModule !== null) dataModule.trainer = this;
    const stopListening = onInterrupt(() => void (run.interrupted = true));
    let failed = false;
    try {
      if (stage === "fit") { for (const logger of this.loggers) await logger.open?.(); }
      await dataModule?.prepareData?.();
      await module.prepareData?.();
      await dataModule?.setup?.(stage);
      await run.hooks.call("setup", stage);
      await module.configureModel?.();
      await body(run);
      await this.flushRows();
    } catch (error) {
      failed = true;
      this.state = "failed";
      await this.#rows;
      await run.hooks.callbacks("onException", error);
      await dataModule?.onException?.(error);
      throw error;
    } finally {
      stopListening();
      for (const undo of this.#cleanUp.splice(0)) undo();
      try {
        if (!failed || !this.options.lightningCompat) {
          await dataModule?.teardown?.(stage);
          await run.hooks.call("teardown", stage);
        }
      } finally {
        const status = failed ? "failed" : run.mustStop() ? "interrupted" : "success";
        if (!failed) this.state = run.mustStop() ? "interrupted" : "finished";
        for (const logger of this.loggers) await logger.finalize?.(status);
        this.#stage = null;
        this.#hook = "";
      }
    }
  }

  async #evaluate<Batch>(
    phase: EvalPhase,
    module: LightningModule<Batch>,
    data: TrainerData<Batch> | undefined,
    options: EntryOptions,
  ): ReturnType<typeof evaluate> {
    let result: Awaited<ReturnType<typeof evaluate>> = { metrics: [], predictions: [] };
    await this.#enter(phase, module, data, options, async (run) => {
      if (options.ckptPath) {
        await this.#restoreModule(run, await readCheckpoint(this.#checkpointPath(options.ckptPath)));
      }
      const kind: LoaderKind = phase === "validate" ? "val" : phase;
      const loaders = await run.loaders(kind);
      if (loaders.length === 0) {
        throw new Error(
          `Cannot ${phase}: there is no data, give a data module, { ${kind}: loader }, or define ${kind}Dataloader`,
        );
      }
      const option = limitOptionOf(phase);
      const limits = loaders.map(({ loader }) => resolveAmount(option, this.options[option], lengthOf(loader)));
      result = await evaluate(run, phase, loaders, limits);
    });
    return result;
  }

  async #configuredOptimizers(run: Run): Promise<Parameters<typeof resolveOptimizers>[0]> {
    const { module } = run;
    if (module.trainingStep === undefined) {
      throw new TypeError(`Cannot fit ${module.constructor.name}: it does not define trainingStep`);
    }
    if (module.configureOptimizers === undefined) {
      throw new TypeError(`Cannot fit ${module.constructor.name}: it does not define configureOptimizers`);
    }
    return await module.configureOptimizers();
  }

  #configure({ optimizers, schedulers }: OptimizerSetup, module: LightningModule): void {
    if (module.automaticOptimization && optimizers.length > 1) {
      throw new RangeError(
        `Cannot fit ${module.constructor.name}: automatic optimization takes one optimizer, got ${optimizers.length}; set ` +
          "automaticOptimization to false and step them in trainingStep",
      );
    }
    if (!module.automaticOptimization && this.options.gradientClipVal !== null) {
      throw new RangeError("Cannot use gradientClipVal with manual optimization: call clipGradients in trainingStep");
    }
    this.optimizers = optimizers;
    this.lrSchedulerConfigs = schedulers;
    if (module.automaticOptimization) return;
    for (const optimizer of optimizers) {
      this.#cleanUp.push(optimizer.registerStepPreHook(() => this.#announceStep(optimizer)));
      this.#cleanUp.push(optimizer.registerStepPostHook(() => this.#countStep(optimizer)));
    }
  }

  /** In manual optimization: the hooks before a step, which nobody can wait for. */
  #announceStep(optimizer: Optimizer): void {
    const { hooks } = this.#run!;
    for (
      const results of [
        hooks.callbacks("onBeforeOptimizerStep", optimizer),
        hooks.module("onBeforeOptimizerStep", optimizer),
      ]
    ) {
      if (results instanceof Promise) {
        throw new TypeError(
          "Cannot step an optimizer by hand: onBeforeOptimizerStep must be synchronous then, it gave a promise",
        );
      }
    }
  }

  /**
   * In manual optimization: counts one step a batch however many optimizers step in it (deviation D6), and each further
   * step of the same optimizer; with `lightningCompat` every step counts.
   */
  #countStep(optimizer: Optimizer): void {
    if (this.#steppedIn !== this.#progress.batchesSeen) {
      this.#steppedIn = this.#progress.batchesSeen;
      this.#stepped.clear();
    }
    if (this.options.lightningCompat || this.#stepped.size === 0 || this.#stepped.has(optimizer)) {
      this.#progress.globalStep++;
    }
    this.#stepped.add(optimizer);
  }

  #checkpointPath(wanted: string): string {
    if (wanted !== "best" && wanted !== "last") return wanted;
    const callback = this.checkpointCallback;
    const path = wanted === "best" ? callback?.bestModelPath : callback?.lastModelPath || callback?.bestModelPath;
    if (!path) throw new Error(`Cannot load the ${wanted} checkpoint: this trainer has saved none`);
    return path;
  }

  async #restoreModule(run: Run, checkpoint: CheckpointData): Promise<void> {
    await run.hooks.module("onLoadCheckpoint", checkpoint);
    run.module.loadStateDict(checkpoint.stateDict, { strict: run.module.strictLoading });
    if (checkpoint.training === null) return;
    const { callbacks, dataModule } = checkpoint.training as {
      callbacks: Record<string, StateDict>;
      dataModule: StateDict | null;
    };
    if (dataModule !== null) await run.data?.loadStateDict?.(dataModule);
    await run.hooks.callbacks("onLoadCheckpoint", checkpoint);
    for (const callback of this.callbacks) {
      const state = callbacks[callback.stateKey];
      if (state !== undefined) await callback.loadStateDict?.(state);
    }
  }

  async #restoreTraining(run: Run, loop: FitLoop, checkpoint: CheckpointData): Promise<void> {
    const state = checkpoint.training as unknown as TrainingState;
    if (
      state.optimizers.length !== this.optimizers.length || state.lrSchedulers.length !== this.lrSchedulerConfigs.length
    ) {
      throw new CheckpointError(
        `Cannot resume ${run.module.constructor.name}: it has ${this.optimizers.length} optimizers and ` +
          `${this.lrSchedulerConfigs.length} schedulers, the checkpoint ${state.optimizers.length} and ${state.lrSchedulers.length}`,
      );
    }
    for (const [i, optimizer] of this.optimizers.entries()) optimizer.loadStateDict(state.optimizers[i] as never);
    for (const [i, { scheduler }] of this.lrSchedulerConfigs.entries()) {
      scheduler.loadStateDict(state.lrSchedulers[i] as never);
    }
    Object.assign(this.#progress, state.progress);
    loop.resumeLoader(state.progress.epochEnding ? null : state.loader);
    this.callbackMetrics = { ...state.callbackMetrics };
    this.restoreRandomState(state.random);
  }

  #trainingState(run: Run): Record<string, unknown> {
    const callbacks: Record<string, StateDict> = {};
    for (const callback of this.callbacks) {
      const state = callback.stateDict?.();
      if (state !== undefined) callbacks[callback.stateKey] = state;
    }
    const state: TrainingState = {
      progress: { ...this.#progress },
      optimizers: this.optimizers.map((optimizer) => optimizer.stateDict()),
      lrSchedulers: this.lrSchedulerConfigs.map(({ scheduler }) => scheduler.stateDict()),
      loader: this.#loop?.loaderState() ?? null,
      callbackMetrics: { ...this.callbackMetrics },
      random: this.randomState(),
      callbacks,
      dataModule: run.data?.stateDict?.() ?? null,
      precision: this.options.precision,
    };
    return state as unknown as Record<string, unknown>;
  }

  #point(): LogPoint {
    return {
      step: this.#loop?.rowStep ?? 0,
      batch: this.#progress.batchesSeen,
      epoch: this.#progress.epoch,
      seconds: (performance.now() - this.#started) / 1000,
    };
  }

  #writeInBackground(values: readonly NamedValue[], at: LogPoint, publish: boolean): void {
    const row = readValues(() => values);
    const before = this.#rows;
    this.#rows = (async () => {
      await before;
      try {
        const numbers = await row;
        const pick = (flag: "logger" | "progBar") =>
          Object.fromEntries(values.filter((value) => value[flag]).map(({ name }) => [name, numbers[name]]));
        if (publish) this.publishMetrics(numbers);
        await this.#send(pick("logger"), pick("progBar"), at);
      } catch (error) {
        this.#rowFailure ??= error;
      }
    })();
  }

  async #send(row: Record<string, number>, shown: Record<string, number>, at: LogPoint): Promise<void> {
    Object.assign(this.progressBarMetrics, shown);
    if (Object.keys(row).length === 0) return;
    Object.assign(this.loggedMetrics, row);
    for (const logger of this.loggers) await logger.logMetrics(row, at);
  }
}

interface TrainingState {
  progress: FitProgress;
  optimizers: unknown[];
  lrSchedulers: unknown[];
  loader: object | null;
  callbackMetrics: Record<string, number>;
  random: unknown;
  callbacks: Record<string, StateDict>;
  dataModule: StateDict | null;
  precision: string;
}

/** Loaders given in place of a data module: a bare loader is the entry point's own kind. */
function givenLoaders(stage: Stage, data: GivenLoaders | Loader | readonly Loader[]): GivenLoaders {
  const iterable = Symbol.iterator in data || Symbol.asyncIterator in data;
  if (!iterable) {
    for (const key of Object.keys(data)) {
      if (!["train", "val", "test", "predict"].includes(key)) {
        throw new TypeError(`Cannot ${stage}: data may have train, val, test and predict, got ${key}`);
      }
    }
    return data as GivenLoaders;
  }
  return { [stage === "fit" ? "train" : stage === "validate" ? "val" : stage]: data as Loaders };
}

function checkStateKeys(callbacks: readonly Callback[]): void {
  const seen = new Set<string>();
  for (const callback of callbacks) {
    if (callback.stateDict === undefined) continue;
    if (seen.has(callback.stateKey)) {
      throw new TypeError(
        `Cannot make a Trainer: two stateful callbacks have the key ${callback.stateKey}, give them different monitors`,
      );
    }
    seen.add(callback.stateKey);
  }
}

/** Seeds every random number of a run: weights, shuffles, dropout. */
export function seedEverything(seed: number): void {
  manualSeed(seed);
}

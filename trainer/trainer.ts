import { type DataModuleTrainer, LightningDataModule, type Loader, type Stage } from "../data/mod.ts";
import { device, init, type InitOptions } from "../device/mod.ts";
import { checkNames, show } from "../device/option_names.ts";
import { manualSeed } from "../tensor/mod.ts";
import type { Optimizer } from "../optim/mod.ts";
import { resolveAmount } from "./amounts.ts";
import { alone } from "./_exclusive.ts";
import { useMeasuredTiles } from "./benchmark.ts";
import type { Callback } from "./callback.ts";
import { CheckpointError, newestOf, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { callbacksOf, loggersOf, withModules } from "./defaults.ts";
import { enter } from "./entry.ts";
import { watching } from "../tensor/watcher.ts";
import { type EvalPhase, type EvalResult, evaluate, namesOf } from "./eval_loop.ts";
import { FitLoop } from "./fit_loop.ts";
import { LightningModule, type ModuleHost } from "./lightning_module.ts";
import { lengthOf } from "./loaders.ts";
import { logHyperparameters } from "./hyperparameters.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Logger, MediaPoint, Table } from "./logger.ts";
import { configureOptimizers, type ResolvedSchedulerConfig } from "./optimizers.ts";
import { type ResolvedOptions, resolveOptions, type TrainerOptions } from "./options.ts";
import { Precision } from "./precision.ts";
import { type Profiler, profilerOf } from "./profiler/mod.ts";
import { type FitProgress, noProgress } from "./progress.ts";
import { Reporter } from "./reporter.ts";
import { type GivenLoaders, givenLoaders, Run } from "./run.ts";
import { SaveQueue } from "./save_queue.ts";
import { captureState, restoreModule, restoreTraining } from "./training_state.ts";
import { validatesOncePerEpoch } from "./validation.ts";

/** Where a trainer is in its life. */
export type TrainerState = "ready" | "running" | "finished" | "interrupted" | "failed";

/** Keeps a data module of other batches from passing for a loader, all of whose members are optional. */
export interface NoDataModule {
  /** Data modules have this. */
  readonly prepareData?: never;
}

/** Data for an entry point: a data module, a loader, or loaders by kind. */
export type TrainerData<Batch> =
  | LightningDataModule<Batch>
  | (GivenLoaders & NoDataModule)
  | (Loader & NoDataModule)
  | readonly Loader[]
  | null;

/** How an entry point runs. */
export interface EntryOptions {
  /** A checkpoint's folder to start from, or `"best"` or `"last"` of this trainer's ModelCheckpoint. */
  ckptPath?: string | null;
  /** Ends the run when aborted: the batch is finished, `teardown` runs, and the entry point returns. */
  signal?: AbortSignal;
  /** Which device to open, if none is open yet. */
  device?: InitOptions;
}

/** How a prediction runs. */
export interface PredictOptions extends EntryOptions {
  /** Keep what `predictStep` gives and return it; default true. */
  returnPredictions?: boolean;
}

/** A callback that knows where its best and latest checkpoints lie. */
export interface CheckpointCallback extends Callback {
  /** The best checkpoint's folder, `""` before the first. */
  readonly bestModelPath: string;
  /** The latest state's folder, `""` before the first or where none is kept. */
  readonly lastModelPath: string;
  /** Looks for the latest state that an earlier process has left where this callback writes; `null` if there is none. */
  findLast?(trainer: Trainer): Promise<string | null>;
}

/** Marks a trainer as interrupted that tried something before its own training. */
export let interruptedInTrial: (trainer: Trainer) => void;

/**
 * Runs a {@link LightningModule}: training, validation, test and prediction, with callbacks, loggers and checkpoints.
 *
 * Ctrl-C, or the `signal` of an entry point, ends a run in good order: the batch is finished, `teardown` runs, and
 * {@link state} is `"interrupted"`.
 *
 * @example
 * ```ts
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * const trainer = new Trainer({ maxEpochs: 3, logger: false, enableProgressBar: false });
 * console.log(trainer.state); // "ready"
 * ```
 */
export class Trainer implements DataModuleTrainer {
  /** All options, with their defaults. */
  readonly options: ResolvedOptions;
  /** The loggers. */
  readonly loggers: readonly Logger[];
  /** How the arithmetic is done. */
  readonly precision: Precision;
  /** What measures the parts of a run, or `null`. */
  readonly profiler: Profiler | null;
  /** Set it to end training after the running batch and its validation, once `minEpochs` and `minSteps` are reached. */
  shouldStop: boolean = false;
  readonly #ownCallbacks: readonly Callback[];
  #callbacks: readonly Callback[];
  #state: TrainerState = "ready";
  #stage: Stage | null = null;
  #run: Run | null = null;
  #loop: FitLoop | null = null;
  #ckptPath: string | null = null;
  #fitted: Fitted | null = null;
  #maxEpochs: number;
  #accumulateGradBatches: number;
  readonly #progress: FitProgress = noProgress();
  readonly #reporter: Reporter;
  readonly #saves: SaveQueue = new SaveQueue();

  static {
    interruptedInTrial = (trainer) => {
      if (trainer.#stage === null) trainer.#state = "interrupted";
    };
  }

  /**
   * Makes a trainer; nothing runs yet.
   *
   * @param options What to do and how; every option has a default
   * @throws {TypeError} Naming each option that is wrong, what it got, and what is allowed
   */
  constructor(options: TrainerOptions = {}) {
    this.options = resolveOptions(options);
    this.precision = new Precision(this.options.precision);
    this.profiler = profilerOf(this.options.profiler);
    this.#ownCallbacks = this.#callbacks = callbacksOf(this.options);
    this.loggers = loggersOf(this.options);
    const { maxEpochs, maxSteps, accumulateGradBatches } = this.options;
    const ends = maxSteps >= 0 || this.callbacks.some((callback) => callback.endsTraining);
    this.#maxEpochs = maxEpochs === null ? ends ? Infinity : 1000 : maxEpochs < 0 ? Infinity : maxEpochs;
    this.#accumulateGradBatches = accumulateGradBatches;
    this.#reporter = new Reporter(this.loggers, this.options.logEveryNSteps, this.#progress);
  }

  /**
   * The callbacks in the order of their calls, with those that the module of the latest run configured: the ones that write
   * checkpoints come last.
   */
  get callbacks(): readonly Callback[] {
    return this.#callbacks;
  }

  /** Where the trainer is in its life. */
  get state(): TrainerState {
    return this.#state;
  }

  /**
   * Milliseconds of the first training step of the latest `fit`, until the device had done it: kernels are compiled in it.
   * `null` before that.
   */
  get firstStepMs(): number | null {
    return this.#loop?.firstStepMs ?? null;
  }

  /** The entry point that runs, or `null`. */
  get stage(): Stage | null {
    return this.#stage;
  }

  /** Whether Ctrl-C or a signal ends the run after the present batch. */
  get interrupted(): boolean {
    return this.#run?.mustStop() ?? false;
  }

  /** Optimizer steps so far; with several optimizers one a batch. */
  get globalStep(): number {
    watching.by?.depends(this, "globalStep", () => this.#progress.globalStep);
    return this.#progress.globalStep;
  }

  /** Batches trained so far. */
  get batchesSeen(): number {
    watching.by?.depends(this, "batchesSeen", () => this.#progress.batchesSeen);
    return this.#progress.batchesSeen;
  }

  /** Epochs finished so far. */
  get currentEpoch(): number {
    watching.by?.depends(this, "currentEpoch", () => this.#progress.epoch);
    return this.#progress.epoch;
  }

  /** Number of the running batch in its epoch or evaluation. */
  get batchIdx(): number {
    watching.by?.depends(this, "batchIdx", () => this.#run?.step?.index ?? 0);
    return this.#run?.step?.index ?? 0;
  }

  /** Batches of the running epoch that are done. */
  get batchInEpoch(): number {
    return this.#progress.batchInEpoch;
  }

  /** Whether the running batch is the last of its epoch. */
  get isLastBatch(): boolean {
    return this.#run?.step?.last ?? false;
  }

  /** Epochs after which fit ends, `Infinity` without end. Raise it to go on with another fit. */
  get maxEpochs(): number {
    return this.#maxEpochs;
  }

  /** Sets the epochs after which fit ends. */
  set maxEpochs(epochs: number) {
    if (epochs !== Infinity && !(Number.isInteger(epochs) && epochs >= 0)) {
      throw new RangeError(`Cannot set maxEpochs: it must be a whole number from 0 on or Infinity, got ${epochs}`);
    }
    this.#maxEpochs = epochs;
  }

  /** Batches whose gradients are averaged for one optimizer step; a callback may change it between epochs. */
  get accumulateGradBatches(): number {
    return this.#accumulateGradBatches;
  }

  /** Sets the batches of the windows to come. */
  set accumulateGradBatches(batches: number) {
    if (!Number.isInteger(batches) || batches < 1) {
      throw new RangeError(`Cannot set accumulateGradBatches: it must be a whole number from 1 on, got ${batches}`);
    }
    this.#accumulateGradBatches = batches;
  }

  /** Batches of a training epoch, `Infinity` if unknown; 0 before fit. */
  get numTrainingBatches(): number {
    return this.#loop?.trainBatches ?? 0;
  }

  /** Batches of a validation in fit, by loader. */
  get numValBatches(): readonly number[] {
    return this.#loop?.valBatches ?? [];
  }

  /** Batches of the latest evaluation (validation, test or prediction), by loader; `Infinity` where unknown. */
  get numEvalBatches(): readonly number[] {
    return this.#run?.evalBatches ?? [];
  }

  /**
   * Optimizer steps that this fit will make, for schedules over all of training; `Infinity` without end.
   *
   * @throws {Error} Outside of fit, and where the training loader has to be awaited: see {@link loadTrainingData}
   */
  get estimatedSteppingBatches(): number {
    if (this.#loop === null) throw new Error("Cannot count the steps of training: fit is not running");
    return this.#loop.estimatedSteps();
  }

  /** Asks for the training loader now, so that {@link estimatedSteppingBatches} is known in `configureOptimizers`. */
  async loadTrainingData(): Promise<void> {
    await this.#loop?.loadTrain();
  }

  /** The optimizers of the latest fit. */
  get optimizers(): readonly Optimizer[] {
    return this.#run?.optimizers ?? [];
  }

  /** The schedulers of the latest fit. */
  get lrSchedulerConfigs(): readonly ResolvedSchedulerConfig[] {
    return this.#run?.schedulers ?? [];
  }

  /** Puts others in their place, for the rest of the running fit. */
  set lrSchedulerConfigs(configs: readonly ResolvedSchedulerConfig[]) {
    if (this.#run !== null) this.#run.schedulers = configs;
  }

  /** Asks `configureOptimizers` anew, in a fit that has not trained yet: what it depends on has changed. */
  async resetOptimizers(): Promise<void> {
    if (this.#run === null || this.#stage !== "fit") throw new Error("Cannot reset optimizers: fit is not running");
    await configureOptimizers(this.#run);
  }

  /** Whether training batches are not differentiated: their losses change nothing. */
  get skipBackward(): boolean {
    return this.#run?.skipBackward ?? false;
  }

  /** Sets it for the batches to come of the running fit. */
  set skipBackward(skip: boolean) {
    if (this.#run !== null) this.#run.skipBackward = skip;
  }

  /** The data that the running entry point was given, or the latest: a data module, or loaders by kind. */
  get data(): LightningDataModule | GivenLoaders | null {
    return this.#run?.data ?? this.#run?.given ?? null;
  }

  /** Whether the validation that runs is a trial before training. */
  get sanityChecking(): boolean {
    return this.#run?.sanityChecking ?? false;
  }

  /** Whether a validation runs, inside fit or by itself. */
  get validating(): boolean {
    return this.#reporter.phase === "validate";
  }

  /** Whether a validation comes right after the running training batch. */
  get validationFollows(): boolean {
    return this.#loop?.validationFollows ?? false;
  }

  /** Whether the running fit validates at all. */
  get hasValidation(): boolean {
    return this.numValBatches.some((batches) => batches > 0);
  }

  /** Whether validation runs at other moments than once at the end of every epoch. */
  get validatesWithinEpochs(): boolean {
    return !validatesOncePerEpoch(this.options);
  }

  /** The loaders of the latest evaluation (validation, test or prediction). */
  get evalDataloaders(): readonly Loader[] {
    return this.#run?.evalLoaders ?? [];
  }

  /** Predictions of the running prediction so far, or of the latest, by loader and batch. */
  get predictions(): readonly (readonly unknown[])[] {
    return this.#run?.predictions ?? [];
  }

  /** Latest values under all names that callbacks may watch, as of the last end of an epoch or validation. */
  get callbackMetrics(): Readonly<Record<string, number>> {
    return this.#reporter.callbackMetrics;
  }

  /** For each of {@link callbackMetrics} the optimizer step at which it was made. */
  get metricSteps(): Readonly<Record<string, number>> {
    return this.#reporter.metricSteps;
  }

  /** Latest values for loggers, as of the last row or the end of an epoch. */
  get loggedMetrics(): Readonly<Record<string, number>> {
    return this.#reporter.loggedMetrics;
  }

  /** Latest values for the progress bar, as of the last row, the end of an epoch, or {@link readProgressBarMetrics}. */
  get progressBarMetrics(): Readonly<Record<string, number>> {
    return this.#reporter.progressBarMetrics;
  }

  /** Begins to read what the running loop has logged for the progress bar; the values are there a little later. */
  readProgressBarMetrics(): void {
    this.#reporter.readProgressBar();
  }

  /**
   * Sends numbers to the loggers as a row of their own, at the present point of training; callbacks may watch them, too.
   *
   * @param metrics Numbers by name
   */
  logMetrics(metrics: Readonly<Record<string, number>>): void {
    this.#reporter.writeRow(metrics);
  }

  /**
   * Sends a picture to all loggers that take pictures, at the present step; it is read in the background.
   *
   * @param name Its name
   * @param image [C, H, W] with 1, 3 or 4 channels: floats from 0 to 1, or whole numbers from 0 to 255
   * @param at Another step, a caption
   */
  logImage(name: string, image: Tensor, at: Partial<MediaPoint> = {}): void {
    this.#reporter.show((logger, point) => logger.logImage?.(name, image, point), at);
  }

  /** Sends a text to all loggers that take texts, at the present step. */
  logText(name: string, text: string, at: Partial<MediaPoint> = {}): void {
    this.#reporter.show((logger, point) => logger.logText?.(name, text, point), at);
  }

  /** Sends how the finite values of a tensor are distributed to all loggers that take that, at the present step. */
  logHistogram(name: string, values: Tensor, at: Partial<MediaPoint> = {}): void {
    this.#reporter.show((logger, point) => logger.logHistogram?.(name, values, point), at);
  }

  /** Sends a table to all loggers that take tables, at the present step. */
  logTable(name: string, table: Table, at: Partial<MediaPoint> = {}): void {
    this.#reporter.show((logger, point) => logger.logTable?.(name, table, point), at);
  }

  /** Whether a row of step metrics is due after the running batch. */
  get logsThisBatch(): boolean {
    return this.#reporter.stepRowComes;
  }

  /** Reads what the running loop has logged so far into {@link callbackMetrics}; it waits for the device. */
  async refreshMetrics(): Promise<void> {
    await this.#reporter.refresh();
  }

  /** The first logger, or `null`. */
  get logger(): Logger | null {
    return this.loggers[0] ?? null;
  }

  /** The folder for files of this run: the first logger's, or the root. */
  get logDir(): string {
    return this.loggers.find((logger) => logger.logDir !== null)?.logDir ?? this.options.defaultRootDir;
  }

  /** The first callback that writes checkpoints, or `null`. */
  get checkpointCallback(): CheckpointCallback | null {
    return (this.callbacks.find((callback) => callback.checkpointing) ?? null) as CheckpointCallback | null;
  }

  /** The checkpoint that the latest run started from, or `null`. */
  get ckptPath(): string | null {
    return this.#ckptPath;
  }

  /**
   * Trains the module, with validation between.
   *
   * @param module The model
   * @param data A data module, a training loader, or `{ train, val }`; default: the module's own loaders
   * @param options A checkpoint to go on from, a signal to stop
   * @throws {TypeError} If the module does not define `trainingStep` and `configureOptimizers`
   * @throws {CheckpointError} If the checkpoint is damaged, or holds weights only
   * @throws {Error} If another trainer of this process is at work and this is not one of its hooks
   * @throws Whatever a hook or a step throws, after `onException` and `teardown` have run
   */
  async fit<Batch>(
    module: LightningModule<Batch>,
    data?: TrainerData<NoInfer<Batch>>,
    options: EntryOptions = {},
  ): Promise<void> {
    checkCall("fit", module, options);
    if (this.#stage === null) this.#fitted = { module, data: data instanceof LightningDataModule ? data : null };
    await this.#enter("fit", module, data, options, async (run) => {
      this.shouldStop = false;
      for (const callback of this.callbacks) this.#ckptPath ??= await callback.resumePath?.() ?? null;
      const checkpoint = this.#ckptPath === null ? null : await readCheckpoint(this.#ckptPath);
      const state = checkpoint === null ? null : await restoreModule(run, this.callbacks, checkpoint);
      if (checkpoint !== null && state === null) {
        throw new CheckpointError(`Cannot resume from ${this.#ckptPath}: it must hold training, it holds weights only`);
      }
      const goesOn = state?.progress ?? this.#progress, from = state === null ? this.#loop?.loaderState : state.loader;
      const loop = this.#loop = new FitLoop(run, goesOn.midEpoch ? from ?? null : null);
      await configureOptimizers(run);
      await logHyperparameters(run, this.loggers);
      await run.hooks.call("onFitStart");
      module.zeroGrad();
      if (state !== null) restoreTraining(run, state);
      await loop.go();
      await this.#reporter.flush();
      await device().sync();
      await run.hooks.call("onFitEnd");
    });
  }

  /**
   * Runs validation.
   *
   * @param module The model; default: that of the latest fit, with the weights of its best checkpoint
   * @param data A data module, or loaders; default: the module's own, or for a default model its fit's data module
   * @param options A checkpoint whose weights are loaded, a signal to stop
   * @returns Its metrics, one record for each loader
   * @throws {Error} If there is no data, or no model and no fit with a checkpoint before
   */
  async validate<Batch>(
    module?: LightningModule<Batch> | null,
    data?: TrainerData<NoInfer<Batch>>,
    options: EntryOptions = {},
  ): Promise<Record<string, number>[]> {
    return (await this.#evaluate("validate", module, data, options)).metrics;
  }

  /**
   * Runs the test.
   *
   * @param module The model; default: that of the latest fit, with the weights of its best checkpoint
   * @param data A data module, or loaders; default: the module's own, or for a default model its fit's data module
   * @param options A checkpoint whose weights are loaded, a signal to stop
   * @returns Its metrics, one record for each loader
   * @throws {Error} If there is no data, or no model and no fit with a checkpoint before
   */
  async test<Batch>(
    module?: LightningModule<Batch> | null,
    data?: TrainerData<NoInfer<Batch>>,
    options: EntryOptions = {},
  ): Promise<Record<string, number>[]> {
    return (await this.#evaluate("test", module, data, options)).metrics;
  }

  /**
   * Predicts.
   *
   * @param module The model; default: that of the latest fit, with the weights of its best checkpoint
   * @param data A data module, or loaders; default: the module's own, or for a default model its fit's data module
   * @param options A checkpoint whose weights are loaded, a signal to stop
   * @returns What `predictStep` gave, by batch; with several loaders by loader and batch; with `returnPredictions: false`,
   *   for a callback that writes them, nothing
   * @throws {Error} If there is no data, or no model and no fit with a checkpoint before
   */
  async predict<Batch>(
    module?: LightningModule<Batch> | null,
    data?: TrainerData<NoInfer<Batch>>,
    { returnPredictions = true, ...options }: PredictOptions = {},
  ): Promise<unknown[]> {
    const { predictions } = await this.#evaluate("predict", module, data, options, returnPredictions);
    if (!returnPredictions) return [];
    return predictions.length === 1 ? predictions[0] : predictions;
  }

  /**
   * Saves the state of training (or the weights alone) as a checkpoint folder, all or nothing. Saved in a hook, it holds
   * what is left of that moment; best after a batch, not within its steps.
   *
   * In the background, the state is copied on the device, so that it is of this moment, and read and written while training
   * goes on. Callbacks hear of it in `onCheckpointSaved` after a later batch, an error is thrown there, and the end of the
   * run waits. One checkpoint is written at a time: the next one waits for it.
   *
   * @param paths The folder, or several that get the same
   * @param options Whether only the weights are kept, and whether it is written in the background
   * @throws {Error} If nothing has run yet, or the folder cannot be written; an earlier checkpoint of the name stays
   */
  async saveCheckpoint(
    paths: string | readonly string[],
    options: { weightsOnly?: boolean; background?: boolean } = {},
  ): Promise<void> {
    checkNames("save a checkpoint", options, { weightsOnly: true, background: true });
    const { weightsOnly = false, background = false } = options, run = this.#run;
    if (run === null) throw new Error("Cannot save a checkpoint: the trainer has no module, call fit first");
    await this.#saves.settle();
    await this.#reporter.flush();
    const data = captureState(run, this.#loop, this.callbacks, weightsOnly);
    await run.hooks.call("onSaveCheckpoint", data);
    this.#saves.add(writeCheckpoint(paths, data), () => this.#tellSaved(run, [paths].flat()));
    if (!background || this.#stage === null) await this.#saves.settle();
  }

  /** Waits until a checkpoint that is written in the background is on the disk. Throws what went wrong with it. */
  async settleCheckpoints(): Promise<void> {
    await this.#saves.settle();
  }

  async #tellSaved({ hooks }: Run, paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      for (const logger of this.loggers) await logger.afterSaveCheckpoint?.(path);
      await hooks.callbacks("onCheckpointSaved", path);
    }
  }

  async #evaluate<Batch>(
    phase: EvalPhase,
    given: LightningModule<Batch> | null | undefined,
    givenData: TrainerData<Batch> | undefined,
    givenOptions: EntryOptions,
    keepsPredictions = true,
  ): Promise<EvalResult> {
    const { step, limit, loaders: kind } = namesOf(phase);
    const byDefault = given === undefined || given === null;
    const { module, data: fitted } = byDefault ? this.#fittedFor(phase) : { module: given, data: null };
    const data = givenData ?? fitted ?? undefined;
    const options = byDefault ? { ...givenOptions, ckptPath: givenOptions.ckptPath ?? "best" } : givenOptions;
    checkCall(phase, module, options);
    if (module[step] === undefined) {
      throw new TypeError(`Cannot ${phase} ${module.constructor.name}: it must define ${step}, it does not`);
    }
    let result: EvalResult = { metrics: [], predictions: [], complete: false };
    await this.#enter(phase, module, data, options, async (run) => {
      if (this.#ckptPath !== null) await restoreModule(run, this.callbacks, await readCheckpoint(this.#ckptPath));
      const loaders = await run.loaders(kind);
      if (loaders.length === 0) {
        throw new Error(
          `Cannot ${phase}: there is no data, give a data module, { ${kind}: loader }, or define ${kind}Dataloader`,
        );
      }
      const limits = loaders.map(({ loader }) => resolveAmount(limit, this.options[limit], lengthOf(loader)));
      result = await evaluate(run, phase, loaders, limits, { keepsPredictions });
    });
    return result;
  }

  #fittedFor(phase: EvalPhase): Fitted {
    if (this.#fitted !== null) return this.#fitted;
    throw new Error(`Cannot ${phase} without a model: this trainer has fitted none, give one`);
  }

  async #enter<Batch>(
    stage: Stage,
    module: LightningModule<Batch>,
    data: TrainerData<Batch> | undefined,
    options: EntryOptions,
    body: (run: Run) => Promise<void>,
  ): Promise<void> {
    if (this.#stage !== null) throw new Error(`Cannot ${stage}: the trainer is busy with ${this.#stage}`);
    this.#ckptPath = this.#checkpointPath(options.ckptPath ?? null);
    await alone(
      { what: stage, inHook: () => this.#reporter.inHook },
      () => this.#go(stage, module, data, options, body),
    );
  }

  async #go<Batch>(
    stage: Stage,
    module: LightningModule<Batch>,
    data: TrainerData<Batch> | undefined,
    options: EntryOptions,
    body: (run: Run) => Promise<void>,
  ): Promise<void> {
    const isModule = data instanceof LightningDataModule;
    this.#stage = stage;
    this.#state = "running";
    let outer: ModuleHost | null = null;
    try {
      await init(options.device);
      if (this.options.benchmark) await useMeasuredTiles(this.precision.name);
      const callbacks: Callback[] = [];
      const run = this.#run = new Run({
        trainer: this,
        module,
        data: isModule ? data : null,
        given: isModule || data === undefined || data === null ? {} : givenLoaders(stage, data),
        callbacks,
        progress: this.#progress,
        reporter: this.#reporter,
        saves: this.#saves,
        signal: options.signal ?? null,
      });
      outer = module.attach(run);
      if (isModule) data.trainer = this;
      const configured = await run.inHook("configureCallbacks", () => module.configureCallbacks?.()) ?? [];
      this.#callbacks = withModules(this.options, this.#ownCallbacks, [configured].flat());
      callbacks.push(...this.#callbacks);
      if (options.ckptPath === "last") this.#ckptPath = await this.#findLast(run, stage);
      this.#reporter.startClock(this.#progress.seconds);
      this.#state = await enter(run, stage, this.loggers, () => body(run));
      await this.precision.rest();
    } catch (error) {
      this.#state = "failed";
      await this.#leaveDevice();
      throw error;
    } finally {
      if (stage === "fit") this.#progress.seconds = this.#reporter.seconds;
      this.#stage = null;
      // A run within a hook of another one gives the module back.
      if (outer !== null && outer.trainer.stage !== null) module.attach(outer);
    }
  }

  /** After an error nothing stays on the device. Between two batches the state is whole: it can still be saved. */
  async #leaveDevice(): Promise<void> {
    const { fitStore } = this.#reporter;
    try {
      if (this.#progress.midEpoch && this.#loop?.randomBeforeBatch === null) await fitStore.moveToHost();
      else fitStore.reset();
      await this.precision.rest();
    } catch {
      // The device is lost, which the run's own error says.
      fitStore.reset();
      this.precision.dispose();
    }
  }

  #checkpointPath(wanted: string | null): string | null {
    // The last one may lie in the folder of a callback that the module adds.
    if (wanted === "last") return null;
    return wanted === "best" ? this.checkpointCallback?.bestModelPath || noneSaved(wanted) : wanted;
  }

  /** The newest state that the callbacks have saved, in this process or an earlier one. Training begins without one, too. */
  async #findLast(run: Run, stage: Stage): Promise<string | null> {
    const writers = this.#callbacks.filter((callback) => callback.checkpointing) as CheckpointCallback[];
    const found = await Promise.all(writers.map((writer) => writer.lastModelPath || writer.findLast?.(this)));
    const path = await newestOf(found.filter((path): path is string => Boolean(path))) ??
      this.checkpointCallback?.bestModelPath;
    if (path) return path;
    if (stage !== "fit") noneSaved("last");
    run.warn('ckptPath is "last", but the folders of the callbacks hold no last checkpoint: training begins anew');
    return null;
  }
}

/** What the latest fit trained, and on which data module, if it was one. */
interface Fitted {
  readonly module: LightningModule;
  readonly data: LightningDataModule | null;
}

function noneSaved(which: string): never {
  throw new Error(`Cannot load the ${which} checkpoint: this trainer has saved none`);
}

/** Throws unless all options exist and the module is an instance: a class is easily given in its place. */
function checkCall(stage: Stage, module: unknown, options: EntryOptions): void {
  checkNames(`${stage} with these options`, options, { ckptPath: true, signal: true, device: true });
  if (module instanceof LightningModule) return;
  throw new TypeError(
    `Cannot ${stage}: it expects an instance of a LightningModule, got ${show(module)}${
      typeof module === "function" ? `, say new ${module.name}()` : ""
    }`,
  );
}

/** Seeds every random number of a run: weights, shuffles, dropout. */
export function seedEverything(seed: number): void {
  manualSeed(seed);
}

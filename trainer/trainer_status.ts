import type { DataModuleTrainer, LightningDataModule, Loader, Stage } from "../data/mod.ts";
import type { Optimizer } from "../optim/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { watching } from "../tensor/watcher.ts";
import type { Callback, CheckpointCallback } from "./callback.ts";
import { checkMedia, checkNumbers } from "./check_logged.ts";
import { callbacksOf, loggersOf } from "./defaults.ts";
import type { FitLoop } from "./fit_loop.ts";
import { ItemCounts } from "./item_counts.ts";
import type { Logger, MediaPoint, Table } from "./logger.ts";
import type { ResolvedSchedulerConfig } from "./optimizers.ts";
import { DEFAULT_EPOCHS, type ResolvedOptions, resolveOptions, type TrainerOptions } from "./options.ts";
import { Precision } from "./precision.ts";
import { type Profiler, profilerOf } from "./profiler/mod.ts";
import { type FitProgress, noProgress } from "./progress.ts";
import { Reporter } from "./reporter.ts";
import type { GivenLoaders, Run } from "./run.ts";
import { validatesOncePerEpoch } from "./validation.ts";

/** Where a trainer is in its life. */
export type TrainerState = "ready" | "running" | "finished" | "interrupted" | "failed";

/** What a trainer works on, of this run or the latest. */
export interface TrainerWork {
  callbacks: readonly Callback[];
  state: TrainerState;
  stage: Stage | null;
  run: Run | null;
  loop: FitLoop | null;
  ckptPath: string | null;
  maxEpochs: number;
  accumulateGradBatches: number;
  /** Whether this is a trial before training: the module's own callbacks have no part in it. */
  isTrial: boolean;
  readonly progress: FitProgress;
  readonly reporter: Reporter;
  readonly counts: ItemCounts;
}

/** What a trainer works on, for what may change it: the trainer, and trials before its training. */
export let workOf: (trainer: TrainerStatus) => TrainerWork;

/**
 * What a trainer tells of itself: where training stands, what was measured, what it was told to do; and the ways by
 * which callbacks and modules report something beside `log`.
 */
export abstract class TrainerStatus implements DataModuleTrainer {
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
  readonly #work: TrainerWork;

  static {
    workOf = (trainer) => trainer.#work;
  }

  /**
   * Makes a trainer that has done nothing yet.
   *
   * @param given What to do and how
   * @throws {TypeError} Naming each option that is wrong, what it got, and what is allowed
   */
  constructor(given: TrainerOptions) {
    const options = this.options = resolveOptions(given);
    this.precision = new Precision(options.precision);
    this.profiler = profilerOf(options.profiler);
    const callbacks = callbacksOf(options), loggers = this.loggers = loggersOf(options), progress = noProgress();
    const { maxEpochs, maxSteps, accumulateGradBatches, logEveryNSteps } = options;
    const ends = maxSteps >= 0 || callbacks.some((callback) => callback.endsTraining);
    this.#work = {
      callbacks,
      state: "ready",
      stage: null,
      run: null,
      loop: null,
      ckptPath: null,
      maxEpochs: maxEpochs === null ? ends ? Infinity : DEFAULT_EPOCHS : maxEpochs < 0 ? Infinity : maxEpochs,
      accumulateGradBatches,
      isTrial: false,
      progress,
      reporter: new Reporter(loggers, logEveryNSteps, progress),
      counts: new ItemCounts(),
    };
  }

  /**
   * The callbacks in the order of their calls, with those that the module of the latest run configured: the ones that
   * write checkpoints come last.
   */
  get callbacks(): readonly Callback[] {
    return this.#work.callbacks;
  }

  /** Where the trainer is in its life. */
  get state(): TrainerState {
    return this.#work.state;
  }

  /**
   * Milliseconds of the first training step of the latest `fit`, until the device had done it: kernels are compiled in
   * it. `null` before that.
   */
  get firstStepMs(): number | null {
    return this.#work.loop?.firstStepMs ?? null;
  }

  /** The entry point that runs, or `null`. */
  get stage(): Stage | null {
    return this.#work.stage;
  }

  /** Whether Ctrl-C or a signal ends the run after the present batch. */
  get interrupted(): boolean {
    const { run } = this.#work;
    return run !== null && !run.complete && run.mustStop();
  }

  /** Optimizer steps so far; with several optimizers one a batch. */
  get globalStep(): number {
    watching.by?.depends(this, "globalStep", () => this.#work.progress.globalStep);
    return this.#work.progress.globalStep;
  }

  /** Batches trained so far. */
  get batchesSeen(): number {
    watching.by?.depends(this, "batchesSeen", () => this.#work.progress.batchesSeen);
    return this.#work.progress.batchesSeen;
  }

  /** Epochs finished so far. */
  get currentEpoch(): number {
    watching.by?.depends(this, "currentEpoch", () => this.#work.progress.epoch);
    return this.#work.progress.epoch;
  }

  /** Number of the running batch in its epoch or evaluation. */
  get batchIdx(): number {
    watching.by?.depends(this, "batchIdx", () => this.#work.run?.step?.index ?? 0);
    return this.#work.run?.step?.index ?? 0;
  }

  /** Batches of the running epoch that are done. */
  get batchInEpoch(): number {
    watching.by?.depends(this, "batchInEpoch", () => this.#work.progress.batchInEpoch);
    return this.#work.progress.batchInEpoch;
  }

  /** Whether the running batch is the last of its epoch. */
  get isLastBatch(): boolean {
    watching.by?.depends(this, "isLastBatch", () => this.#work.run?.step?.last ?? false);
    return this.#work.run?.step?.last ?? false;
  }

  /** Epochs after which fit ends, `Infinity` without end. Raise it to go on with another fit. */
  get maxEpochs(): number {
    return this.#work.maxEpochs;
  }

  /** Sets the epochs after which fit ends. */
  set maxEpochs(epochs: number) {
    if (epochs !== Infinity && !(Number.isInteger(epochs) && epochs >= 0)) {
      throw new RangeError(`Cannot set maxEpochs: it must be a whole number from 0 on or Infinity, got ${epochs}`);
    }
    this.#work.maxEpochs = epochs;
  }

  /** Batches whose gradients are averaged for one optimizer step; a callback may change it between epochs. */
  get accumulateGradBatches(): number {
    watching.by?.depends(this, "accumulateGradBatches", () => this.#work.accumulateGradBatches);
    return this.#work.accumulateGradBatches;
  }

  /** Sets the batches of the windows to come. */
  set accumulateGradBatches(batches: number) {
    if (!Number.isInteger(batches) || batches < 1) {
      throw new RangeError(`Cannot set accumulateGradBatches: it must be a whole number from 1 on, got ${batches}`);
    }
    this.#work.accumulateGradBatches = batches;
  }

  /** Batches of a training epoch, `Infinity` if unknown; 0 before fit. */
  get numTrainingBatches(): number {
    return this.#work.loop?.loaders.trainBatches ?? 0;
  }

  /** Batches of a validation in fit, by loader. */
  get numValBatches(): readonly number[] {
    return this.#work.loop?.loaders.valBatches ?? [];
  }

  /** Batches of the latest evaluation (validation, test or prediction), by loader; `Infinity` where unknown. */
  get numEvalBatches(): readonly number[] {
    return this.#work.run?.evalBatches ?? [];
  }

  /**
   * Optimizer steps that this fit will make, for schedules over all of training; `Infinity` without end.
   *
   * @throws {Error} Outside of fit, and where the training loader has to be awaited: see {@link loadTrainingData}
   */
  get estimatedSteppingBatches(): number {
    if (this.#work.loop === null) throw new Error("Cannot count the steps of training: fit is not running");
    return this.#work.loop.estimatedSteps();
  }

  /** The optimizers of the latest fit. */
  get optimizers(): readonly Optimizer[] {
    return this.#work.run?.optimizers ?? [];
  }

  /** The schedulers of the latest fit. */
  get lrSchedulerConfigs(): readonly ResolvedSchedulerConfig[] {
    return this.#work.run?.schedulers ?? [];
  }

  /** Puts others in their place, for the rest of the running fit. */
  set lrSchedulerConfigs(configs: readonly ResolvedSchedulerConfig[]) {
    if (this.#work.run !== null) this.#work.run.schedulers = configs;
  }

  /** Whether training batches are not differentiated: they only go forward, and no optimizer steps. */
  get skipBackward(): boolean {
    return this.#work.run?.skipBackward ?? false;
  }

  /** Sets it for the batches to come of the running fit. */
  set skipBackward(skip: boolean) {
    if (this.#work.run !== null) this.#work.run.skipBackward = skip;
  }

  /** The data that the running entry point was given, or the latest: a data module, or loaders by kind. */
  get data(): LightningDataModule | GivenLoaders | null {
    return this.#work.run?.data ?? this.#work.run?.given ?? null;
  }

  /** Whether the validation that runs is a trial before training. */
  get sanityChecking(): boolean {
    return this.#work.run?.sanityChecking ?? false;
  }

  /** Whether a validation runs, inside fit or by itself. */
  get validating(): boolean {
    return this.#work.reporter.phase === "validate";
  }

  /** Whether a validation comes right after the running training batch. */
  get validationFollows(): boolean {
    return this.#work.loop?.validationFollows ?? false;
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
    return this.#work.run?.evalLoaders ?? [];
  }

  /** Predictions of the running prediction so far, or of the latest, by loader and batch. */
  get predictions(): readonly (readonly unknown[])[] {
    return this.#work.run?.predictions ?? [];
  }

  /** Latest values under all names that callbacks may watch, as of the last end of an epoch or validation. */
  get callbackMetrics(): Readonly<Record<string, number>> {
    return this.#work.reporter.callbackMetrics;
  }

  /** For each of {@link callbackMetrics} the optimizer step at which it was made. */
  get metricSteps(): Readonly<Record<string, number>> {
    return this.#work.reporter.metricSteps;
  }

  /** Latest values for loggers, as of the last row or the end of an epoch. */
  get loggedMetrics(): Readonly<Record<string, number>> {
    return this.#work.reporter.loggedMetrics;
  }

  /** Latest values for the progress bar, as of the last row, the end of an epoch, or {@link readProgressBarMetrics}. */
  get progressBarMetrics(): Readonly<Record<string, number>> {
    return this.#work.reporter.progressBarMetrics;
  }

  /** Begins to read what the running loop has logged for the progress bar; the values are there a little later. */
  readProgressBarMetrics(): void {
    this.#work.reporter.readProgressBar();
  }

  /**
   * Sends numbers to the loggers as a row of their own, at the present point of training; callbacks may watch them,
   * too.
   *
   * @param metrics Numbers by name
   */
  logMetrics(metrics: Readonly<Record<string, number>>): void {
    checkNumbers(metrics);
    if (!this.sanityChecking) this.#work.reporter.writeRow(metrics);
  }

  /** The trial validation before training shows nothing, as it logs nothing. */
  #show(...shown: Parameters<Reporter["show"]>): void {
    if (!this.sanityChecking) this.#work.reporter.show(...shown);
  }

  /**
   * Sends a picture to all loggers that take pictures, at the present step; it is read in the background.
   *
   * @param name Its name
   * @param image [C, H, W] with 1, 3 or 4 channels: floats from 0 to 1, or whole numbers from 0 to 255
   * @param at Another step, a caption
   */
  logImage(name: string, image: Tensor, at: Partial<MediaPoint> = {}): void {
    checkMedia("image", name, image);
    this.#show((logger, point) => logger.logImage?.(name, image, point), at);
  }

  /** Sends a text to all loggers that take texts, at the present step. */
  logText(name: string, text: string, at: Partial<MediaPoint> = {}): void {
    checkMedia("text", name, text);
    this.#show((logger, point) => logger.logText?.(name, text, point), at);
  }

  /** Sends how the finite values of a tensor are distributed to all loggers that take that, at the present step. */
  logHistogram(name: string, values: Tensor, at: Partial<MediaPoint> = {}): void {
    checkMedia("histogram", name, values);
    this.#show((logger, point) => logger.logHistogram?.(name, values, point), at);
  }

  /** Sends a table to all loggers that take tables, at the present step. */
  logTable(name: string, table: Table, at: Partial<MediaPoint> = {}): void {
    checkMedia("table", name, table);
    this.#show((logger, point) => logger.logTable?.(name, table, point), at);
  }

  /** Whether a row of step metrics is due after the running batch. */
  get logsThisBatch(): boolean {
    return this.#work.reporter.stepRowComes(this.isLastBatch);
  }

  /** Reads what the running loop has logged so far into {@link callbackMetrics}; it waits for the device. */
  async refreshMetrics(): Promise<void> {
    await this.#work.reporter.refresh();
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
    return this.#work.ckptPath;
  }
}

import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { div } from "../kernels/mod.ts";
import { evaluate } from "./eval_loop.ts";
import type { StepOutput } from "./lightning_module.ts";
import { Cursor, lengthOf, type NamedLoader, type Step } from "./loaders.ts";
import { MetricStore } from "./log.ts";
import { resolveAmount, type ResolvedOptions } from "./options.ts";
import type { Run } from "./run.ts";

/** Counters of training, all saved in checkpoints. */
export interface FitProgress {
  /** Epochs finished. */
  epoch: number;
  /** Optimizer steps. */
  globalStep: number;
  /** Batches trained, over all epochs. */
  batchesSeen: number;
  /** Batches of the running epoch that are done. */
  batchInEpoch: number;
  /** Accumulation windows that are done (a skipped batch counts): the x axis of rows. */
  steppedBatches: number;
  /** Whether the running epoch has begun and not ended. */
  midEpoch: boolean;
  /** Whether all batches of the running epoch are done and its end hooks run: a resume starts with the next epoch. */
  epochEnding: boolean;
}

/** Progress of a run that has not begun. */
export function noProgress(): FitProgress {
  return {
    epoch: 0,
    globalStep: 0,
    batchesSeen: 0,
    batchInEpoch: 0,
    steppedBatches: 0,
    midEpoch: false,
    epochEnding: false,
  };
}

/** Progress with which a run goes on that was saved in the end hooks of an epoch. */
function resumedProgress(saved: FitProgress): FitProgress {
  if (!saved.epochEnding) return { ...saved };
  return { ...saved, epoch: saved.epoch + 1, batchInEpoch: 0, midEpoch: false, epochEnding: false };
}

/** The loop of `fit`: epochs, batches, accumulation windows, validation between. */
export class FitLoop {
  readonly run: Run;
  readonly options: ResolvedOptions;
  readonly progress: FitProgress;
  readonly maxEpochs: number;
  readonly store = new MetricStore();
  /** Whether a validation comes right after the running batch, as far as known before its end hooks. */
  validationFollows = false;
  #train: NamedLoader | null = null;
  #val: NamedLoader[] | null = null;
  #trainBatches = 0;
  #valLimits: number[] = [];
  #cursor: Cursor | null = null;
  #resumeLoader: object | null = null;
  /** Batches in the open accumulation window, and the batches it will have. */
  #window = 0;

  constructor(run: Run, options: ResolvedOptions, progress: FitProgress) {
    this.run = run;
    this.options = options;
    this.progress = progress;
    this.maxEpochs = options.maxEpochs === null
      ? options.maxSteps >= 0 ? Infinity : 1000
      : options.maxEpochs < 0
      ? Infinity
      : options.maxEpochs;
  }

  /** Batches of a training epoch, `Infinity` if unknown. */
  get trainBatches(): number {
    return this.#trainBatches;
  }

  /** Batches of a validation, by loader. */
  get valBatches(): readonly number[] {
    return this.#valLimits;
  }

  /** The x of a row made now: the number, from zero, of the window that the last batch belongs to. */
  get rowStep(): number {
    return Math.max(0, this.#window > 0 ? this.progress.steppedBatches : this.progress.steppedBatches - 1);
  }

  /** Where the training loader stands, for a checkpoint. */
  loaderState(): object | null {
    return this.#cursor?.state() ?? null;
  }

  /** Lets the training loader go on where a checkpoint left it. */
  resumeLoader(state: object | null): void {
    this.#resumeLoader = state;
  }

  async go(): Promise<void> {
    const { run, progress } = this;
    const { hooks, trainer } = run;
    if (this.options.limitTrainBatches === 0 || this.#finished()) return;
    await this.#sanityCheck();
    await this.loadTrain();
    await this.#loadVal();
    this.#checkInterval();
    Object.assign(this.progress, resumedProgress(this.progress));
    if (this.#trainBatches === 0) return;
    run.module.train();
    trainer.useStore(this.store, "fit");
    await hooks.call("onTrainStart");
    while (!this.#finished()) {
      await this.#epoch();
      progress.midEpoch = false;
    }
    await hooks.call("onTrainEnd");
  }

  #finished(): boolean {
    const { options, run } = this;
    const progress = resumedProgress(this.progress);
    if (run.mustStop()) return true;
    if (options.maxSteps >= 0 && progress.globalStep >= options.maxSteps) return true;
    if (progress.epoch >= this.maxEpochs) return true;
    return run.trainer.shouldStop && this.#mayStopEarly();
  }

  /** `shouldStop` counts once the least epochs and steps are reached. */
  #mayStopEarly(): boolean {
    const { minEpochs, minSteps } = this.options;
    const { epoch, globalStep } = this.progress;
    return (minEpochs === null || epoch >= minEpochs) && (minSteps === null || globalStep >= minSteps);
  }

  async #epoch(): Promise<void> {
    const { run, progress } = this;
    const { hooks, trainer } = run;
    const { loader } = this.#train!;
    this.store.reset();
    trainer.useStore(this.store, "fit");
    loader.setEpoch?.(progress.epoch);
    const resumed = progress.midEpoch && progress.batchInEpoch > 0;
    if (!resumed) progress.batchInEpoch = 0;
    if (this.#resumeLoader !== null) {
      await loader.loadStateDict?.(this.#resumeLoader as never);
      this.#resumeLoader = null;
    }
    progress.midEpoch = true;
    if (!resumed) await hooks.call("onTrainEpochStart");
    this.#cursor = new Cursor(loader, this.#trainBatches, progress.batchInEpoch);
    this.#window = 0;
    let left = false;
    try {
      for (let step = await this.#cursor.next(); step !== null; step = await this.#cursor.next()) {
        left = await this.#batch(step);
        if (left) break;
        if (this.#validationDue(step)) await this.#validate();
        await this.#stepSchedulers("step", true);
        if (step.last || this.#finished()) break;
      }
    } finally {
      await this.#cursor.close();
      this.#cursor = null;
      trainer.leaveBatch(trainer.step);
    }
    await this.#endEpoch();
  }

  /** The end of an epoch, also of one that was left early. */
  async #endEpoch(): Promise<void> {
    const { run, progress } = this;
    const { hooks, trainer } = run;
    progress.epochEnding = true;
    await trainer.refreshMetrics();
    await hooks.callbacksThat(false, "onTrainEpochEnd");
    await hooks.module("onTrainEpochEnd");
    await trainer.refreshMetrics();
    await hooks.callbacksThat(true, "onTrainEpochEnd");
    await this.#stepSchedulers("epoch", true);
    await trainer.writeEpochRow();
    progress.epochEnding = false;
    progress.epoch++;
    progress.batchInEpoch = 0;
  }

  /** Trains one batch. Returns whether a hook asked to leave the epoch. */
  async #batch(step: Step): Promise<boolean> {
    const { run, progress } = this;
    const { hooks, trainer, module } = run;
    return await scope(async () => {
      const batch = await run.transfer(step.batch, 0);
      this.store.nextBatch();
      trainer.enterBatch(batch, "", step);
      const answers = await hooks.call("onTrainBatchStart", batch, step.index);
      if (answers.includes(-1)) return true;
      const outputs = module.automaticOptimization
        ? await this.#optimize(batch, step)
        : await run.step("trainingStep", batch, step.index) as StepOutput;
      progress.batchInEpoch = step.index + 1;
      progress.batchesSeen++;
      if (this.#windowClosed(step)) {
        progress.steppedBatches++;
        await this.#stepSchedulers("step", false);
      }
      if (step.last) await this.#stepSchedulers("epoch", false);
      this.validationFollows = this.#validationDue(step);
      await hooks.call("onTrainBatchEnd", outputs, batch, step.index);
      if (this.#windowClosed(step) || !module.automaticOptimization) trainer.writeStepRow();
      return false;
    });
  }

  /** Whether the batch ends an accumulation window: a full one, or the epoch's last. */
  #windowClosed(step: Step): boolean {
    return (step.index + 1) % this.options.accumulateGradBatches === 0 || step.last;
  }

  /** Forward, backward and, at the end of the window, the update. */
  async #optimize(batch: unknown, step: Step): Promise<StepOutput> {
    const { run, options, progress } = this;
    const { hooks, trainer, module } = run;
    const [optimizer] = trainer.optimizers;
    const closing = this.#windowClosed(step);
    let outputs: StepOutput = null;
    const closure = async () => {
      outputs = await run.step("trainingStep", batch, step.index) as StepOutput;
      const loss = lossOf(outputs);
      if (this.#window++ === 0 && optimizer) {
        await hooks.call("onBeforeZeroGrad", optimizer);
        await run.trainer.inHook(
          "optimizerZeroGrad",
          () => module.optimizerZeroGrad(progress.epoch, step.index, optimizer),
        );
      }
      if (loss === null) return;
      const scaled = this.#scaled(loss, step);
      if (scaled !== loss) {
        outputs = outputs instanceof Tensor ? scaled.detach() : { ...outputs as object, loss: scaled.detach() };
      }
      await trainer.runBackward(scaled);
    };
    if (!closing || optimizer === undefined) {
      await closure();
      if (closing) this.#window = 0;
      return outputs;
    }
    const closureWithClipping = async () => {
      await closure();
      await hooks.call("onBeforeOptimizerStep", optimizer);
      await trainer.inHook(
        "configureGradientClipping",
        () => module.configureGradientClipping(optimizer, options.gradientClipVal, options.gradientClipAlgorithm),
      );
    };
    await trainer.inHook(
      "optimizerStep",
      () => module.optimizerStep(progress.epoch, step.index, optimizer, closureWithClipping),
    );
    this.#window = 0;
    progress.globalStep++;
    return outputs;
  }

  /**
   * The loss divided so that the window's gradients average its batches: by the batches really in it, which at an epoch's
   * end may be fewer (deviation D1); with `lightningCompat` always by `accumulateGradBatches`.
   */
  #scaled(loss: Tensor, step: Step): Tensor {
    const { accumulateGradBatches, lightningCompat } = this.options;
    if (accumulateGradBatches === 1) return loss;
    const first = step.index - step.index % accumulateGradBatches;
    const inWindow = Math.min(accumulateGradBatches, this.#trainBatches - first);
    return div(loss, lightningCompat || !Number.isFinite(inWindow) ? accumulateGradBatches : inWindow);
  }

  async #stepSchedulers(interval: "step" | "epoch", plateau: boolean): Promise<void> {
    const { run, progress } = this;
    const { trainer, module } = run;
    if (!module.automaticOptimization) return;
    const at = interval === "step" ? progress.batchInEpoch : progress.epoch + 1;
    for (const config of trainer.lrSchedulerConfigs) {
      if (config.interval !== interval || config.reduceOnPlateau !== plateau || at % config.frequency !== 0) continue;
      let metric: number | null = null;
      if (plateau) {
        if (interval === "step") await trainer.refreshMetrics();
        const value = trainer.callbackMetrics[config.monitor!];
        if (value === undefined) {
          const message =
            `Cannot step the scheduler ${config.name ?? config.scheduler.constructor.name}: there is no metric ` +
            `${config.monitor}, known are ${Object.keys(trainer.callbackMetrics).join(", ") || "none"}`;
          if (config.strict) throw new Error(message);
          console.warn(message);
          continue;
        }
        metric = value;
      }
      await trainer.inHook("lrSchedulerStep", () => module.lrSchedulerStep(config.scheduler, metric));
    }
  }

  /** Optimizer steps that this fit will make, as far as known now; `Infinity` without end. */
  estimatedSteps(): number {
    if (this.#train === null) this.#takeTrain(this.run.loadersNow("train"));
    const { maxSteps, accumulateGradBatches } = this.options;
    const steps = Math.ceil(this.#trainBatches / accumulateGradBatches) * this.maxEpochs;
    return maxSteps >= 0 ? Math.min(steps, maxSteps) : steps;
  }

  /** Asks for the training loader, once. */
  async loadTrain(): Promise<void> {
    if (this.#train === null) this.#takeTrain(await this.run.loaders("train"));
  }

  #takeTrain(loaders: readonly NamedLoader[]): void {
    if (loaders.length === 0) {
      throw new Error(
        `Cannot fit ${this.run.module.constructor.name}: there is no training data, give a data module, { train: loader }, ` +
          "or define trainDataloader",
      );
    }
    if (loaders.length > 1) {
      throw new RangeError(`Cannot fit with ${loaders.length} training loaders: one is taken, join their data sets`);
    }
    this.#train = loaders[0];
    this.#trainBatches = resolveAmount(
      "limitTrainBatches",
      this.options.limitTrainBatches,
      lengthOf(this.#train.loader),
    );
  }

  async #loadVal(): Promise<void> {
    if (this.#val !== null) return;
    const { run, options } = this;
    this.#val = options.limitValBatches === 0 || run.module.validationStep === undefined
      ? []
      : await run.loaders("val");
    this.#valLimits = this.#val.map(({ loader }) =>
      resolveAmount("limitValBatches", options.limitValBatches, lengthOf(loader))
    );
  }

  /** Batches between validations. */
  #interval(): number {
    const { valCheckInterval } = this.options;
    const share = typeof valCheckInterval === "object"
      ? valCheckInterval.fraction
      : valCheckInterval < 1
      ? valCheckInterval
      : null;
    if (share === null) return valCheckInterval as number;
    if (share === 1) return this.#trainBatches;
    return Number.isFinite(this.#trainBatches) ? Math.max(1, Math.floor(this.#trainBatches * share)) : Infinity;
  }

  #checkInterval(): void {
    const { valCheckInterval, checkValEveryNEpoch } = this.options;
    if (typeof valCheckInterval === "number" && valCheckInterval >= 1 && checkValEveryNEpoch !== null) {
      if (valCheckInterval > this.#trainBatches && this.#valLimits.length > 0) {
        throw new RangeError(
          `Cannot use valCheckInterval: it must not exceed the ${this.#trainBatches} batches of an epoch unless ` +
            `checkValEveryNEpoch is null, got ${valCheckInterval}`,
        );
      }
    }
  }

  #validationDue(step: Step): boolean {
    const { options, progress, run } = this;
    if (this.#val!.length === 0 || this.#valLimits.every((limit) => limit === 0)) return false;
    const every = options.checkValEveryNEpoch;
    if (every !== null && (progress.epoch + 1) % every !== 0) return false;
    if (run.trainer.shouldStop && this.#mayStopEarly()) return true;
    const interval = this.#interval();
    if (!Number.isFinite(interval)) return step.last;
    return (every === null ? progress.batchesSeen : step.index + 1) % interval === 0;
  }

  async #validate(): Promise<void> {
    const { run } = this;
    if (!this.#accumulating()) run.module.onValidationModelZeroGrad();
    await evaluate(run, "validate", this.#val!, this.#valLimits);
  }

  #accumulating(): boolean {
    return this.#window > 0;
  }

  /** A few validation batches before training, so that a mistake there shows now; their metrics are forgotten. */
  async #sanityCheck(): Promise<void> {
    const { run, options, progress } = this;
    const batches = options.numSanityValSteps < 0 ? Infinity : options.numSanityValSteps;
    if (batches === 0 || resumedProgress(progress).midEpoch || options.limitValBatches === 0) return;
    if (run.module.validationStep === undefined || !run.hasLoaders("val")) return;
    await run.hooks.callbacks("onSanityCheckStart");
    run.sanityChecking = true;
    const random = run.trainer.randomState();
    try {
      await this.#loadVal();
      await evaluate(run, "validate", this.#val!, this.#valLimits.map((limit) => Math.min(limit, batches)));
    } finally {
      run.trainer.restoreRandomState(random);
      run.sanityChecking = false;
    }
    await run.hooks.callbacks("onSanityCheckEnd");
  }
}

/** The loss in what a training step returned. */
function lossOf(outputs: StepOutput): Tensor | null {
  if (outputs === null || outputs === undefined) return null;
  const loss = outputs instanceof Tensor ? outputs : (outputs as { loss?: Tensor }).loss;
  if (!(loss instanceof Tensor) || loss.numel !== 1) {
    throw new TypeError(
      "Cannot train on what trainingStep returned: it must be a tensor with one element, an object with such a `loss`, or null",
    );
  }
  return loss;
}

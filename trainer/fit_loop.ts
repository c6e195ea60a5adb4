import { device } from "../device/mod.ts";
import type { Metric } from "../metrics/mod.ts";
import { defaultGenerator, type RandomState } from "../tensor/mod.ts";
import { scope } from "../tensor/scope.ts";
import { CompiledStep } from "./compiled_step.ts";
import { evaluate } from "./eval_loop.ts";
import { FitLoaders } from "./fit_loaders.ts";
import { noBatch, tellDefaultEnd, tellInterrupted, tellLossless, tellNoStep, tellNothingLeft } from "./fit_notes.ts";
import type { StepOutput } from "./module_hooks.ts";
import { AnomalyDetector } from "./anomaly.ts";
import { Cursor, type Step } from "./loaders.ts";
import { Optimization } from "./optimization.ts";
import type { ResolvedOptions } from "./options.ts";
import { asLightningResumes, finishEpoch, type FitProgress } from "./progress.ts";
import { type Run, stopped } from "./run.ts";
import { stepPlateauSchedulers, stepSchedulers } from "./scheduling.ts";
import { metricsOf } from "./training_state.ts";
import { ValidationTiming } from "./validation.ts";

/**
 * The loop of `fit`: epochs, batches, validation between. `progress` says at every moment what is left of it, so that a
 * checkpoint saved in any hook can be gone on from.
 */
export class FitLoop {
  readonly #run: Run;
  readonly #options: ResolvedOptions;
  readonly #progress: FitProgress;
  /** The loaders of this fit. */
  readonly loaders: FitLoaders;
  /** Whether a validation comes right after the running batch, as far as known before its end hooks. */
  validationFollows = false;
  /** Milliseconds of the first step of this fit, until the device had done it; `null` before that. */
  firstStepMs: number | null = null;
  #firstStep = true;
  #optimization: Optimization;
  #compiled: CompiledStep | null = null;
  readonly #anomalies: AnomalyDetector | null;
  #timing: ValidationTiming;
  #cursor: Cursor | null = null;
  /** Whether no batch of the running epoch had a loss; `null` before there was one. */
  #lossless: boolean | null = null;
  /** Optimizer steps before the running epoch, or the part of it that is left. */
  #stepAtEpoch = 0;
  /** Where the training loader stands, or has to go on. */
  #loaderState: object | null;
  #beforeValidation: BeforeValidation | null = null;
  /** While a batch is not done: where it is trained from again. */
  #restart: Restart | null = null;
  /** The beginning of the accumulation window, where this fit has seen it, or else of the batch. */
  #windowStart: Restart | null = null;

  /**
   * @param run The run
   * @param loaderState Where the training loader has to go on in the middle of an epoch
   */
  constructor(run: Run, loaderState: object | null) {
    this.#run = run;
    this.#options = run.trainer.options;
    this.#progress = run.progress;
    this.loaders = new FitLoaders(run);
    this.#anomalies = this.#options.detectAnomaly ? new AnomalyDetector(run.module) : null;
    this.#loaderState = loaderState;
    this.#optimization = new Optimization(run, Infinity);
    this.#timing = new ValidationTiming(this.#options, Infinity, false);
  }

  /** Where the training loader stands, for a checkpoint. */
  get loaderState(): object | null {
    return this.#restart?.loader ?? this.#cursor?.state(this.#progress.batchInEpoch) ?? this.#loaderState;
  }

  /**
   * Where a run goes on that is cut off within a batch, or `null` between batches: before that batch, and from its
   * gradients on before the accumulation window that they are part of.
   */
  get restart(): Restart | null {
    return this.#restart;
  }

  /** What the validation that has not come to its end found, or `null`: a resumed run has it all before it. */
  get beforeValidation(): BeforeValidation | null {
    return this.#beforeValidation;
  }

  /** Trains until an end is reached. */
  async go(): Promise<void> {
    const run = this.#run, progress = this.#progress;
    const { hooks, reporter } = run;
    if (this.#options.limitTrainBatches === 0) return;
    if (this.#reachedEnd()) return tellNothingLeft(run);
    tellDefaultEnd(run);
    run.cutShort = run.mustStop();
    if (run.cutShort) return;
    await this.#sanityCheck();
    await this.loaders.loadTrain();
    await this.loaders.loadVal(progress.epoch);
    this.#prepare();
    this.loaders.startAt(progress.epoch);
    Object.assign(progress, this.#resumed());
    if (this.loaders.trainBatches === 0) return;
    const restore = reporter.use(reporter.fitStore, "fit");
    const { pipelines } = device();
    pipelines.sideBySide++;
    try {
      await hooks.call("onTrainStart");
      if (this.#options.validateAtStart && progress.batchesSeen === 0 && !progress.midEpoch) {
        await this.#validate(() => {});
      }
      while (!this.#finished()) await run.timed("runTrainingEpoch", () => this.#epoch());
      // A save that began earlier is none of this moment.
      if (run.interrupted) await run.saves.settle();
      const written = run.saves.written;
      if (this.#reachedEnd()) run.complete = true;
      else {
        run.cutShort = true;
        await hooks.callbacks("onInterrupt");
      }
      await hooks.call("onTrainEnd");
      if (run.cutShort && run.interrupted) await tellInterrupted(run, written);
    } finally {
      pipelines.sideBySide--;
      this.#compiled?.dispose();
      this.#compiled = null;
      restore();
    }
    // Within an epoch the next fit goes on with what was logged; nothing stays on the device for it.
    if (progress.midEpoch) await reporter.fitStore.moveToHost();
    else reporter.fitStore.reset();
  }

  /** The progress that training goes on from. */
  #resumed(): FitProgress {
    return this.#options.lightningCompat ? asLightningResumes(this.#progress) : this.#progress;
  }

  #finished(): boolean {
    return this.#run.mustStop() || this.#reachedEnd();
  }

  #reachedEnd(): boolean {
    const { maxSteps } = this.#options, { place, globalStep, epoch } = this.#resumed();
    if (place !== "batch") return false;
    return (maxSteps >= 0 && globalStep >= maxSteps) || epoch >= this.#run.trainer.maxEpochs ||
      (this.#run.trainer.shouldStop && this.#mayStopEarly());
  }

  /** `shouldStop` counts once the least epochs and steps are reached. */
  #mayStopEarly(): boolean {
    const { minEpochs, minSteps } = this.#options;
    const { epoch, globalStep } = this.#progress;
    return (minEpochs === null || epoch >= minEpochs) && (minSteps === null || globalStep >= minSteps);
  }

  async #epoch(): Promise<void> {
    const complete = this.#progress.place === "epochEnd" || await this.#batches();
    if (!this.#run.mustStop()) await this.#endEpoch(complete);
  }

  /** The batches of an epoch, or those that are left of it. Returns whether the epoch is complete. */
  async #batches(): Promise<boolean> {
    const run = this.#run, progress = this.#progress;
    const cursor = this.#cursor = await this.#beginEpoch();
    let busy = false;
    try {
      while (!run.mustStop()) {
        if (progress.place === "batch") {
          if (progress.lastBatch || this.#finished()) break;
          const step = await run.untilStopped(run.timed("[FitLoop].trainDataloaderNext", () => cursor.next()));
          busy = step === stopped;
          if (step === stopped) break;
          if (step === null) {
            if (progress.batchInEpoch === 0) throw noBatch(progress.epoch);
            progress.lastBatch = true;
          } else if (await run.timed("runTrainingBatch", () => scope(() => this.#batch(step)))) {
            await run.keepPace();
            return true;
          }
        }
        if (progress.place !== "batch") await this.#afterBatch();
        if (run.saves.ready) await run.saves.tell();
        await run.keepPace();
      }
      return progress.lastBatch;
    } finally {
      // A batch that failed is trained again, and counted then.
      if (this.#restart !== null) {
        if (this.#restart.marked) run.reporter.fitStore.goBack();
        Object.assign(progress, this.#restart.progress);
      }
      this.#loaderState = this.loaderState;
      this.#cursor = null;
      run.reporter.leaveBatch();
      await cursor.close(busy);
    }
  }

  /** Puts the loader where the epoch begins or goes on. */
  async #beginEpoch(): Promise<Cursor> {
    const { hooks, reporter } = this.#run, progress = this.#progress;
    const first = progress.midEpoch ? progress.batchInEpoch : 0;
    if (first === 0 && await this.loaders.reloadTrain(progress.epoch)) this.#prepare();
    const { loader } = this.loaders.train;
    let skip = 0;
    loader.setEpoch?.(progress.epoch);
    this.#lossless = null;
    this.#stepAtEpoch = progress.globalStep;
    if (first === 0) {
      Object.assign(progress, { midEpoch: true, batchInEpoch: 0, lastBatch: false, windowBatches: 0 });
      reporter.fitStore.reset();
    } else if (this.#loaderState !== null && loader.loadStateDict) {
      await loader.loadStateDict(this.#loaderState as never);
    } else if (!this.#options.lightningCompat) skip = first;
    this.#loaderState = this.#restart = this.#windowStart = null;
    if (first === 0) await hooks.call("onTrainEpochStart");
    return new Cursor(loader, { limit: this.loaders.trainBatches, first, skip });
  }

  /** Trains one batch. Returns whether a hook asked to leave the epoch. */
  async #batch(step: Step): Promise<boolean> {
    const run = this.#run, progress = this.#progress;
    const { hooks, reporter, module } = run;
    this.#begin();
    defaultGenerator.startStep();
    const moved = run.transfer(step.batch, 0, this.loaders.train.loader);
    const batch = moved instanceof Promise ? await moved : moved;
    run.step = step;
    reporter.enterBatch(batch);
    const left = hooks.call("onTrainBatchStart", batch, step.index);
    if (left instanceof Promise ? await left : left) {
      this.#restart = null;
      return true;
    }
    this.#restart = this.#windowStart;
    const start = performance.now();
    const train = () =>
      module.automaticOptimization
        ? (this.#compiled ?? this.#optimization).train(batch, step)
        : run.runStep("trainingStep", batch, step.index) as StepOutput | Promise<StepOutput>;
    const trained = this.#anomalies === null ? train() : this.#anomalies.watch(step.index, train);
    const outputs = trained instanceof Promise ? await trained : trained;
    if (this.#firstStep) this.#timeFirst(start);
    this.#lossless = (this.#lossless ?? true) && module.automaticOptimization &&
      (outputs === null || outputs === undefined);
    this.#count(step);
    if (this.#optimization.closesWindow(step)) progress.steppedBatches++;
    if (run.schedulers.length > 0) await stepSchedulers(run);
    this.validationFollows = this.#validationDue();
    const ended = hooks.call("onTrainBatchEnd", outputs, batch, step.index);
    if (ended instanceof Promise) await ended;
    return false;
  }

  /** Notes where a batch begins, and the window with it if it is the first. */
  #begin(): void {
    const { batchInEpoch, batchesSeen, windowBatches } = this.#progress;
    const marked = windowBatches === 0 || this.#windowStart?.progress.windowBatches !== 0;
    this.#restart = {
      progress: { batchInEpoch, batchesSeen, windowBatches },
      random: defaultGenerator.state,
      loader: this.loaderState,
      marked,
    };
    if (!marked) return;
    this.#windowStart = this.#restart;
    this.#run.reporter.fitStore.mark();
  }

  #timeFirst(start: number): void {
    this.#firstStep = false;
    const done = () => void (this.firstStepMs = performance.now() - start);
    device().reached().then(done, () => {}); // who waits is told of a lost device
  }

  #count(step: Step): void {
    const progress = this.#progress;
    progress.batchInEpoch = step.index + 1;
    progress.batchesSeen++;
    progress.lastBatch = step.last;
    progress.place = "batchEnd";
    this.#restart = null;
  }

  /** What follows a batch: its row, validation, and schedulers that react to a metric. */
  async #afterBatch(): Promise<void> {
    const run = this.#run, progress = this.#progress;
    if (progress.place === "batchEnd") {
      run.reporter.writeStepRow();
      if (run.mustStop() || (this.#validationDue() && !await this.#validate())) return;
      progress.place = "validated";
    }
    if (run.schedulers.length > 0) await stepPlateauSchedulers(run, "batch");
    progress.place = "batch";
  }

  /** The end of an epoch, also of one that ends early since training does. */
  async #endEpoch(complete: boolean): Promise<void> {
    const { hooks, reporter } = this.#run, progress = this.#progress;
    if (this.#lossless) tellLossless(this.#run);
    const over = complete || this.#options.lightningCompat;
    if (progress.place !== "epochEnd") {
      if (over) progress.place = "epochEnd";
      await reporter.refresh();
      await hooks.acting("onTrainEpochEnd");
      await hooks.module("onTrainEpochEnd");
      await reporter.refresh();
      await hooks.monitoring("onTrainEpochEnd");
    }
    if (progress.lastBatch) await stepPlateauSchedulers(this.#run, "epoch");
    await reporter.writeEpochRow();
    if (over) {
      tellNoStep(this.#run, this.#stepAtEpoch);
      finishEpoch(progress);
    }
  }

  #validationDue(): boolean {
    return this.#timing.isDue(this.#progress, this.#run.trainer.shouldStop && this.#mayStopEarly());
  }

  /** Validates. Returns whether it came to its end. */
  async #validate(beforeEnd = () => void (this.#progress.place = "validated")): Promise<boolean> {
    const run = this.#run, progress = this.#progress;
    if (progress.windowBatches === 0) await run.hooks.module("onValidationModelZeroGrad");
    await this.loaders.loadVal(progress.epoch);
    // Callbacks that judge the validation may look at what training has logged, too.
    await run.reporter.refresh();
    const before: BeforeValidation = this.#beforeValidation = {
      random: defaultGenerator.state,
      evalBatches: { ...progress.evalBatches },
      freshMetrics: [...metricsOf(run.module).values()].filter(({ updateCount }) => updateCount === 0),
    };
    const { complete } = await evaluate(run, "validate", this.loaders.val, this.loaders.valBatches, {
      beforeEnd: () => {
        this.#beforeValidation = null;
        beforeEnd();
      },
    });
    if (!complete) progress.evalBatches = before.evalBatches;
    this.#timing.validated();
    return complete;
  }

  /** A few validation batches before training, so that a mistake there shows now; their metrics are forgotten. */
  async #sanityCheck(): Promise<void> {
    const run = this.#run, { numSanityValSteps, limitValBatches } = this.#options;
    const batches = numSanityValSteps < 0 ? Infinity : numSanityValSteps;
    if (batches === 0 || this.#options.validateAtStart || this.#resumed().midEpoch || limitValBatches === 0) return;
    if (run.module.validationStep === undefined || !run.hasLoaders("val")) return;
    await run.hooks.callbacks("onSanityCheckStart");
    run.sanityChecking = true;
    const random = defaultGenerator.state;
    try {
      const { loaders } = this;
      await loaders.loadVal(this.#progress.epoch);
      const limits = loaders.valBatches.map((limit) => Math.min(limit, batches));
      if (loaders.validates) await evaluate(run, "validate", loaders.val, limits);
    } finally {
      defaultGenerator.state = random;
      run.sanityChecking = false;
    }
    await run.hooks.callbacks("onSanityCheckEnd");
  }

  /** Optimizer steps that this fit will make, as far as known now; `Infinity` without end. */
  estimatedSteps(): number {
    this.loaders.loadTrainNow();
    const { maxEpochs, accumulateGradBatches } = this.#run.trainer, { maxSteps } = this.#options;
    const steps = Math.ceil(this.loaders.trainBatches / accumulateGradBatches) * maxEpochs;
    return maxSteps >= 0 ? Math.min(steps, maxSteps) : steps;
  }

  /** What depends on the number of batches. */
  #prepare(): void {
    this.#optimization = new Optimization(this.#run, this.loaders.trainBatches);
    this.#timing = new ValidationTiming(this.#options, this.loaders.trainBatches, this.loaders.validates);
    this.#compiled?.dispose();
    this.#compiled = this.#options.compile && this.#anomalies === null
      ? new CompiledStep(this.#run, this.#optimization)
      : null;
  }
}

/** A place within an epoch that training can go on from. */
interface Restart {
  readonly progress: Pick<FitProgress, "batchInEpoch" | "batchesSeen" | "windowBatches">;
  readonly random: RandomState;
  readonly loader: object | null;
  /** Whether it is where what was logged is marked. */
  readonly marked: boolean;
}

/** What a validation found when it began. */
interface BeforeValidation {
  readonly random: RandomState;
  readonly evalBatches: Record<string, number>;
  /** The metrics that had taken in no batch. */
  readonly freshMetrics: readonly Metric[];
}

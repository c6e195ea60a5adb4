import { LightningDataModule, type Stage } from "../data/mod.ts";
import { device, init } from "../device/mod.ts";
import { checkNames } from "../device/option_names.ts";
import { manualSeed } from "../tensor/mod.ts";
import { alone, type Occupant } from "./_exclusive.ts";
import { resolveAmount } from "./amounts.ts";
import { useMeasuredTiles } from "./benchmark.ts";
import type { Callback, CheckpointCallback } from "./callback.ts";
import { CheckpointError, newestOf, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { withModules } from "./defaults.ts";
import { enter } from "./entry.ts";
import {
  checkCall,
  type EntryOptions,
  type EvaluationOptions,
  type PredictOptions,
  type TrainerData,
} from "./entry_call.ts";
import { type EvalOptions, type EvalPhase, type EvalResult, evaluate, namesOf } from "./eval_loop.ts";
import { tellEmpty } from "./fit_loaders.ts";
import { FitLoop } from "./fit_loop.ts";
import { logHyperparameters } from "./hyperparameters.ts";
import type { LightningModule, ModuleHost } from "./lightning_module.ts";
import type { GivenTo, PredictedBatch } from "./loader_types.ts";
import { lengthOf } from "./loaders.ts";
import { configureOptimizers } from "./optimizers.ts";
import type { TrainerOptions } from "./options.ts";
import { givenLoaders, Run } from "./run.ts";
import { SaveQueue } from "./save_queue.ts";
import { TrainerStatus, type TrainerWork, workOf } from "./trainer_status.ts";
import { captureState, restoreModule, restoreTraining } from "./training_state.ts";

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
export class Trainer extends TrainerStatus {
  readonly #work: TrainerWork;
  readonly #ownCallbacks: readonly Callback[];
  #fitted: Fitted | null = null;
  readonly #saves: SaveQueue = new SaveQueue();

  /**
   * Makes a trainer; nothing runs yet.
   *
   * @param options What to do and how; every option has a default
   * @throws {TypeError} Naming each option that is wrong, what it got, and what is allowed
   */
  constructor(options: TrainerOptions = {}) {
    super(options);
    this.#work = workOf(this);
    this.#ownCallbacks = this.callbacks;
  }

  /** Asks for the training loader now, so that {@link estimatedSteppingBatches} is known in `configureOptimizers`. */
  async loadTrainingData(): Promise<void> {
    await this.#work.loop?.loaders.loadTrain();
  }

  /** Asks `configureOptimizers` anew, in a fit that has not trained yet: what it depends on has changed. */
  async resetOptimizers(): Promise<void> {
    const { run, stage } = this.#work;
    if (run === null || stage !== "fit") throw new Error("Cannot reset optimizers: fit is not running");
    await configureOptimizers(run);
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
  async fit<Batch, Module = unknown>(
    module: LightningModule<Batch> & Module,
    data?: TrainerData<NoInfer<Batch>, GivenTo<NoInfer<Module>>>,
    options: EntryOptions = {},
  ): Promise<void> {
    checkCall("fit", module, options);
    const work = this.#work;
    if (work.stage === null) this.#fitted = { module, data: data instanceof LightningDataModule ? data : null };
    await this.#enter("fit", module, data, options, async (run) => {
      this.shouldStop = false;
      for (const callback of this.callbacks) work.ckptPath ??= await callback.resumePath?.() ?? null;
      const { ckptPath } = work;
      const checkpoint = ckptPath === null ? null : await readCheckpoint(ckptPath);
      const state = checkpoint === null ? null : await restoreModule(run, this.callbacks, checkpoint);
      if (checkpoint !== null && state === null) {
        throw new CheckpointError(
          `Cannot resume from ${ckptPath}: it must hold training, it holds weights only`,
        );
      }
      // A window that was open when an earlier fit ended between two batches goes on, with its gradients.
      const inWindow = state === null && work.loop?.restart === null && work.progress.windowBatches > 0;
      const goesOn = state?.progress ?? work.progress, from = state === null ? work.loop?.loaderState : state.loader;
      const loop = work.loop = new FitLoop(run, goesOn.midEpoch ? from ?? null : null);
      await configureOptimizers(run);
      if (this.options.enableAutologHparams) await logHyperparameters(run, this.loggers);
      await run.hooks.call("onFitStart");
      if (inWindow) work.counts.wake();
      else {
        module.zeroGrad();
        work.counts.dispose();
      }
      if (state !== null) restoreTraining(run, state);
      await loop.go();
      await work.reporter.flush();
      await device().sync();
      await run.hooks.call("onFitEnd");
    });
  }

  /**
   * Runs validation, and shows its metrics as a table on the error stream.
   *
   * @param module The model; default: that of the latest fit, with the weights of its best checkpoint
   * @param data A data module, or loaders; default: the module's own, or for a default model its fit's data module
   * @param options A checkpoint whose weights are loaded, a signal to stop, whether the table is shown
   * @returns Its metrics, one record for each loader; `[]` where no loader has a batch, and where Ctrl-C or the signal
   *   ended it before its end: metrics of a part are not made known, {@link state} is `"interrupted"`
   * @throws {CheckpointError} If the checkpoint is damaged, or none was saved
   * @throws {Error} If there is no data, or no model and no fit before
   */
  async validate<Batch, Module = unknown>(
    module?: (LightningModule<Batch> & Module) | null,
    data?: TrainerData<NoInfer<Batch>, GivenTo<NoInfer<Module>>>,
    { verbose = true, ...options }: EvaluationOptions = {},
  ): Promise<Record<string, number>[]> {
    return (await this.#evaluate("validate", module, data, options, { verbose })).metrics;
  }

  /**
   * Runs the test, and shows its metrics as a table on the error stream.
   *
   * @param module The model; default: that of the latest fit, with the weights of its best checkpoint
   * @param data A data module, or loaders; default: the module's own, or for a default model its fit's data module
   * @param options A checkpoint whose weights are loaded, a signal to stop, whether the table is shown
   * @returns Its metrics, one record for each loader; `[]` where no loader has a batch, and where Ctrl-C or the signal
   *   ended it before its end: metrics of a part are not made known, {@link state} is `"interrupted"`
   * @throws {CheckpointError} If the checkpoint is damaged, or none was saved
   * @throws {Error} If there is no data, or no model and no fit before
   */
  async test<Batch, Module = unknown>(
    module?: (LightningModule<Batch> & Module) | null,
    data?: TrainerData<NoInfer<Batch>, GivenTo<NoInfer<Module>>>,
    { verbose = true, ...options }: EvaluationOptions = {},
  ): Promise<Record<string, number>[]> {
    return (await this.#evaluate("test", module, data, options, { verbose })).metrics;
  }

  /**
   * Predicts.
   *
   * @param module The model; default: that of the latest fit, with the weights of its best checkpoint
   * @param data A data module, or loaders; default: the module's own, or for a default model its fit's data module
   * @param options A checkpoint whose weights are loaded, a signal to stop
   * @returns What `predictStep` gave, by batch; with several loaders by loader and batch; with
   *   `returnPredictions: false`, for a callback that writes them, `[]`; so, too, where Ctrl-C or the signal ended it
   *   before its end
   * @throws {CheckpointError} If the checkpoint is damaged, or none was saved
   * @throws {Error} If there is no data, or no model and no fit before
   */
  async predict<Batch, Module = unknown>(
    module?: (LightningModule<Batch> & Module) | null,
    data?: TrainerData<PredictedBatch<NoInfer<Module>, NoInfer<Batch>>, GivenTo<NoInfer<Module>>>,
    { returnPredictions = true, ...options }: PredictOptions = {},
  ): Promise<unknown[]> {
    const { predictions } = await this.#evaluate("predict", module, data, options, {
      keepsPredictions: returnPredictions,
    });
    if (!returnPredictions) return [];
    return predictions.length === 1 ? predictions[0] : predictions;
  }

  /**
   * Saves the state of training (or the weights alone) as a checkpoint folder, all or nothing. Saved in a hook, it
   * holds what is left of that moment; best after a batch, not within its steps.
   *
   * In the background, the state is copied on the device, so that it is of this moment, and read and written while
   * training goes on. Callbacks hear of it in `onCheckpointSaved` after a later batch, an error is thrown there, and
   * the end of the run waits. One checkpoint is written at a time: the next one waits for it.
   *
   * @param paths The folder, or several that get the same
   * @param options Whether only the weights are kept, whether it is written in the background, and whether several
   *   folders share one set of files, each whole without the other, where the disk has links
   * @throws {Error} If nothing has run yet, or the folder cannot be written; an earlier checkpoint of the name stays
   */
  async saveCheckpoint(
    paths: string | readonly string[],
    options: { weightsOnly?: boolean; background?: boolean; link?: boolean } = {},
  ): Promise<void> {
    checkNames("save a checkpoint", options, { weightsOnly: true, background: true, link: true });
    const { weightsOnly = false, background = false, link = false } = options, work = this.#work, { run } = work;
    if (run === null) throw new Error("Cannot save a checkpoint: the trainer has no module, call fit first");
    const last = [paths].flat().at(-1);
    if (last === undefined) throw new TypeError("Cannot save a checkpoint: it needs the path of a folder, got none");
    await this.#saves.settle();
    await work.reporter.flush();
    const data = captureState(run, work.loop, this.callbacks, weightsOnly);
    const known = new Set(Object.keys(data));
    await run.hooks.call("onSaveCheckpoint", data);
    const beside = Object.keys(data).filter((name) => !known.has(name));
    if (beside.length > 0) {
      throw new TypeError(
        `Cannot save a checkpoint: what onSaveCheckpoint adds must stand in its extra, ${
          beside.join(", ")
        } would be lost`,
      );
    }
    this.#saves.add(last, writeCheckpoint(paths, data, { link }), () => this.#tellSaved(run, [paths].flat()));
    if (!background || work.stage === null) await this.#saves.settle();
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

  async #evaluate(
    phase: EvalPhase,
    given: LightningModule | null | undefined,
    givenData: TrainerData<unknown> | undefined,
    givenOptions: EntryOptions,
    how: EvalOptions,
  ): Promise<EvalResult> {
    const { step, limit, loaders: kind, name } = namesOf(phase);
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
      const { ckptPath } = this.#work;
      if (ckptPath !== null) await restoreModule(run, this.callbacks, await readCheckpoint(ckptPath));
      const loaders = await run.loaders(kind);
      if (loaders.length === 0) {
        throw new Error(
          `Cannot ${phase}: there is no data, give a data module, { ${kind}: loader }, or define ${kind}Dataloader`,
        );
      }
      tellEmpty(run, name, loaders);
      const limits = loaders.map(({ loader }) => resolveAmount(limit, this.options[limit], lengthOf(loader)));
      if (limits.some((batches) => batches > 0)) {
        result = await evaluate(run, phase, loaders, limits, how);
      }
      await device().sync();
    });
    return result;
  }

  #fittedFor(phase: EvalPhase): Fitted {
    if (this.#fitted !== null) return this.#fitted;
    throw new Error(`Cannot ${phase} without a model: this trainer has fitted none, give one`);
  }

  async #enter(
    stage: Stage,
    module: LightningModule,
    data: TrainerData<unknown> | undefined,
    options: EntryOptions,
    body: (run: Run) => Promise<void>,
  ): Promise<void> {
    const { stage: busy, reporter } = this.#work;
    if (busy !== null) throw new Error(`Cannot ${stage}: the trainer is busy with ${busy}`);
    this.#work.ckptPath = this.#checkpointPath(options.ckptPath ?? null);
    const occupant: Occupant = { what: stage, inHook: () => reporter.inHook };
    await alone(occupant, () => this.#go(stage, module, data, options, occupant, body));
  }

  async #go(
    stage: Stage,
    module: LightningModule,
    data: TrainerData<unknown> | undefined,
    options: EntryOptions,
    occupant: Occupant,
    body: (run: Run) => Promise<void>,
  ): Promise<void> {
    const work = this.#work, isModule = data instanceof LightningDataModule;
    work.stage = stage;
    work.state = "running";
    let outer: ModuleHost | null = null;
    try {
      await init(options.device);
      if (this.options.benchmark) await useMeasuredTiles(this.precision.name);
      const callbacks: Callback[] = [];
      const run = work.run = new Run({
        trainer: this,
        module,
        data: isModule ? data : null,
        given: isModule || data === undefined || data === null ? {} : givenLoaders(stage, data),
        callbacks,
        progress: work.progress,
        reporter: work.reporter,
        counts: work.counts,
        saves: this.#saves,
        signal: options.signal ?? null,
        occupant,
      });
      outer = module.attach(run);
      if (isModule) data.trainer = this;
      const configured = work.isTrial
        ? []
        : await run.inHook("configureCallbacks", () => module.configureCallbacks?.()) ?? [];
      work.callbacks = withModules(this.options, this.#ownCallbacks, [configured].flat());
      callbacks.push(...work.callbacks);
      if (options.ckptPath === "last") work.ckptPath = await this.#findLast(run, stage);
      work.reporter.startClock(work.progress.seconds);
      work.reporter.clearProgressBar();
      work.state = await enter(run, stage, this.loggers, () => body(run));
      await work.counts.rest();
      await this.precision.rest();
    } catch (error) {
      work.state = "failed";
      await this.#leaveDevice();
      throw error;
    } finally {
      if (stage === "fit") work.progress.seconds = work.reporter.seconds;
      work.stage = null;
      // A run within a hook of another one gives the module back.
      if (outer !== null && outer.trainer.stage !== null) module.attach(outer);
    }
  }

  /** After an error nothing stays on the device. Between two batches the state is whole: it can still be saved. */
  async #leaveDevice(): Promise<void> {
    const { progress, loop, counts, reporter: { fitStore } } = this.#work;
    try {
      if (progress.midEpoch && loop?.restart === null) await fitStore.moveToHost();
      else fitStore.reset();
      await counts.rest();
      await this.precision.rest();
    } catch {
      // The device is lost, which the run's own error says.
      fitStore.reset();
      counts.dispose();
      this.precision.dispose();
    }
  }

  #checkpointPath(wanted: string | null): string | null {
    // The last one may lie in the folder of a callback that the module adds.
    if (wanted === "last") return null;
    return wanted === "best" ? this.checkpointCallback?.bestModelPath || noneSaved(wanted) : wanted;
  }

  /**
   * The newest state that the callbacks have saved, in this process or an earlier one. Training begins without one,
   * too.
   */
  async #findLast(run: Run, stage: Stage): Promise<string | null> {
    const writers = this.#work.callbacks.filter((callback) => callback.checkpointing) as CheckpointCallback[];
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
  throw new CheckpointError(`Cannot load the ${which} checkpoint: this trainer has saved none`);
}

/**
 * Seeds every random number of a run: weights, dropout, the order of loaders, samplers and splits that have no seed of
 * their own.
 *
 * @param seed A whole number from 0 to 2⁵³ − 1
 */
export function seedEverything(seed: number): void {
  manualSeed(seed);
}

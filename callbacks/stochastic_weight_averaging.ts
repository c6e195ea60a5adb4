import * as z from "zod";
import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { BatchNorm } from "../nn/mod.ts";
import { AveragedModel, type SchedulerState, SWALR } from "../optim/mod.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import type { DType } from "../tensor/dtype.ts";
import { type HostTensor, isHostTensor } from "../tensor/host.ts";
import { checkOptions } from "../trainer/check_options.ts";
import { checkState } from "../trainer/check_state.ts";
import { Callback, type CheckpointData, type LightningModule, type StateDict, type Trainer } from "../trainer/mod.ts";
import { lostState } from "./_lost_state.ts";

/** How a {@link StochasticWeightAveraging} averages, and when. */
export interface StochasticWeightAveragingOptions {
  /** The rate that training goes on with, one for all groups or one for each. */
  swaLrs: number | readonly number[];
  /** The first epoch whose beginning is averaged, counted from 1, or a share of all epochs below 1; default 0.8. */
  swaEpochStart?: number;
  /** Epochs in which the rate goes there; default 10. */
  annealingEpochs?: number;
  /** Shape of the way; default `"cos"`. */
  annealingStrategy?: "cos" | "linear";
}

const rate = z.number().positive();
const rules = {
  swaLrs: [rate.or(z.array(rate).min(1)), "a number above 0, or one for each group"],
  swaEpochStart: [
    z.number().min(0).refine((epoch) => epoch < 1 || Number.isInteger(epoch)).default(0.8),
    "an epoch from 1 on, or a share of them below 1",
  ],
  annealingEpochs: [z.int().min(0).default(10), "a whole number from 0 on"],
  annealingStrategy: [z.enum(["cos", "linear"]).default("cos"), '"cos" or "linear"'],
} as const;

const savedState = z.object({
  nAveraged: z.int().min(0),
  latestUpdateEpoch: z.int().min(-1),
  scheduler: z.custom<SchedulerState>((value) => value !== null && typeof value === "object").nullable(),
  averages: z.record(z.string(), z.custom<HostTensor<DType>>(isHostTensor)).nullable(),
});

/**
 * Averages the weights at the beginning of the last epochs, trained with a constant high rate in place of the schedule,
 * and ends training with the average (Izmailov and others 2018). A model with batch normalisation gets one more epoch,
 * in which the running statistics are measured anew with the averaged weights: its batches only go forward, no hook of
 * backward, gradients or the optimizer runs. As in Lightning `globalStep` counts that epoch as one step, so what it
 * gives is a state to be saved.
 *
 * @example
 * ```ts
 * import { StochasticWeightAveraging } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * new Trainer({ maxEpochs: 20, callbacks: new StochasticWeightAveraging({ swaLrs: 0.05 }), logger: false });
 * ```
 */
export class StochasticWeightAveraging extends Callback {
  readonly #options: ReturnType<typeof checkOptions<typeof rules>>;
  #average: AveragedModel | null = null;
  #scheduler: SWALR | null = null;
  #nAveraged = 0;
  /** Whether a fit that did not come to its end has freed an average, without which its state is not whole. */
  #lost = false;
  #latestUpdateEpoch = -1;
  /** The epochs, from 0, whose beginnings are averaged: first and last. */
  #epochs: readonly [first: number, last: number] = [0, 0];
  #norms: readonly { readonly layer: BatchNorm; readonly momentum: number | null }[] = [];
  #accumulate: number | null = null;
  /** Whether one epoch was added to the trainer's. */
  #extended = false;
  #restored: z.output<typeof savedState> | null = null;

  /**
   * Makes the callback.
   *
   * @param options How it averages, and when
   * @throws {TypeError} Naming each option that is wrong
   */
  constructor(options: StochasticWeightAveragingOptions) {
    super();
    this.#options = checkOptions("a StochasticWeightAveraging", rules, options);
  }

  /** How many epochs' beginnings the average holds. */
  get nAveraged(): number {
    return this.#nAveraged;
  }

  /** Looks at the optimizer and the model, and goes on with a restored average. */
  override onFitStart(trainer: Trainer, module: LightningModule): void {
    const { optimizers, lrSchedulerConfigs, maxEpochs } = trainer, { swaEpochStart } = this.#options;
    this.#lost = false;
    const problem = optimizers.length !== 1
      ? `one optimizer, got ${optimizers.length}`
      : lrSchedulerConfigs.length > 1
      ? `at most one scheduler, got ${lrSchedulerConfigs.length}`
      : Number.isFinite(maxEpochs)
      ? null
      : "maxEpochs, there is no end";
    if (problem !== null) throw new RangeError(`Cannot average weights stochastically: fit must have ${problem}`);
    const start = swaEpochStart >= 1 ? swaEpochStart : Math.floor(maxEpochs * swaEpochStart);
    this.#epochs = [Math.max(0, start - 1), maxEpochs - 1];
    const norms = [...module.modules()].filter((part) => part instanceof BatchNorm && part.runningMean !== null);
    this.#norms = norms.map((layer) => ({ layer: layer as BatchNorm, momentum: (layer as BatchNorm).momentum }));
    this.#extended = this.#norms.length > 0;
    if (this.#extended) trainer.maxEpochs++;
    const restored = this.#restored;
    this.#restored = null;
    if (restored === null) return;
    this.#nAveraged = restored.nAveraged;
    this.#latestUpdateEpoch = restored.latestUpdateEpoch;
    if (restored.scheduler !== null) this.#useScheduler(trainer).loadStateDict(restored.scheduler);
    if (restored.averages !== null) {
      this.#average = new AveragedModel(module);
      this.#average.loadStateDict(restored.averages);
    }
  }

  /** Averages, or begins to measure statistics. */
  override onTrainEpochStart(trainer: Trainer, module: LightningModule): void {
    const epoch = trainer.currentEpoch, [first, last] = this.#epochs;
    if (epoch >= first && epoch <= last) {
      if (this.#scheduler === null) this.#useScheduler(trainer);
      if (epoch > this.#latestUpdateEpoch) {
        this.#average ??= new AveragedModel(module);
        this.#average.updateParameters(module);
        this.#nAveraged++;
        this.#latestUpdateEpoch = epoch;
      }
    }
    if (epoch === last + 1 && this.#norms.length > 0) this.#beginStatistics(trainer, module);
  }

  /** Goes on with measuring statistics in an epoch that is resumed in its middle. */
  override onTrainStart(trainer: Trainer, module: LightningModule): void {
    const resumes = trainer.batchInEpoch > 0 && trainer.currentEpoch === this.#epochs[1] + 1 && this.#norms.length > 0;
    if (resumes) this.#beginStatistics(trainer, module, false);
  }

  /** Ends measuring them. */
  override onTrainEpochEnd(trainer: Trainer): void {
    if (this.#accumulate === null) return;
    trainer.skipBackward = false;
    trainer.accumulateGradBatches = this.#accumulate;
    this.#accumulate = null;
    for (const { layer, momentum } of this.#norms) layer.momentum = momentum;
  }

  /** Leaves the average in the model. */
  override onTrainEnd(trainer: Trainer, module: LightningModule): void {
    const [, last] = this.#epochs;
    if (this.#norms.length === 0 && trainer.currentEpoch === last + 1) this.#transfer(module);
  }

  /** Frees the average. */
  override teardown(trainer: Trainer): void {
    this.onTrainEpochEnd(trainer);
    this.#lost = this.#average !== null && trainer.currentEpoch < trainer.maxEpochs;
    if (this.#extended) trainer.maxEpochs--;
    this.#extended = false;
    this.#average?.dispose();
    this.#average = this.#scheduler = null;
    this.#nAveraged = 0;
    this.#latestUpdateEpoch = -1;
  }

  /** Refuses a state of training that lacks the average. */
  override onSaveCheckpoint(_trainer: Trainer, _module: LightningModule, { training }: CheckpointData): void {
    if (this.#lost && training !== null) throw lostState(this, "the average of the weights");
  }

  /** The average, and where the schedule stands. */
  override stateDict(): StateDict {
    return {
      nAveraged: this.#nAveraged,
      latestUpdateEpoch: this.#latestUpdateEpoch,
      scheduler: this.#scheduler?.stateDict() ?? null,
      averages: this.#average === null ? null : Object.fromEntries(this.#average.stateDict()),
    };
  }

  /** Takes them back when fit has made the optimizer. */
  override loadStateDict(state: StateDict): void {
    this.#restored = checkState("the StochasticWeightAveraging", savedState, state);
  }

  #useScheduler(trainer: Trainer): SWALR {
    const { swaLrs, annealingEpochs, annealingStrategy } = this.#options;
    this.#scheduler = new SWALR(trainer.optimizers[0], {
      swaLr: swaLrs,
      annealEpochs: annealingEpochs,
      annealStrategy: annealingStrategy,
    });
    trainer.lrSchedulerConfigs = [{
      scheduler: this.#scheduler,
      interval: "epoch",
      frequency: 1,
      monitor: null,
      strict: true,
      name: trainer.lrSchedulerConfigs[0]?.name ?? null,
      reduceOnPlateau: false,
    }];
    return this.#scheduler;
  }

  /** The whole epoch is one window of accumulation without gradients, at whose end nothing steps. */
  #beginStatistics(trainer: Trainer, module: LightningModule, anew = true): void {
    if (anew) {
      this.#transfer(module);
      for (const { layer } of this.#norms) layer.resetRunningStats();
    }
    for (const { layer } of this.#norms) layer.momentum = null;
    trainer.optimizers[0].zeroGrad();
    this.#accumulate = trainer.accumulateGradBatches;
    trainer.accumulateGradBatches = Number.MAX_SAFE_INTEGER;
    trainer.skipBackward = true;
  }

  /** Copies averaged parameters into the model; buffers stay its own. */
  #transfer(module: LightningModule): void {
    noGrad(() => {
      for (const [name, parameter] of module.namedParameters()) {
        const average = this.#average?.averages.get(name);
        if (average !== undefined) copyInto(parameter, average);
      }
    });
  }
}

import * as z from "zod";
import { AveragedModel, type AveragedModelOptions } from "../optim/mod.ts";
import { hostTensor, isHostTensor } from "../tensor/host.ts";
import { Tensor } from "../tensor/tensor.ts";
import { lostState } from "./_lost_state.ts";
import {
  type AnyTensor,
  Callback,
  type CheckpointData,
  CheckpointError,
  type LightningModule,
  type Stage,
  type Trainer,
} from "../trainer/mod.ts";
import { checkOptions } from "../trainer/check_options.ts";

const rules = {
  decay: [z.number().min(0).max(1).nullable().default(null), "a number from 0 to 1 or null"],
  useBuffers: [z.boolean().default(true), "true or false"],
} as const;

/** Where a checkpoint keeps the trained weights while its own are the average. */
const RAW = "currentModelState", COUNT = "averagedUpdates";

/**
 * Averages the weights of a model while it trains: validation sees the average, and training ends with it. Override
 * {@link shouldUpdate} to choose when; an average that has not started is never used.
 *
 * A checkpoint's weights are the average; the trained ones stand beside it, and a resumed run goes on with both.
 *
 * @example
 * ```ts
 * import { WeightAveraging } from "@fulgurite/core/callbacks";
 *
 * class EveryEpoch extends WeightAveraging { // stochastic weight averaging from epoch 10 on
 *   override shouldUpdate(_step: number | null, epoch: number | null): boolean {
 *     return epoch !== null && epoch >= 10;
 *   }
 * }
 * console.log(new EveryEpoch().started); // false
 * ```
 */
export class WeightAveraging extends Callback {
  readonly #options: AveragedModelOptions;
  #average: AveragedModel | null = null;
  #updates = 0;
  #latestStep = 0;
  /** Whether the model holds the average, and {@link AveragedModel} the trained weights. */
  #swapped = false;
  #ended = false;
  /** Whether a fit that did not come to its end has freed an average, without which its state is not whole. */
  #lost = false;

  /**
   * Makes the callback.
   *
   * @param options Kind of average: equal weights, or with `decay` exponential; whether buffers are averaged too,
   *   default true as in Lightning
   * @throws {TypeError} Naming each option that is wrong
   */
  constructor(options: AveragedModelOptions = {}) {
    super();
    this.#options = checkOptions("a WeightAveraging", rules, options);
  }

  /** Whether the average has taken in weights. */
  get started(): boolean {
    return this.#updates > 0;
  }

  /**
   * Whether the average is to take in the present weights.
   *
   * @param step The optimizer step that was made, from zero; `null` at the end of an epoch
   * @param _epoch The epoch that ends, from zero; `null` after a step
   */
  shouldUpdate(step: number | null, _epoch: number | null): boolean {
    return step !== null;
  }

  /** Lightning copies the model this early, and has it make its layers for that. */
  override async setup(trainer: Trainer, module: LightningModule, stage: Stage): Promise<void> {
    if (stage === "fit" && trainer.options.lightningCompat) await module.configureModel?.();
  }

  /** Makes the average, beside the model. */
  override onFitStart(_trainer: Trainer, module: LightningModule): void {
    this.#lost = false;
    this.#average ??= new AveragedModel(module, this.#options);
  }

  /** Takes in the weights after an optimizer step. */
  override onTrainBatchEnd(trainer: Trainer, module: LightningModule): void {
    const { globalStep } = trainer;
    if (globalStep <= this.#latestStep) return;
    this.#latestStep = globalStep;
    if (this.shouldUpdate(globalStep - 1, null)) this.#update(module);
  }

  /** Takes in the weights after an epoch. */
  override onTrainEpochEnd(trainer: Trainer, module: LightningModule): void {
    if (this.shouldUpdate(null, trainer.currentEpoch)) this.#update(module);
  }

  /** Puts the average in place. */
  override onValidationEpochStart(trainer: Trainer, module: LightningModule): void {
    if (trainer.stage === "fit" && this.#used(trainer)) this.#swap(module);
  }

  /** Puts the trained weights back. */
  override onValidationEpochEnd(_trainer: Trainer, module: LightningModule): void {
    if (this.#swapped) this.#swap(module);
  }

  /** Leaves the average in the model. */
  override onTrainEnd(trainer: Trainer, module: LightningModule): void {
    // A run that is interrupted goes on with the trained weights.
    if (!this.#used(trainer) || trainer.interrupted) return;
    this.#swap(module);
    this.#ended = true;
  }

  /** Puts the trained weights back if an error came in a validation, and frees the average. */
  override teardown(_trainer: Trainer, module: LightningModule, stage: Stage): void {
    if (stage !== "fit") return;
    if (this.#swapped && !this.#ended) this.#swap(module);
    this.#lost = this.started && !this.#ended;
    this.#average?.dispose();
    this.#average = null;
    this.#swapped = this.#ended = false;
    this.#updates = this.#latestStep = 0;
  }

  /** Makes the average the checkpoint's weights. */
  override onSaveCheckpoint(trainer: Trainer, _module: LightningModule, checkpoint: CheckpointData): void {
    if (this.#lost) throw lostState(this, "the average of the weights");
    if (this.#average === null || !this.#used(trainer)) return;
    const [inModel, beside] = [checkpoint.stateDict, new Map(this.#average.averages)];
    [checkpoint.stateDict, checkpoint.extra[RAW]] = this.#swapped ? [inModel, beside] : [beside, inModel];
    checkpoint.extra[COUNT] = this.#updates;
  }

  /** Goes on with average and trained weights. */
  override onLoadCheckpoint(trainer: Trainer, module: LightningModule, checkpoint: CheckpointData): void {
    if (trainer.stage !== "fit") return;
    const { [RAW]: raw, [COUNT]: updates } = checkpoint.extra;
    if (raw === undefined) return;
    if (!isState(raw) || !Number.isInteger(updates)) {
      throw new CheckpointError(`Cannot resume averaging: the checkpoint's ${RAW} must be weights by name`);
    }
    this.#updates = updates as number;
    const count = hostTensor(Float32Array.of(this.#updates), { dtype: "f32", shape: [] });
    const averages = [...checkpoint.stateDict].map(([name, t]): [string, AnyTensor] => [`module.${name}`, t]);
    this.#average = new AveragedModel(module, this.#options);
    this.#average.loadStateDict(new Map([["n_averaged", count], ...averages]));
    const { globalStep } = checkpoint.training?.progress as { globalStep: number };
    this.#latestStep = globalStep;
    module.loadStateDict(raw, { strict: module.strictLoading });
  }

  #used({ options }: Trainer): boolean {
    return this.#average !== null && (this.started || options.lightningCompat);
  }

  #update(module: LightningModule): void {
    this.#average!.updateParameters(module);
    this.#updates++;
  }

  #swap(module: LightningModule): void {
    this.#average!.swap(module);
    this.#swapped = !this.#swapped;
  }
}

function isState(value: unknown): value is Map<string, AnyTensor> {
  return value instanceof Map && [...value.values()].every((t) => t instanceof Tensor || isHostTensor(t));
}

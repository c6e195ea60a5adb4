import { checkObject } from "../device/option_names.ts";
import { Callback, type LightningModule, type Trainer } from "../trainer/mod.ts";

/**
 * Changes, from certain epochs on, how many batches are averaged for one optimizer step.
 *
 * @example
 * ```ts
 * import { GradientAccumulationScheduler } from "@fulgurite/core/callbacks";
 *
 * const schedule = new GradientAccumulationScheduler({ 4: 2, 8: 4 }); // 1 batch, 2 from epoch 4 on, 4 from epoch 8 on
 * console.log(schedule.batchesIn(5)); // 2
 * ```
 */
export class GradientAccumulationScheduler extends Callback {
  readonly #changes: readonly (readonly [epoch: number, batches: number])[];

  /**
   * Makes the callback.
   *
   * @param scheduling Batches by the epoch (from 0) from which on they hold; before the first: 1
   * @throws {TypeError} If it is empty, or an epoch or a number of batches is none
   */
  constructor(scheduling: Readonly<Record<number, number>>) {
    super();
    checkObject("make a GradientAccumulationScheduler", scheduling, "0");
    const changes = Object.entries(scheduling).map(([epoch, batches]) => [Number(epoch), batches] as const);
    const wrong = changes.find(([epoch, batches]) =>
      !(Number.isInteger(epoch) && epoch >= 0 && Number.isInteger(batches) && batches >= 1)
    );
    if (changes.length === 0 || wrong !== undefined) {
      throw new TypeError(
        "Cannot make a GradientAccumulationScheduler: it needs batches from 1 on by epochs from 0 on, got " +
          (wrong === undefined ? "nothing" : `${wrong[1]} for ${wrong[0]}`),
      );
    }
    this.#changes = changes.sort(([a], [b]) => a - b);
  }

  /** Batches of a window in an epoch. */
  batchesIn(epoch: number): number {
    return this.#changes.findLast(([first]) => first <= epoch)?.[1] ?? 1;
  }

  /** Sets the first epoch's, also of one that is resumed in its middle. */
  override onTrainStart(trainer: Trainer, module: LightningModule): void {
    if (!module.automaticOptimization) {
      throw new RangeError(
        `Cannot use a GradientAccumulationScheduler with manual optimization: ${module.constructor.name} decides itself ` +
          "when an optimizer steps",
      );
    }
    const { accumulateGradBatches } = trainer.options;
    if (accumulateGradBatches !== 1) {
      throw new RangeError(
        "Cannot use a GradientAccumulationScheduler: the trainer's accumulateGradBatches must be 1 beside it, got " +
          accumulateGradBatches,
      );
    }
    this.onTrainEpochStart(trainer);
  }

  /** Sets the epoch's. */
  override onTrainEpochStart(trainer: Trainer): void {
    trainer.accumulateGradBatches = this.batchesIn(trainer.currentEpoch);
  }
}

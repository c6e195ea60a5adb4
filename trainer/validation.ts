import { shareOf } from "./amounts.ts";
import { Interval, isEvery } from "./interval.ts";
import type { ResolvedOptions } from "./options.ts";
import type { FitProgress } from "./progress.ts";

/** Whether validation comes just once an epoch, at its end. */
export function validatesOncePerEpoch({ valCheckInterval, checkValEveryNEpoch }: ResolvedOptions): boolean {
  if (checkValEveryNEpoch !== 1) return false;
  return isEvery(valCheckInterval)
    ? valCheckInterval.unit === "epoch" && valCheckInterval.every === 1
    : shareOf(valCheckInterval) === 1;
}

/** When fit validates: counted in batches of training, in steps, in epochs, or by the clock. */
export class ValidationTiming {
  /** Batches between validations; 0 for none, `Infinity` for the end of epochs. */
  readonly #everyBatches: number = 0;
  readonly #everyEpochs: number | null;
  readonly #every: Interval | null = null;

  /**
   * @param options The trainer's
   * @param trainBatches Batches of a training epoch, `Infinity` if unknown
   * @param any Whether there is anything to validate on
   * @throws {RangeError} If validation would never come within an epoch, or a share is asked of an unknown length
   */
  constructor({ valCheckInterval, checkValEveryNEpoch }: ResolvedOptions, trainBatches: number, any: boolean) {
    this.#everyEpochs = checkValEveryNEpoch;
    if (!any) return;
    if (isEvery(valCheckInterval)) {
      this.#every = new Interval(valCheckInterval);
      return;
    }
    const share = shareOf(valCheckInterval);
    if (share !== null) {
      if (share !== 1 && !Number.isFinite(trainBatches)) {
        throw new RangeError(
          `Cannot use valCheckInterval: a share needs a loader of known length, got ${share} of an unknown one`,
        );
      }
      this.#everyBatches = share === 1 ? trainBatches : Math.max(1, Math.floor(trainBatches * share));
      return;
    }
    this.#everyBatches = valCheckInterval as number;
    if (checkValEveryNEpoch !== null && this.#everyBatches > trainBatches) {
      throw new RangeError(
        `Cannot use valCheckInterval: it must not exceed the ${trainBatches} batches of an epoch unless ` +
          `checkValEveryNEpoch is null, got ${this.#everyBatches}`,
      );
    }
  }

  /** Notes a validation: intervals of time begin anew. */
  validated(): void {
    this.#every?.restart();
  }

  /**
   * Whether a validation comes after the latest batch.
   *
   * @param progress Where training stands
   * @param stopping Whether training ends after this batch
   */
  isDue(progress: FitProgress, stopping: boolean): boolean {
    const { epoch, batchInEpoch, batchesSeen, lastBatch } = progress;
    const batches = this.#everyBatches, epochs = this.#everyEpochs;
    if (batches === 0 && this.#every === null) return false;
    if (epochs !== null && (epoch + 1) % epochs !== 0) return false;
    if (stopping) return true;
    if (this.#every !== null) return this.#every.isOver(progress);
    if (!Number.isFinite(batches)) return lastBatch;
    return (epochs === null ? batchesSeen : batchInEpoch) % batches === 0;
  }
}

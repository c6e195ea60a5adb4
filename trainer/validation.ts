import { shareOf } from "./amounts.ts";
import type { ResolvedOptions } from "./options.ts";
import type { FitProgress } from "./progress.ts";

/** When fit validates: counted in batches of training. */
export class ValidationTiming {
  readonly #everyBatches: number;
  readonly #everyEpochs: number | null;

  /**
   * @param options The trainer's
   * @param trainBatches Batches of a training epoch, `Infinity` if unknown
   * @param any Whether there is anything to validate on
   * @throws {RangeError} If validation would never come within an epoch, or a share is asked of an unknown length
   */
  constructor({ valCheckInterval, checkValEveryNEpoch }: ResolvedOptions, trainBatches: number, any: boolean) {
    this.#everyEpochs = checkValEveryNEpoch;
    if (!any) {
      this.#everyBatches = 0;
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

  /**
   * Whether a validation comes after the latest batch.
   *
   * @param progress Where training stands
   * @param stopping Whether training ends after this batch
   */
  isDue({ epoch, batchInEpoch, batchesSeen, lastBatch }: FitProgress, stopping: boolean): boolean {
    const batches = this.#everyBatches, epochs = this.#everyEpochs;
    if (batches === 0) return false;
    if (epochs !== null && (epoch + 1) % epochs !== 0) return false;
    if (stopping) return true;
    if (!Number.isFinite(batches)) return lastBatch;
    return (epochs === null ? batchesSeen : batchInEpoch) % batches === 0;
  }
}

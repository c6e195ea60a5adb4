import * as z from "zod";
import type { Every } from "./amounts.ts";
import type { FitProgress } from "./progress.ts";

const count = z.number().int().min(1);

/** An interval with its unit, as options take it. */
export const every: z.ZodType<Every> = z.union([
  z.strictObject({ every: count, unit: z.enum(["batch", "step", "epoch"]) }),
  z.strictObject({ every: z.number().positive(), unit: z.literal("second") }),
]);
/** What it must be. */
export const EVERY = '{ every, unit: "batch", "step", "epoch" or "second" }';

/**
 * When a scheduler is stepped, as its configuration takes it: after a number of steps or epochs, or at the ends of an
 * interval.
 */
export const schedulerInterval: z.ZodType<"epoch" | "step" | Every> = z.enum(["epoch", "step"]).or(every);
/** What it must be. */
export const SCHEDULER_INTERVAL = `"epoch", "step" or ${EVERY}`;

/** Whether an option is an interval with its unit, rather than a number or a word. */
export function isEvery(option: unknown): option is Every {
  return typeof option === "object" && option !== null && "every" in option;
}

/** Tells after which batches an interval ends. */
export class Interval {
  readonly #every: Every;
  #began = performance.now();
  /** What was decided after the latest batch: the clock must not change it. */
  #decided = { batch: -1, step: -1, over: false };

  /** @param every What it counts, and how far */
  constructor(every: Every) {
    this.#every = every;
  }

  /** Has an interval of time begin anew. */
  restart(): void {
    this.#began = performance.now();
  }

  /** Whether one ends with the batch that was trained last. */
  isOver(progress: FitProgress): boolean {
    const { batchesSeen, globalStep } = progress;
    if (this.#decided.batch !== batchesSeen) {
      // Batches without a step, as in manual optimization, do not come to its multiple again.
      const stands = this.#every.unit === "step" && this.#decided.step === globalStep;
      this.#decided = { batch: batchesSeen, step: globalStep, over: !stands && this.#endsAt(progress) };
    }
    return this.#decided.over;
  }

  /**
   * Whether one ends with the batch that is trained now, or with its accumulation window.
   *
   * @param progress Where training stood before it
   * @param lastBatch Whether it is the last of its epoch
   */
  comes(progress: FitProgress, lastBatch: boolean): boolean {
    const { batchesSeen, globalStep } = progress;
    return this.#endsAt({
      ...progress,
      batchesSeen: batchesSeen + 1,
      globalStep: globalStep + 1,
      lastBatch,
      windowBatches: 0,
    });
  }

  #endsAt({ epoch, batchesSeen, globalStep, lastBatch, windowBatches }: FitProgress): boolean {
    const { every, unit } = this.#every;
    if (unit === "batch") return batchesSeen % every === 0;
    if (unit === "step") return windowBatches === 0 && globalStep > 0 && globalStep % every === 0;
    if (unit === "epoch") return lastBatch && (epoch + 1) % every === 0;
    return performance.now() - this.#began >= 1000 * every;
  }
}

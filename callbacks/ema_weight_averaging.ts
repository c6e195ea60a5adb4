import * as z from "zod";
import { checkOptions } from "../trainer/check_options.ts";
import { WeightAveraging } from "./weight_averaging.ts";

/** How an {@link EMAWeightAveraging} averages, and when. */
export interface EMAWeightAveragingOptions {
  /** Share of the old average that each update keeps; default 0.999. */
  decay?: number;
  /** Whether buffers are averaged too; default true. */
  useBuffers?: boolean;
  /** Update after every n-th optimizer step; default 1. */
  updateEveryNSteps?: number;
  /** The first optimizer step, from zero, that is taken in; default: all. */
  updateStartingAtStep?: number | null;
  /** Update at the end of epochs, too, from this one on; default: no epochs. */
  updateStartingAtEpoch?: number | null;
}

const count = z.int().min(0);
const COUNT = "a whole number from 0 on";
const rules = {
  decay: [z.number().min(0).max(1).default(0.999), "a number from 0 to 1"],
  useBuffers: [z.boolean().default(true), "true or false"],
  updateEveryNSteps: [z.int().min(1).default(1), "a whole number from 1 on"],
  updateStartingAtStep: [count.nullable().default(null), `${COUNT} or null`],
  updateStartingAtEpoch: [count.nullable().default(null), `${COUNT} or null`],
} as const;

/**
 * Averages weights exponentially: each update keeps `decay` of the average and takes the rest from the model. The first
 * one copies.
 *
 * @example
 * ```ts
 * import { EMAWeightAveraging } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * new Trainer({ callbacks: new EMAWeightAveraging({ decay: 0.99, updateStartingAtStep: 100 }), logger: false });
 * ```
 */
export class EMAWeightAveraging extends WeightAveraging {
  readonly #options: ReturnType<typeof checkOptions<typeof rules>>;

  /**
   * Makes the callback.
   *
   * @param options How it averages, and when
   * @throws {TypeError} Naming each option that is wrong
   */
  constructor(options: EMAWeightAveragingOptions = {}) {
    const checked = checkOptions("an EMAWeightAveraging", rules, options);
    super({ decay: checked.decay, useBuffers: checked.useBuffers });
    this.#options = checked;
  }

  /** After every n-th step, and at the end of epochs where that is asked for. */
  override shouldUpdate(step: number | null, epoch: number | null): boolean {
    const { updateEveryNSteps, updateStartingAtStep, updateStartingAtEpoch } = this.#options;
    if (step !== null) return step >= (updateStartingAtStep ?? 0) && step % updateEveryNSteps === 0;
    return updateStartingAtEpoch !== null && epoch !== null && epoch >= updateStartingAtEpoch;
  }
}

import * as z from "zod";
import { show } from "../device/option_names.ts";
import { checkOptions } from "../trainer/check_options.ts";
import type { Every } from "../trainer/amounts.ts";
import { DURATION, type Duration, duration, secondsOf } from "../trainer/duration.ts";
import { EVERY, every } from "../trainer/interval.ts";

/** When and what a `ModelCheckpoint` saves. */
export interface ModelCheckpointOptions {
  /** The folder; default: `checkpoints` in the logger's folder, or below the trainer's root. */
  dirpath?: string;
  /**
   * The name with places for numbers: `"{epoch}-{val_loss:.2f}"` gives `epoch=2-val_loss=0.32`. Default
   * `"{epoch}-{step}"`.
   */
  filename?: string;
  /** The metric that ranks checkpoints; default: none, the newest is kept. */
  monitor?: string | null;
  /** Whether less (default) or more is better. */
  mode?: "min" | "max";
  /** How many of the best to keep; −1: all, 0: none. Default 1. */
  saveTopK?: number;
  /**
   * Also keep `last`, always the latest state, also when training ends or is interrupted; default false. `"link"`:
   * where it is saved together with a ranked checkpoint, both share one set of files on the disk, and each is whole
   * without the other.
   */
  saveLast?: boolean | "link";
  /** Save weights only, from which training cannot be resumed; default false. */
  saveWeightsOnly?: boolean;
  /** Save when an error, Ctrl-C or a signal ends training; default false. */
  saveOnException?: boolean;
  /** Save after so many optimizer steps. */
  everyNTrainSteps?: number;
  /** Save after this time of training, at the end of a step: `"DD:HH:MM:SS"`, seconds, or parts. */
  trainTimeInterval?: Duration;
  /** Save after so many epochs; default 1 where no other trigger is given. */
  everyNEpochs?: number;
  /** Save at the ends of this interval, which says its unit; in place of the three above. */
  every?: Every;
  /** At the end of a training epoch, or after validation; default: by when the trainer validates. */
  saveOnTrainEpochEnd?: boolean;
  /** Write `name=` before each number; default true. */
  autoInsertMetricName?: boolean;
  /** Append -v1, -v2, … to a name that is taken; default true. */
  enableVersionCounter?: boolean;
  /**
   * Write checkpoints while training goes on: what a checkpoint holds is copied on the device at its moment. Default
   * true; with `lightningCompat`, and for what is saved when an error ends training, each save is waited for.
   */
  saveInBackground?: boolean;
  /** Say what is saved; default false. */
  verbose?: boolean;
}

const flag = (preset: boolean) => [z.boolean().default(preset), "true or false"] as const;
const count = z.number().int().min(0);

const rules = {
  dirpath: [z.string().min(1).nullable().default(null), "the path of a folder"],
  filename: [z.string().min(1).default("{epoch}-{step}"), "a name that is not empty"],
  monitor: [z.string().min(1).nullable().default(null), "the name of a metric, or null"],
  mode: [z.enum(["min", "max"]).default("min"), '"min" or "max"'],
  saveTopK: [count.or(z.literal(-1)).default(1), "a whole number from 0 on, or -1 for all"],
  saveLast: [z.boolean().or(z.literal("link")).default(false), 'true, false or "link"'],
  saveWeightsOnly: flag(false),
  saveOnException: flag(false),
  everyNTrainSteps: [count.default(0), "a whole number from 0 on"],
  trainTimeInterval: [duration.transform(secondsOf).default(0), DURATION],
  everyNEpochs: [count.nullable().default(null), "a whole number from 0 on"],
  every: [every.nullable().default(null), EVERY],
  saveOnTrainEpochEnd: [z.boolean().nullable().default(null), "true or false"],
  autoInsertMetricName: flag(true),
  enableVersionCounter: flag(true),
  saveInBackground: flag(true),
  verbose: flag(false),
} as const;

/** The options with their defaults. */
export type CheckedOptions = ReturnType<typeof checkOptions<typeof rules>> & {
  readonly everyNEpochs: number;
  readonly everyNBatches: number;
};

/**
 * Checks options of a `ModelCheckpoint`, each and together.
 *
 * @throws {TypeError} Naming each option that is wrong, what it got and what is allowed
 */
export function checkedOptions(options: ModelCheckpointOptions): CheckedOptions {
  const checked = checkOptions("a ModelCheckpoint", rules, options);
  const { everyNTrainSteps, trainTimeInterval, monitor, saveTopK, every } = checked;
  const everyNEpochs = checked.everyNEpochs ?? (everyNTrainSteps || trainTimeInterval || every ? 0 : 1);
  if ([everyNTrainSteps, trainTimeInterval, everyNEpochs, every?.every ?? 0].filter((n) => n > 0).length > 1) {
    throw new TypeError(
      "Cannot make a ModelCheckpoint: everyNTrainSteps, trainTimeInterval, everyNEpochs and every exclude each other, got " +
        `${everyNTrainSteps}, ${trainTimeInterval}, ${everyNEpochs} and ${show(every)}`,
    );
  }
  const of = (unit: Every["unit"]) => every?.unit === unit ? every.every : 0;
  if (monitor === null && saveTopK > 1) {
    throw new TypeError(
      `Cannot make a ModelCheckpoint: saveTopK must be -1, 0 or 1 without a monitor, got ${saveTopK}`,
    );
  }
  return {
    ...checked,
    everyNTrainSteps: everyNTrainSteps || of("step"),
    trainTimeInterval: trainTimeInterval || of("second"),
    everyNEpochs: everyNEpochs || of("epoch"),
    everyNBatches: of("batch"),
  };
}

import * as z from "zod";
import { type Amount, isNone } from "./amounts.ts";
import { Callback } from "./callback.ts";
import { checkOptions } from "./check_options.ts";
import type { Logger } from "./logger.ts";
import { type PrecisionName, PRECISIONS } from "./precision.ts";

const count = z.number().int().min(0);
const COUNT = "a whole number from 0 on";
const amount = z.union([
  count,
  z.number().min(0).max(1),
  z.strictObject({ fraction: z.number().min(0).max(1) }),
]).default({ fraction: 1 });
const AMOUNT = "a count of batches from 0 on, a share below 1, or { fraction } from 0 to 1";
const parts = z.strictObject({
  days: z.number().min(0).optional(),
  hours: z.number().min(0).optional(),
  minutes: z.number().min(0).optional(),
  seconds: z.number().min(0).optional(),
});
/** A time span, as the Timer takes it. */
export const duration: z.ZodType<Duration> = z.union([
  z.string().regex(/^\d+:\d\d:\d\d:\d\d$/) as unknown as z.ZodType<`${number}:${number}:${number}:${number}`>,
  z.number().min(0),
  parts,
]);
/** What a time span must be. */
export const DURATION = '"DD:HH:MM:SS", seconds, or { days, hours, minutes, seconds }';
const flag = (preset: boolean) => [z.boolean().default(preset), "true or false"] as const;
const logger = z.custom<Logger>((value) => typeof (value as Logger | null)?.logMetrics === "function");
const callback = z.custom<Callback>((value) => value instanceof Callback);
const oneOf = <const T extends string>(values: readonly T[]) =>
  [z.enum(values).default(values[0]), values.map((value) => `"${value}"`).join(" or ")] as const;

const MODES = ["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true"] as const satisfies PrecisionName[];

/** Each option with its default, and what it must be. */
const rules = {
  maxEpochs: [count.or(z.literal(-1)).nullable().default(null), `${COUNT}, -1 for no end, or null`],
  minEpochs: [count.nullable().default(null), `${COUNT} or null`],
  maxSteps: [count.or(z.literal(-1)).default(-1), `${COUNT}, or -1 for no limit`],
  minSteps: [count.nullable().default(null), `${COUNT} or null`],
  limitTrainBatches: [amount, AMOUNT],
  limitValBatches: [amount, AMOUNT],
  limitTestBatches: [amount, AMOUNT],
  limitPredictBatches: [amount, AMOUNT],
  overfitBatches: [amount.unwrap().default(0), AMOUNT],
  reloadDataloadersEveryNEpochs: [count.default(0), COUNT],
  maxTime: [duration.nullable().default(null), DURATION],
  fastDevRun: [z.boolean().or(count).default(false), `true, false or ${COUNT}`],
  valCheckInterval: [
    z.union([count.min(1), z.number().gt(0).max(1), z.strictObject({ fraction: z.number().gt(0).max(1) })])
      .default({ fraction: 1 }),
    "a count of batches from 1 on, a share of an epoch below 1, or { fraction } up to 1",
  ],
  checkValEveryNEpoch: [count.min(1).nullable().default(1), "a whole number from 1 on or null"],
  numSanityValSteps: [count.or(z.literal(-1)).default(2), `${COUNT}, or -1 for all`],
  accumulateGradBatches: [count.min(1).default(1), "a whole number from 1 on"],
  gradientClipVal: [z.number().positive().nullable().default(null), "a number above 0 or null"],
  gradientClipAlgorithm: oneOf(["norm", "value"]),
  logEveryNSteps: [count.default(50), COUNT],
  logger: [z.union([z.boolean(), logger, z.array(logger)]).default(true), "true, false, a logger or a list of loggers"],
  callbacks: [z.union([callback, z.array(callback)]).default([]), "a Callback or a list of them"],
  enableCheckpointing: flag(true),
  enableProgressBar: flag(true),
  precision: [
    z.preprocess((value) => PRECISIONS[String(value) as keyof typeof PRECISIONS] ?? value, z.enum(MODES).optional())
      .transform((value) => value ?? MODES[0]),
    `${MODES.map((mode) => `"${mode}"`).join(" or ")} (there is no "64-true": WebGPU has no 64-bit floats)`,
  ],
  compile: flag(false),
  defaultRootDir: [z.string().min(1).default("."), "the path of a folder"],
  lightningCompat: flag(false),
} as const;

/** A time span: `"DD:HH:MM:SS"`, seconds, or its parts. */
export type Duration =
  | `${number}:${number}:${number}:${number}`
  | number
  | { days?: number; hours?: number; minutes?: number; seconds?: number };

/** Seconds of a time span. */
export function secondsOf(span: Duration): number {
  if (typeof span === "number") return span;
  const [days, hours, minutes, seconds] = typeof span === "string"
    ? span.split(":").map(Number)
    : [span.days, span.hours, span.minutes, span.seconds].map((part) => part ?? 0);
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}

/** What a {@link Trainer} may be told. */
export interface TrainerOptions {
  /** Stop after so many epochs; default 1000, or without end if `maxSteps` is given. −1: without end. */
  maxEpochs?: number | null;
  /** Do not stop early before so many epochs. */
  minEpochs?: number | null;
  /** Stop after so many optimizer steps; −1 (default): no limit. */
  maxSteps?: number;
  /** Do not stop early before so many optimizer steps. */
  minSteps?: number | null;
  /** How much of each training epoch is used; default all. */
  limitTrainBatches?: Amount;
  /** How much of each validation loader is used; default all. */
  limitValBatches?: Amount;
  /** How much of each test loader is used; default all. */
  limitTestBatches?: Amount;
  /** How much of each prediction loader is used; default all. */
  limitPredictBatches?: Amount;
  /**
   * Train on, and validate with, so many of the first batches again and again, without shuffling: a model that is sound
   * learns them by heart. 0 (default): off.
   */
  overfitBatches?: Amount;
  /** Ask for the training and validation loaders anew after so many epochs; 0 (default): never. */
  reloadDataloadersEveryNEpochs?: number;
  /** Stop after this time of training; default: no limit. */
  maxTime?: Duration | null;
  /** Run so many batches (true: one) of everything, to find mistakes: no logger, no checkpoint, no sanity check. */
  fastDevRun?: boolean | number;
  /** Validate after so many batches, or after such a share of an epoch; default once an epoch. */
  valCheckInterval?: Amount;
  /** Validate in every n-th epoch; `null`: count batches of `valCheckInterval` across epochs. Default 1. */
  checkValEveryNEpoch?: number | null;
  /** Validation batches to try before training; −1: all. Default 2. */
  numSanityValSteps?: number;
  /** Batches whose gradients are averaged for one optimizer step; default 1. */
  accumulateGradBatches?: number;
  /** Clip gradients to this norm or value; default: no clipping. */
  gradientClipVal?: number | null;
  /** By the common norm of all gradients (default), or each value. */
  gradientClipAlgorithm?: "norm" | "value";
  /** A row of step metrics after so many optimizer steps; 0: no step rows. Default 50. */
  logEveryNSteps?: number;
  /** Loggers; true (default): a CSV logger, false: none. */
  logger?: boolean | Logger | Logger[];
  /** Callbacks. */
  callbacks?: Callback | Callback[];
  /** Save a checkpoint of the latest epoch if no ModelCheckpoint is given; default true. */
  enableCheckpointing?: boolean;
  /** Show progress; default true. */
  enableProgressBar?: boolean;
  /**
   * What to compute in; default `"32-true"`. Mixed: f32 weights, products in 16 bits. True: everything is stored in 16 bits.
   * As in Lightning, `16` and `"bf16"` stand for the mixed modes and `32` for `"32-true"`.
   */
  precision?: PrecisionName | 16 | 32 | "16" | "32" | "bf16";
  /**
   * Record the work of a training step once and replay it: the same numbers, with a fraction of the time on the host. What
   * `trainingStep` does on the host alone happens only when it is recorded. Default false.
   */
  compile?: boolean;
  /** Where logs and checkpoints go; default the current folder. */
  defaultRootDir?: string;
  /** Behave as Lightning does also where we deliberately do better; default false. */
  lightningCompat?: boolean;
}

/** Options with every default filled in. */
export type ResolvedOptions = Required<Omit<TrainerOptions, "precision">> & { precision: PrecisionName };

/**
 * Checks options and fills in defaults.
 *
 * @throws {TypeError} Naming each option that is wrong, what it got, and what is allowed
 */
export function resolveOptions(options: TrainerOptions): ResolvedOptions {
  const checked = checkOptions("a Trainer", rules, options);
  const batches = Number(checked.fastDevRun), { overfitBatches } = checked;
  if (batches === 0) {
    const few = isNone(overfitBatches) ? {} : { limitTrainBatches: overfitBatches, limitValBatches: overfitBatches };
    return { ...checked, ...few, fastDevRun: false };
  }
  return {
    ...checked,
    fastDevRun: batches,
    maxEpochs: 1,
    maxSteps: batches,
    limitTrainBatches: batches,
    limitValBatches: batches,
    limitTestBatches: batches,
    limitPredictBatches: batches,
    valCheckInterval: { fraction: 1 },
    checkValEveryNEpoch: 1,
    numSanityValSteps: 0,
    enableCheckpointing: false,
    logger: false,
  };
}

import { z } from "zod";
import { Callback } from "./callback.ts";
import type { Logger } from "./logger.ts";

/** A part of the batches: a share of them. */
export interface Fraction {
  /** From 0 to 1. */
  fraction: number;
}

/**
 * How many batches: a whole number from 1 on is a count, 0 means none, a number below 1 or `{ fraction }` is a share of
 * them. TypeScript cannot tell 1 from 1.0, so 1 is one batch; leave the option out, or say `{ fraction: 1 }`, for all.
 */
export type Amount = number | Fraction;

const amount = z.union([
  z.number().min(0).refine((n) => n < 1 || Number.isInteger(n), "must be a whole number from 1 on, or a share below 1"),
  z.strictObject({ fraction: z.number().min(0).max(1) }),
]);
const count = z.number().int().min(0);
const countOrEndless = z.number().int().min(-1);
const logger = z.custom<Logger>(
  (value) => typeof value === "object" && value !== null && typeof (value as Logger).logMetrics === "function",
  "must be a logger, with a method logMetrics",
);
const callback = z.custom<Callback>((value) => value instanceof Callback, "must be a Callback");

/** Each option checked; unknown names are refused. */
const trainerOptions = z.strictObject({
  maxEpochs: countOrEndless.nullable().default(null),
  minEpochs: count.nullable().default(null),
  maxSteps: countOrEndless.default(-1),
  minSteps: count.nullable().default(null),
  limitTrainBatches: amount.default({ fraction: 1 }),
  limitValBatches: amount.default({ fraction: 1 }),
  limitTestBatches: amount.default({ fraction: 1 }),
  limitPredictBatches: amount.default({ fraction: 1 }),
  fastDevRun: z.union([z.boolean(), count]).default(false),
  valCheckInterval: amount.default({ fraction: 1 }),
  checkValEveryNEpoch: z.number().int().min(1).nullable().default(1),
  numSanityValSteps: countOrEndless.default(2),
  accumulateGradBatches: z.number().int().min(1).default(1),
  gradientClipVal: z.number().positive().nullable().default(null),
  gradientClipAlgorithm: z.enum(["norm", "value"]).default("norm"),
  logEveryNSteps: count.default(50),
  logger: z.union([z.boolean(), logger, z.array(logger)]).default(true),
  callbacks: z.union([callback, z.array(callback)]).default([]),
  enableCheckpointing: z.boolean().default(true),
  enableProgressBar: z.boolean().default(true),
  precision: z.enum(["32-true", "bf16-mixed"]).default("32-true"),
  defaultRootDir: z.string().min(1).default("."),
  lightningCompat: z.boolean().default(false),
});

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
  /** What to compute in; default `"32-true"`. */
  precision?: "32-true" | "bf16-mixed";
  /** Where logs and checkpoints go; default the current folder. */
  defaultRootDir?: string;
  /** Behave as Lightning does also where we deliberately do better; default false. */
  lightningCompat?: boolean;
}

/** Options with every default filled in. */
export type ResolvedOptions = Required<TrainerOptions>;

/**
 * Checks options and fills in defaults.
 *
 * @throws {TypeError} Naming each option that is wrong, what it got, and what is allowed
 */
export function resolveOptions(options: TrainerOptions): ResolvedOptions {
  const result = trainerOptions.safeParse(options);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    if (issue.code === "unrecognized_keys") {
      return `${issue.keys.join(", ")}: there is no such option`;
    }
    const value = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)?.[key], options);
    return `${issue.path.join(".")}: ${issue.message}, got ${show(value)}`;
  });
  throw new TypeError(`Cannot make a Trainer: ${lines.join("; ")}`);
}

function show(value: unknown): string {
  return typeof value === "function" || typeof value === "object" && value !== null
    ? value.constructor?.name ?? "an object"
    : JSON.stringify(value) ?? String(value);
}

/**
 * Batches that an amount means for a loader.
 *
 * @param option The option's name, for errors
 * @param limit The amount
 * @param length Batches in the loader, `null` if unknown
 * @throws {RangeError} If a share comes to no batch, or is asked of a loader of unknown length
 */
export function resolveAmount(option: string, limit: Amount, length: number | null): number {
  const share = typeof limit === "object" ? limit.fraction : limit < 1 && limit > 0 ? limit : null;
  if (share === null) return length === null ? limit as number : Math.min(limit as number, length);
  if (share === 0) return 0;
  if (length === null) {
    if (share === 1) return Infinity;
    throw new RangeError(
      `Cannot use ${option}: a share needs a loader of known length, got ${share} of an unknown one`,
    );
  }
  const batches = Math.floor(length * share);
  if (batches === 0 && length > 0) {
    throw new RangeError(
      `Cannot use ${option}: ${share} of ${length} batches is none, the least share is ${1 / length}`,
    );
  }
  return batches;
}

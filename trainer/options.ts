import * as z from "zod";
import { checkObject } from "../device/option_names.ts";
import { type Amount, type Every, isNone } from "./amounts.ts";
import { barely, checkTogether } from "./barebones.ts";
import { Callback } from "./callback.ts";
import { checkOptions, type OptionRules } from "./check_options.ts";
import { DURATION, type Duration, duration, secondsOf, SPAN } from "./duration.ts";
import { fromEnvironment } from "./environment.ts";
import { EVERY, every } from "./interval.ts";
import { type Logger, NoLogger } from "./logger.ts";
import { type PrecisionName, PRECISIONS } from "./precision.ts";
import { Profiler, type ProfilerName, PROFILERS } from "./profiler/mod.ts";

const count = z.number().int().min(0);
const COUNT = "a whole number from 0 on";
const amount = z.union([
  count,
  z.number().min(0).max(1),
  z.strictObject({ fraction: z.number().min(0).max(1) }),
]).default({ fraction: 1 });
const AMOUNT = "a count of batches from 0 on, a share below 1, or { fraction } from 0 to 1";
const flag = (preset: boolean) => [z.boolean().default(preset), "true or false"] as const;
const logger = z.custom<Logger>((value) => typeof (value as Logger | null)?.logMetrics === "function");
const callback = z.custom<Callback>((value) => value instanceof Callback);
const oneOf = <const T extends string>(values: readonly T[]) =>
  [z.enum(values).default(values[0]), values.map((value) => `"${value}"`).join(" or ")] as const;

const MODES = ["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true"] as const satisfies PrecisionName[];

/** Epochs after which a trainer stops that was told of no end. */
export const DEFAULT_EPOCHS = 1000;

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
    z.union([
      count.min(1),
      z.number().gt(0).max(1),
      z.strictObject({ fraction: z.number().gt(0).max(1) }),
      every,
      duration.refine((span) => typeof span !== "number").transform((span): Every => ({
        every: secondsOf(span),
        unit: "second",
      })),
    ]).default({ fraction: 1 }),
    `a count of batches from 1 on, a share of an epoch below 1, { fraction } up to 1, { every, unit }, or a time span: ${SPAN}`,
  ],
  checkValEveryNEpoch: [count.min(1).nullable().default(1), "a whole number from 1 on or null"],
  validateAtStart: flag(false),
  numSanityValSteps: [count.or(z.literal(-1)).default(2), `${COUNT}, or -1 for all`],
  accumulateGradBatches: [count.min(1).default(1), "a whole number from 1 on"],
  gradientClipVal: [z.number().positive().nullable().default(null), "a number above 0 or null"],
  gradientClipAlgorithm: oneOf(["norm", "value"]),
  detectAnomaly: flag(false),
  deterministic: [z.boolean().or(z.literal("warn")).default(false), 'true, false or "warn"'],
  benchmark: flag(false),
  inferenceMode: flag(true),
  logEveryNSteps: [count.or(every).default(50), `${COUNT}, or ${EVERY}`],
  logger: [z.union([z.boolean(), logger, z.array(logger)]).default(true), "true, false, a logger or a list of loggers"],
  callbacks: [z.union([callback, z.array(callback)]).default([]), "a Callback or a list of them"],
  enableCheckpointing: flag(true),
  enableProgressBar: flag(true),
  enableModelSummary: flag(true),
  enableAutologHparams: flag(true),
  profiler: [
    z.union([z.enum(PROFILERS), z.custom<Profiler>((value) => value instanceof Profiler)]).nullable().default(null),
    `${PROFILERS.map((name) => `"${name}"`).join(" or ")}, a Profiler or null`,
  ],
  barebones: flag(false),
  precision: [
    z.preprocess((value) => PRECISIONS[String(value) as keyof typeof PRECISIONS] ?? value, z.enum(MODES).optional())
      .transform((value) => value ?? MODES[0]),
    `${MODES.map((mode) => `"${mode}"`).join(" or ")} (there is no "64-true": WebGPU has no 64-bit floats)`,
  ],
  compile: flag(false),
  defaultRootDir: [z.string().min(1).default("."), "the path of a folder"],
  lightningCompat: flag(false),
} as const;

/** What command lines check a trainer's options by: for each its schema, and in words what it must be. */
export const trainerRules: OptionRules = rules;

/**
 * What a {@link Trainer} may be told. What is left out is looked for in the environment first, in a variable such as
 * `FULGURITE_TRAINER_MAX_EPOCHS` for `maxEpochs`: numbers, `true`, `null` and objects as JSON, else the text itself.
 */
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
  /**
   * Run so many batches (true: one) of everything, to find mistakes: nothing is logged, saved, tuned or tried before.
   */
  fastDevRun?: boolean | number;
  /**
   * Validate after so many batches, or after such a share of an epoch; default once an epoch. `{ every, unit }` counts
   * over all epochs, a time span since the validation before.
   */
  valCheckInterval?: Amount | Every | Exclude<Duration, number>;
  /** Validate in every n-th epoch; `null`: count batches of `valCheckInterval` across epochs. Default 1. */
  checkValEveryNEpoch?: number | null;
  /** Validate in full before the first step, and log it; default false. */
  validateAtStart?: boolean;
  /** Validation batches to try before training; −1: all. Default 2. */
  numSanityValSteps?: number;
  /** Batches whose gradients are averaged for one optimizer step; default 1. */
  accumulateGradBatches?: number;
  /** Clip gradients to this norm or value; default: no clipping. */
  gradientClipVal?: number | null;
  /** By the common norm of all gradients (default), or each value. */
  gradientClipAlgorithm?: "norm" | "value";
  /**
   * Look for the first NaN of every training batch, forward and backward, and throw an `AnomalyError` that names the
   * operation; slow, and always without `compile`. Default false.
   */
  detectAnomaly?: boolean;
  /** Insist that a run repeats bit for bit on one adapter. All kernels do; it excludes `benchmark`. Default false. */
  deterministic?: boolean | "warn";
  /** Use tiles of matrix products that were measured on this adapter; measure and store them if there are none. */
  benchmark?: boolean;
  /**
   * Validate, test and predict without any recording for differentiation; false: `enableGrad` works in their steps. The
   * validation inside fit always leaves it at `noGrad`. Default true.
   */
  inferenceMode?: boolean;
  /** A row of step metrics after so many optimizer steps, or `{ every, unit }`; 0: no step rows. Default 50. */
  logEveryNSteps?: number | Every;
  /** Loggers; true (default): a CSV logger, false: none. */
  logger?: boolean | Logger | Logger[];
  /** Callbacks. */
  callbacks?: Callback | Callback[];
  /** Save a checkpoint of the latest epoch if no ModelCheckpoint is given; default true. */
  enableCheckpointing?: boolean;
  /** Show progress; default true. */
  enableProgressBar?: boolean;
  /** Show the model's layers and their sizes before training; default true. */
  enableModelSummary?: boolean;
  /** Give loggers what module and data module saved as hyperparameters, when fit begins; default true. */
  enableAutologHparams?: boolean;
  /**
   * Measures what the parts of a run cost: `"simple"`, `"advanced"`, or a profiler; default none, which costs nothing.
   */
  profiler?: ProfilerName | Profiler | null;
  /**
   * Leave out whatever is not training itself, to measure what the trainer costs: checkpoints, loggers, bar, summary,
   * trial validation and `log`; default false.
   */
  barebones?: boolean;
  /**
   * What to compute in; default `"32-true"`. Mixed: f32 weights, products in 16 bits. True: everything is stored in 16
   * bits. As in Lightning, `16` and `"bf16"` stand for the mixed modes and `32` for `"32-true"`.
   */
  precision?: PrecisionName | 16 | 32 | "16" | "32" | "bf16";
  /**
   * Record the work of a training step once and replay it: the same numbers, with a fraction of the time on the host.
   * What `trainingStep` does on the host alone happens only when it is recorded. Default false.
   */
  compile?: boolean;
  /** Where logs and checkpoints go; default the current folder. */
  defaultRootDir?: string;
  /** Behave as Lightning does also where we deliberately do better; default false. */
  lightningCompat?: boolean;
}

/** Options with every default filled in. */
export type ResolvedOptions = Required<Omit<TrainerOptions, "precision" | "valCheckInterval">> & {
  precision: PrecisionName;
  valCheckInterval: Amount | Every;
};

/**
 * Checks options and fills in defaults.
 *
 * @throws {TypeError} Naming each option that is wrong, what it got, and what is allowed
 */
export function resolveOptions(options: TrainerOptions): ResolvedOptions {
  checkObject("make a Trainer", options, "maxEpochs");
  const { values, sources } = fromEnvironment(Object.keys(rules), options);
  const checked = checkOptions("a Trainer", rules, { ...options, ...values }, sources);
  checkTogether(options, checked);
  if (checked.barebones) return barely(checked);
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
    logger: [checked.logger].flat().some(Boolean) ? new NoLogger() : false,
  };
}

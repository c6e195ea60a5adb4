import type { OptionNames } from "../device/option_names.ts";

/** How values of several batches become one. */
export type Reduction = "mean" | "sum" | "min" | "max";

/** Where a logged value appears, and how it is averaged. */
export interface LogOptions {
  /** Show it in the progress bar; default false. */
  progBar?: boolean;
  /** Send it to the loggers; default true. */
  logger?: boolean;
  /** A value for each batch; default true in training hooks of a batch, else false. */
  onStep?: boolean;
  /** One value for the epoch; default true in evaluation steps and epoch hooks, else false. */
  onEpoch?: boolean;
  /** How values of several batches become one; default `"mean"`, weighted by batch size. */
  reduceFx?: Reduction;
  /** Items in the batch; default: the first axis of the batch's first tensor. */
  batchSize?: number;
  /** Whether the loader's name or number is added where there are several; default true. */
  addDataloaderIdx?: boolean;
}

/** The names of {@link LogOptions}. */
export const logOptionNames: OptionNames<LogOptions> = {
  progBar: true,
  logger: true,
  onStep: true,
  onEpoch: true,
  reduceFx: true,
  batchSize: true,
  addDataloaderIdx: true,
};

/** In which hooks a value may be logged, and what it means there. */
const STEP_HOOKS = new Set([
  "trainingStep",
  "onTrainBatchStart",
  "onTrainBatchEnd",
  "onBeforeBackward",
  "onAfterBackward",
  "onBeforeOptimizerStep",
  "onBeforeZeroGrad",
  "optimizerStep",
  "optimizerZeroGrad",
  "configureGradientClipping",
]);
const EPOCH_HOOKS = new Set([
  "onTrainStart",
  "onTrainEpochStart",
  "onTrainEpochEnd",
  "validationStep",
  "testStep",
  "onValidationStart",
  "onValidationEpochStart",
  "onValidationEpochEnd",
  "onValidationBatchStart",
  "onValidationBatchEnd",
  "onTestStart",
  "onTestEpochStart",
  "onTestEpochEnd",
  "onTestBatchStart",
  "onTestBatchEnd",
]);

/** What `onStep` and `onEpoch` are when they are not given. */
export function loggingDefaults(hook: string): { onStep: boolean; onEpoch: boolean } {
  if (STEP_HOOKS.has(hook)) return { onStep: true, onEpoch: false };
  if (EPOCH_HOOKS.has(hook)) return { onStep: false, onEpoch: true };
  throw new Error(
    `Cannot log in ${
      hook || "code outside of hooks"
    }: no row can follow it, log in a step or in a hook of a batch or an epoch`,
  );
}

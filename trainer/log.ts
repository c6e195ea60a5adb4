import type { OptionNames } from "../device/option_names.ts";
import type { Metric } from "../metrics/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * What can be logged: one number, on the host or on the device, or a metric whose value is one. Of a metric a step row
 * shows the value of the batch that `forward` gave, an epoch row its `compute`; it is reset for the next epoch.
 */
export type Loggable = Tensor | number | Metric;

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
  /**
   * Whether the loader's name or number is added where there are several; default true. Without it a name should belong
   * to one loader: where several log it, callbacks see the last one's value.
   */
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
  "backward",
  "lrSchedulerStep",
  "optimizerStep",
  "optimizerZeroGrad",
  "configureGradientClipping",
]);
const EVAL_HOOKS = new Set([
  "validationStep",
  "testStep",
  "onValidationBatchStart",
  "onValidationBatchEnd",
  "onTestBatchStart",
  "onTestBatchEnd",
]);
/** Hooks that belong to no batch. */
const EPOCH_HOOKS = new Set([
  "onTrainStart",
  "onTrainEpochStart",
  "onTrainEpochEnd",
  "onValidationStart",
  "onValidationEpochStart",
  "onValidationEpochEnd",
  "onTestStart",
  "onTestEpochStart",
  "onTestEpochEnd",
]);

/**
 * What `onStep` and `onEpoch` come to.
 *
 * @param name What is logged
 * @param hook The hook that logs it
 * @param given What was asked for
 * @throws {Error} In a hook that no row can follow
 * @throws {TypeError} If neither is true, or a value for a step is logged in a hook that belongs to none
 */
export function whenLogged(
  name: string,
  hook: string,
  given: Pick<LogOptions, "onStep" | "onEpoch">,
): { onStep: boolean; onEpoch: boolean } {
  const inStep = STEP_HOOKS.has(hook);
  if (!inStep && !EVAL_HOOKS.has(hook) && !EPOCH_HOOKS.has(hook)) {
    throw new Error(
      `Cannot log in ${
        hook || "code outside of hooks"
      }: no row can follow it, log in a step or in a hook of a batch or an epoch`,
    );
  }
  const { onStep = inStep, onEpoch = !inStep } = given;
  if (!onStep && !onEpoch) throw new TypeError(`Cannot log ${name}: onStep or onEpoch must be true, both are false`);
  if (onStep && EPOCH_HOOKS.has(hook)) {
    throw new TypeError(
      `Cannot log ${name} in ${hook}: onStep must be false in a hook that belongs to no batch, got true`,
    );
  }
  return { onStep, onEpoch };
}

import { checkObject, show, unknownOption } from "../device/option_names.ts";
import { Callback } from "../trainer/mod.ts";

/** Functions by the name of the hook that calls them. */
export type LambdaHooks = {
  [
    K in Exclude<
      keyof Callback,
      | "stateKey"
      | "monitoring"
      | "tuning"
      | "checkpointing"
      | "endsTraining"
      | "resumePath"
      | "stateDict"
      | "loadStateDict"
    >
  ]?: NonNullable<Callback[K]>;
};

const LOOPS = ["Train", "Validation", "Test", "Predict"];
const MOMENTS = ["Start", "End", "EpochStart", "EpochEnd", "BatchStart", "BatchEnd"];
const NAMES: readonly string[] = [
  ...["setup", "teardown", "onFitStart", "onFitEnd", "onSanityCheckStart", "onSanityCheckEnd"],
  ...LOOPS.flatMap((loop) => MOMENTS.map((moment) => `on${loop}${moment}`)),
  ...["onBeforeZeroGrad", "onBeforeBackward", "onAfterBackward", "onBeforeOptimizerStep"],
  ...["onInterrupt", "onException", "onSaveCheckpoint", "onLoadCheckpoint"],
];

/**
 * A callback of plain functions.
 *
 * @example
 * ```ts
 * import { LambdaCallback } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * const says = new LambdaCallback({ onTrainEpochEnd: (trainer) => console.log(trainer.currentEpoch) });
 * new Trainer({ callbacks: says, logger: false });
 * ```
 */
export class LambdaCallback extends Callback {
  /**
   * Makes the callback.
   *
   * @param hooks Functions by the name of the hook that calls them
   * @throws {TypeError} If there is no such hook, or it is no function
   */
  constructor(hooks: LambdaHooks = {}) {
    super();
    checkObject("make a LambdaCallback", hooks, "onTrainStart");
    for (const [name, hook] of Object.entries(hooks)) {
      if (!NAMES.includes(name)) throw new TypeError(`Cannot make a LambdaCallback: ${unknownOption(name, NAMES)}`);
      if (typeof hook !== "function") {
        throw new TypeError(`Cannot make a LambdaCallback: ${name} must be a function, got ${show(hook)}`);
      }
    }
    Object.assign(this, hooks);
  }
}

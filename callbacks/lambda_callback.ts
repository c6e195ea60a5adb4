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
      | "keepsPredictions"
      | "endsTraining"
      | "resumePath"
      | "stateDict"
      | "loadStateDict"
    >
  ]?: NonNullable<Callback[K]>;
};

const LOOPS = ["Train", "Validation", "Test", "Predict"] as const;
const MOMENTS = ["Start", "End", "EpochStart", "EpochEnd", "BatchStart", "BatchEnd"] as const;

type LoopHook = `on${typeof LOOPS[number]}${typeof MOMENTS[number]}`;

/** Hooks that are not of a loop; the type sees to it that none is forgotten. */
const OTHERS: Record<Exclude<keyof LambdaHooks, LoopHook>, true> = {
  setup: true,
  teardown: true,
  onFitStart: true,
  onFitEnd: true,
  onSanityCheckStart: true,
  onSanityCheckEnd: true,
  onBeforeZeroGrad: true,
  onBeforeBackward: true,
  onAfterBackward: true,
  onBeforeOptimizerStep: true,
  onInterrupt: true,
  onException: true,
  onSaveCheckpoint: true,
  onCheckpointSaved: true,
  onLoadCheckpoint: true,
};
const NAMES = [...Object.keys(OTHERS), ...LOOPS.flatMap((loop) => MOMENTS.map((moment) => `on${loop}${moment}`))];

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

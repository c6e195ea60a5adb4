/** Where a module may log, and what that means there: for each of its hooks, as in Lightning. */
import { assertEquals, assertThrows } from "@std/assert";
import { whenLogged } from "./log.ts";

const loops = ["Train", "Validation", "Test", "Predict"];
const places = ["Start", "EpochStart", "BatchStart", "BatchEnd", "EpochEnd", "End"];

const OF_STEPS = [
  ...["trainingStep", "onTrainBatchStart", "onTrainBatchEnd", "onBeforeZeroGrad", "optimizerZeroGrad"],
  ...["onBeforeBackward", "backward", "onAfterBackward", "onBeforeOptimizerStep", "configureGradientClipping"],
  ...["optimizerStep", "lrSchedulerStep"],
];
const OF_EVALUATION = [
  ...["validationStep", "onValidationBatchStart", "onValidationBatchEnd"],
  ...["testStep", "onTestBatchStart", "onTestBatchEnd"],
];
const OF_EPOCHS = [
  ...["onTrainStart", "onTrainEpochStart", "onTrainEpochEnd"],
  ...["onValidationStart", "onValidationEpochStart", "onValidationEpochEnd"],
  ...["onTestStart", "onTestEpochStart", "onTestEpochEnd"],
];
/** Everything that a module or a callback can be called by. */
const ALL = [
  ...loops.flatMap((loop) => places.map((place) => `on${loop}${place}`)),
  ...["Validation", "Test", "Predict"].map((loop) => `on${loop}ModelEval`),
  ...OF_STEPS,
  ...["validationStep", "testStep", "predictStep", "onValidationModelZeroGrad", "setup", "teardown", "prepareData"],
  ...["configureModel", "configureOptimizers", "configureCallbacks", "onFitStart", "onFitEnd", "onException"],
  ...["trainDataloader", "valDataloader", "testDataloader", "predictDataloader", "transferBatchToDevice"],
  ...["onSanityCheckStart", "onSanityCheckEnd", "onSaveCheckpoint", "onLoadCheckpoint", "onCheckpointSaved"],
  ...["onInterrupt", "stateDict", "loadStateDict", ""],
];

Deno.test("a value is one of the batch in training, one of the epoch elsewhere, and refused where no row can follow", () => {
  const forbidden: string[] = [];
  for (const hook of new Set(ALL)) {
    const inStep = OF_STEPS.includes(hook), inEvaluation = OF_EVALUATION.includes(hook);
    if (!inStep && !inEvaluation && !OF_EPOCHS.includes(hook)) {
      forbidden.push(hook);
      assertThrows(() => whenLogged("x", hook, { onStep: true, onEpoch: true }), Error, "no row can follow it", hook);
      continue;
    }
    assertEquals(whenLogged("x", hook, {}), { onStep: inStep, onEpoch: !inStep }, hook);
    const both = () => whenLogged("x", hook, { onStep: true, onEpoch: true });
    if (inStep || inEvaluation) assertEquals(both(), { onStep: true, onEpoch: true }, hook);
    else assertThrows(both, TypeError, "onStep must be false in a hook that belongs to no batch", hook);
  }
  assertEquals(forbidden.length, new Set(ALL).size - OF_STEPS.length - OF_EVALUATION.length - OF_EPOCHS.length);
});

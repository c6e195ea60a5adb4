import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { type LightningModule, Trainer, type TrainerOptions } from "../lightning.ts";
import { constantBatches, quiet, Slope, trainerTest } from "../testing/trainer.ts";
import { EarlyStopping, type EarlyStoppingOptions } from "./early_stopping.ts";

/** A module whose validation gives these values, one after the other. */
function scripted(values: readonly number[]): LightningModule {
  let next = 0;
  class Scripted extends Slope {
    override validationStep(): void {}
    override onValidationEpochEnd(): void {
      this.log("loss", values[Math.min(next++, values.length - 1)]);
    }
  }
  return new Scripted();
}

/** Trains with such values. Returns the callback and how many epochs were trained. */
async function stops(
  values: readonly number[],
  options: Partial<EarlyStoppingOptions> = {},
  trainerOptions: TrainerOptions = {},
): Promise<[string, number]> {
  const stopping = new EarlyStopping({ monitor: "loss", ...options });
  const trainer = new Trainer({ ...quiet, maxEpochs: 20, callbacks: stopping, ...trainerOptions });
  await trainer.fit(scripted(values), { train: constantBatches([1, 1]), val: constantBatches([1]) });
  return [stopping.stoppingReason, trainer.batchesSeen / 2];
}

trainerTest("it stops after as many checks without improvement as it has patience for", async () => {
  assertEquals(await stops([1]), ["patience", 4]);
  assertEquals(await stops([1, 0.9, 0.8, 0.8, 0.8, 0.8]), ["patience", 6]);
  assertEquals(await stops([1], { patience: 1 }), ["patience", 2]);
  assertEquals(await stops([3, 2, 1, 0, -1], {}, { maxEpochs: 5 }), ["not stopped", 5]);
});

trainerTest("an improvement must exceed minDelta", async () => {
  assertEquals(await stops([1, 0.99, 0.98, 0.97], { minDelta: 0.05 }), ["patience", 4]);
  assertEquals(await stops([1, 0.99, 0.98, 0.97, 0.9], { minDelta: -0.05, patience: 4 }), ["patience", 9]);
});

trainerTest("more may be better", async () => {
  assertEquals(await stops([1, 2, 3, 3, 3], { mode: "max", patience: 2 }), ["patience", 5]);
});

trainerTest("numbers that are not finite stop at once, if not told otherwise", async () => {
  assertEquals(await stops([NaN]), ["not finite", 1]);
  assertEquals(await stops([1, Infinity]), ["not finite", 2]);
  assertEquals(await stops([NaN], { checkFinite: false }), ["patience", 3]);
});

trainerTest("thresholds stop at once", async () => {
  assertEquals(await stops([1, 0.5, 0.1], { stoppingThreshold: 0.2 }), ["threshold", 3]);
  assertEquals(await stops([1, 5], { divergenceThreshold: 4 }), ["divergence", 2]);
});

trainerTest("patience counts validations, where these come within epochs", async () => {
  assertEquals(await stops([1], {}, { valCheckInterval: 1 }), ["patience", 2]);
  assertEquals(await stops([1], { checkOnTrainEpochEnd: true }, { valCheckInterval: 1 }), ["patience", 4]);
});

trainerTest("minEpochs holds it back", async () => {
  assertEquals(await stops([1], {}, { minEpochs: 7 }), ["patience", 7]);
});

trainerTest("a metric that is missing is an error, or ignored", async () => {
  const error = await assertRejects(() => stops([1], { monitor: "accuracy" }), Error);
  assertEquals(error.message, "Cannot decide whether to stop early: there must be a metric accuracy, known are loss");
  assertEquals(await stops([1], { monitor: "accuracy", strict: false }, { maxEpochs: 2 }), ["not stopped", 2]);
});

trainerTest("it does nothing under fastDevRun", async () => {
  assertEquals(await stops([NaN], {}, { fastDevRun: 2 }), ["not stopped", 1]);
});

trainerTest("its state goes on in another", () => {
  const one = new EarlyStopping({ monitor: "loss" }), two = new EarlyStopping({ monitor: "loss" });
  Object.assign(one, { waitCount: 2, bestScore: 0.5, stoppedEpoch: 3 });
  two.loadStateDict(one.stateDict());
  assertEquals([two.waitCount, two.bestScore, two.stoppedEpoch], [2, 0.5, 3]);
  assertEquals(one.stateKey, 'EarlyStopping{"monitor":"loss","mode":"min"}');
});

Deno.test("options that are wrong are named", () => {
  const { message } = assertThrows(
    () => new EarlyStopping({ patience: -1, mode: "least", min_delta: 1 } as never),
    TypeError,
  );
  assertStringIncludes(message, "Cannot make an EarlyStopping: monitor must be the name of a metric, got undefined");
  assertStringIncludes(message, "patience must be a whole number from 0 on, got -1");
  assertStringIncludes(message, 'mode must be "min" or "max", got "least"');
  assertStringIncludes(message, "there is no option min_delta, minDelta is the nearest");
});

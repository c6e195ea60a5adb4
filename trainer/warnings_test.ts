import { assertEquals } from "@std/assert";
import { LambdaCallback } from "../callbacks/mod.ts";
import { Trainer, type TrainerOptions } from "../lightning.ts";
import { joinPath } from "../platform/mod.ts";
import { written } from "../testing/stderr.ts";
import { constantBatches, inFolder, quiet, Slope, trainerTest } from "../testing/trainer.ts";

async function warnings(module: Slope, data: object, options: TrainerOptions = {}): Promise<string[]> {
  return await written(() => new Trainer({ ...quiet, maxEpochs: 2, ...options }).fit(module, data));
}

const train = constantBatches([1, 2]), val = constantBatches([1]);

class Validates extends Slope {
  override validationStep(): void {}
}

class NoOptimizer extends Slope {
  override configureOptimizers(): never {
    return null as never;
  }
}

class NoLoss extends Slope {
  override trainingStep(): null {
    return null;
  }
}

trainerTest("an epoch of which a resumed run had nothing left to train is no mistake", async () => {
  await inFolder(async (folder) => {
    const module = new Slope(), trainer = new Trainer({ ...quiet, maxEpochs: 1 });
    const save = new LambdaCallback({ onTrainEpochEnd: (trainer) => trainer.saveCheckpoint(joinPath(folder, "end")) });
    await new Trainer({ ...quiet, maxEpochs: 1, callbacks: save }).fit(module, { train });
    const lines = await written(() => trainer.fit(new Slope(), { train }, { ckptPath: joinPath(folder, "end") }));
    assertEquals([lines, trainer.globalStep], [[], 2]);
  });
});

trainerTest("what is probably a mistake is said once", async () => {
  assertEquals(await warnings(new Slope(), { train }), []);
  assertEquals(await warnings(new Validates(), { train, val }), []);
  assertEquals(await warnings(new Slope(), { train, val }), [
    "Warning: there is validation data, but Slope does not define validationStep: nothing is validated",
  ]);
  assertEquals(await warnings(new Slope(), { train, val }, { limitValBatches: 0 }), []);
  assertEquals(await warnings(new Validates(), { train }), [
    "Warning: Validates defines validationStep, but there is no validation data: nothing is validated",
  ]);
  assertEquals(await warnings(new NoOptimizer(), { train }), [
    "Warning: NoOptimizer has no optimizer, configureOptimizers gave none: no weight will change",
  ]);
  assertEquals(await warnings(new NoLoss(), { train }), [
    "Warning: trainingStep of NoLoss gave no loss for any batch of an epoch: nothing was learned in it",
  ]);
});

import { assertEquals, assertRejects } from "@std/assert";
import { GradientAccumulationScheduler, LambdaCallback } from "../callbacks/mod.ts";
import { Trainer, type TrainerOptions } from "../lightning.ts";
import { type Tensor, tensor } from "../mod.ts";
import { SGD } from "../optim/mod.ts";
import { joinPath } from "../platform/mod.ts";
import { written } from "../testing/stderr.ts";
import { cloudLoader, constantBatches, inFolder, Net, own, quiet, Slope, trainerTest } from "../testing/trainer.ts";

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

trainerTest("a fit that has nothing left to train says so, unless that is what was asked for", async () => {
  const nothing = async (options: TrainerOptions) => {
    const trainer = new Trainer({ ...quiet, ...options }), module = new Slope();
    const first = await written(() => trainer.fit(module, train));
    return [first, await written(() => trainer.fit(module, train)), trainer.globalStep];
  };
  assertEquals(await nothing({ maxEpochs: 2 }), [[], [
    "Warning: fit trains nothing: the 2 epochs of maxEpochs are done; raise trainer.maxEpochs to go on",
  ], 4]);
  assertEquals(await nothing({ maxSteps: 3 }), [[], [
    "Warning: fit trains nothing: the 3 steps of maxSteps are done; go on with another trainer, from a checkpoint",
  ], 3]);
  assertEquals(await nothing({ maxEpochs: 0 }), [[], [], 0]);
});

trainerTest("a trainer that was not told when to end says when it does", async () => {
  const stop = () => new LambdaCallback({ onTrainEpochEnd: (trainer) => void (trainer.shouldStop = true) });
  const fit = (options: TrainerOptions) =>
    written(() => new Trainer({ ...quiet, callbacks: stop(), ...options }).fit(new Slope(), train));
  assertEquals(await fit({}), [
    "Warning: maxEpochs is not set: training ends after 1000 epochs; say -1 for no end",
  ]);
  assertEquals(await fit({ maxEpochs: 1000 }), []);
  assertEquals(await fit({ maxEpochs: -1 }), []);
  assertEquals(await fit({ maxSteps: 2 }), []);
  assertEquals(await fit({ maxTime: 60 }), []);
});

trainerTest("an optimizer that has none of the module's parameters is told", async () => {
  class Elsewhere extends Slope {
    override configureOptimizers() {
      return own(new SGD(new Slope().parameters(), { lr: 1 }));
    }
  }
  assertEquals(await warnings(new Elsewhere(), { train }), [
    "Warning: Elsewhere trains nothing with its SGD: none of the parameters that it updates are the module's",
  ]);
});

trainerTest("steps that do not come nearer to maxSteps are told where nothing else ends training", async () => {
  class Idles extends Slope {
    override automaticOptimization = false;
    override trainingStep(): void {}
    override onTrainEpochEnd(): void {
      if (this.currentEpoch === 2) this.trainer.shouldStop = true;
    }
  }
  const said =
    "Warning: no optimizer stepped in an epoch: the 3 steps of maxSteps are no nearer, and maxEpochs sets no end";
  assertEquals(await warnings(new Idles(), { train }, { maxEpochs: -1, maxSteps: 3 }), [said]);
  assertEquals(await warnings(new Idles(), { train }, { maxEpochs: 4, maxSteps: 3 }), []);
  assertEquals(await warnings(new Slope(), { train }, { maxEpochs: -1, maxSteps: 3 }), []);
});

trainerTest("a loader without a batch is skipped, and named", async () => {
  class Both extends Validates {
    override testStep(): void {}
  }
  const empty: never[] = [], said: string[] = [];
  const hooks = new LambdaCallback({
    onTrainStart: () => void said.push("train"),
    onValidationStart: () => void said.push("validate"),
    onTestStart: () => void said.push("test"),
  });
  const trainer = () => new Trainer({ ...quiet, numSanityValSteps: 2, maxEpochs: 1, callbacks: hooks });
  assertEquals(await written(() => trainer().fit(new Slope(), empty)), [
    "Warning: the training loader has no batch: nothing is trained",
  ]);
  assertEquals(said.splice(0), []);
  assertEquals(await written(() => trainer().fit(new Both(), { train, val: empty })), [
    "Warning: the validation loader has no batch: it is left out",
  ]);
  assertEquals(said.splice(0), ["train"]);
  assertEquals(await written(() => trainer().fit(new Both(), { train, val: { some: val, none: empty } })), [
    "Warning: the validation loader none has no batch: it is left out",
  ]);
  assertEquals(said.splice(0), ["validate", "train", "validate"]);
  let metrics: unknown = null;
  assertEquals(await written(async () => metrics = await trainer().test(new Both(), empty)), [
    "Warning: the test loader has no batch: it is left out",
  ]);
  assertEquals([metrics, said.splice(0)], [[], []]);
  await assertRejects(
    () => new Trainer({ ...quiet, maxEpochs: 1, overfitBatches: 2 }).fit(new Slope(), empty),
    RangeError,
    "Cannot use overfitBatches: there must be a batch to learn by heart, the training loader has none",
  );
});

trainerTest("overfitBatches tells that it takes the batches in their order", async () => {
  const loader = (shuffle: boolean) => cloudLoader(6, { batchSize: 2, shuffle });
  const fit = (shuffle: boolean) =>
    written(() =>
      new Trainer({ ...quiet, maxEpochs: 1, overfitBatches: 1 }).fit(new Net(), {
        train: loader(shuffle),
        val: loader(false),
      })
    );
  assertEquals(await fit(false), []);
  assertEquals(await fit(true), ["Warning: overfitBatches reads the training loader in order: it is not shuffled"]);
});

trainerTest("log of a module without a trainer says that it does nothing", async () => {
  class Logs extends Slope {
    override forward(x: Tensor): Tensor {
      this.log("a", 1);
      this.log("b", 2);
      return super.forward(x);
    }
  }
  const module = new Logs();
  assertEquals(await written(async () => await own(module.forward(own(tensor([1])))).item()), [
    "Warning: log does nothing: Logs has no trainer, it is given to one by fit, validate, test or predict",
  ]);
  assertEquals(await written(() => new Trainer({ ...quiet, maxEpochs: 1 }).fit(module, train)), []);
});

trainerTest("manual optimization clips and accumulates by itself", async () => {
  class Manual extends Slope {
    override automaticOptimization = false;
  }
  const fit = (options: TrainerOptions) => new Trainer({ ...quiet, maxEpochs: 1, ...options }).fit(new Manual(), train);
  await assertRejects(() => fit({ gradientClipVal: 1 }), RangeError, "Cannot use gradientClipVal with manual");
  const accumulation =
    "Cannot use accumulateGradBatches with manual optimization: trainingStep decides itself when an " +
    "optimizer steps, accumulateGradBatches is 2";
  await assertRejects(() => fit({ accumulateGradBatches: 2 }), RangeError, accumulation);
  const callbacks = new GradientAccumulationScheduler({ 1: 2 });
  await assertRejects(() => fit({ callbacks }), RangeError, "manual optimization");
});

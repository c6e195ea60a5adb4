import { assertEquals, assertRejects } from "@std/assert";
import { ModelCheckpoint } from "../callbacks/mod.ts";
import { ArrayDataset, BatchSampler, CombinedLoader, DataLoader, SequentialSampler } from "../data/mod.ts";
import {
  Callback,
  LightningDataModule,
  type LightningModule,
  type Loader,
  type Loaders,
  type Stage,
  Trainer,
} from "../lightning.ts";
import { device, enableGrad, mean, mul, rand, randomState, type Tensor } from "../mod.ts";
import { constantBatches, inFolder, MemoryLogger, Net, own, quiet, Slope, trainerTest } from "../testing/trainer.ts";

/** Measures batches without training. */
class Measure extends Slope {
  override validationStep(x: Tensor): void {
    this.log("loss", mean(x));
  }

  override testStep(x: Tensor): void {
    this.log("loss", mean(x), { onStep: true, onEpoch: true });
  }

  override predictStep(x: Tensor, batchIdx: number, dataloaderIdx: number): unknown {
    return { batchIdx, dataloaderIdx, mean: mean(x) };
  }
}

/** A loader; an array of arrays would be one loader whose batches are arrays. */
function loader(values: readonly number[]): Loader {
  const batches = constantBatches(values);
  return { length: batches.length, [Symbol.iterator]: () => batches[Symbol.iterator]() };
}

/** The numbers in a prediction; its tensor is freed. */
async function numbersOf(prediction: unknown): Promise<number[]> {
  const { batchIdx, dataloaderIdx, mean } = prediction as { batchIdx: number; dataloaderIdx: number; mean: Tensor };
  return [batchIdx, dataloaderIdx, await own(mean).item()];
}

trainerTest("validate and test return their metrics, one record for each loader", async () => {
  const module = new Measure(), trainer = new Trainer(quiet);
  assertEquals(await trainer.validate(module, constantBatches([1, 2, 6])), [{ loss: 3 }]);
  assertEquals(trainer.callbackMetrics, { loss: 3 });
  const two = [loader([1, 3]), loader([10])];
  assertEquals(await trainer.validate(module, two), [{ "loss/dataloader_idx_0": 2 }, { "loss/dataloader_idx_1": 10 }]);
  assertEquals(trainer.callbackMetrics["loss/dataloader_idx_1"], 10);
  const named = { val: { clean: constantBatches([1, 3]), noisy: constantBatches([10]) } };
  assertEquals(await trainer.validate(module, named), [{ "loss/clean": 2 }, { "loss/noisy": 10 }]);
  assertEquals(await trainer.test(module, constantBatches([1, 3])), [{ loss_epoch: 2 }]);
  assertEquals(trainer.state, "finished");
});

trainerTest("an evaluation ends when the device has done its work", async () => {
  const { queue } = device().gpu, done = queue.onSubmittedWorkDone.bind(queue);
  let waiting = 0;
  queue.onSubmittedWorkDone = () => {
    waiting++;
    return done().finally(() => waiting--);
  };
  // Long enough for the loop to mark where the device must come before it goes on.
  class Slow extends Measure {
    override predictStep(x: Tensor): Tensor {
      for (const end = performance.now() + 20; performance.now() < end;);
      return mul(x, 2);
    }
  }
  await new Trainer(quiet).predict(new Slow(), constantBatches([1, 2]), { returnPredictions: false });
  queue.onSubmittedWorkDone = done;
  assertEquals(waiting, 0);
});

trainerTest("predict gives what predictStep returned, by batch, or by loader and batch", async () => {
  const module = new Measure(), trainer = new Trainer(quiet);
  const flat = await trainer.predict(module, constantBatches([1, 2]));
  assertEquals(await Promise.all(flat.map(numbersOf)), [[0, 0, 1], [1, 0, 2]]);
  const nested = await trainer.predict(module, [loader([1, 2]), loader([3])]) as unknown[][];
  const numbers = await Promise.all(nested.map((outputs) => Promise.all(outputs.map(numbersOf))));
  assertEquals(numbers, [[[0, 0, 1], [1, 0, 2]], [[0, 1, 3]]]);
});

trainerTest("the default prediction is forward, without gradients, in evaluation", async () => {
  const net = new Net();
  let training: boolean | null = null;
  const { forward } = net;
  net.forward = (x) => {
    training = net.dropout.training;
    return forward.call(net, (x as unknown as { x: Tensor }).x);
  };
  const x = { dtype: "f32", shape: [2, 4], data: new Float32Array(8) } as const, y0 = Int32Array.of(0, 1);
  const [y] = await new Trainer(quiet).predict(net, [{ x, y: y0 }]) as [Tensor];
  own(y);
  assertEquals([y.shape, y.requiresGrad, training, net.dropout.training], [[2, 3], false, false, true]);
});

trainerTest("limits bound each loader", async () => {
  const module = new Measure();
  const trainer = new Trainer({ ...quiet, limitValBatches: 2, limitTestBatches: 0.5, limitPredictBatches: 0 });
  assertEquals(await trainer.validate(module, constantBatches([1, 2, 6])), [{ loss: 1.5 }]);
  assertEquals(trainer.numEvalBatches, [2]);
  assertEquals(await trainer.test(module, constantBatches([1, 3, 5, 7])), [{ loss_epoch: 2 }]);
  assertEquals(await trainer.predict(module, constantBatches([1])), []);
});

trainerTest("a prediction leaves out no sample, however its loaders are made", async () => {
  class Sizes extends Slope {
    override predictStep(batch: unknown): number {
      return (batch as { x: Tensor }).x.shape[0];
    }
  }
  const x = { dtype: "f32", shape: [5], data: new Float32Array(5) } as const, set = new ArrayDataset({ x });
  const loader = (options: object) => new DataLoader(set, { batchSize: 2, dropLast: true, ...options });
  const batchSampler = new BatchSampler(new SequentialSampler(5), { batchSize: 2, dropLast: true });
  const module = new Sizes() as LightningModule;
  const sizes = (data: Loaders) => new Trainer(quiet).predict(module, { predict: data } as never);
  assertEquals(await sizes(loader({})), [2, 2, 1]);
  assertEquals(await sizes(new DataLoader(set, { batchSampler })), [2, 2, 1]);
  assertEquals(await sizes([loader({}), loader({ batchSize: 3 })]), [[2, 2, 1], [3, 2]]);
  assertEquals(await sizes(new CombinedLoader([loader({}), loader({ batchSize: 3 })], { mode: "sequential" })), [
    ...[2, 2, 1, 3, 2],
  ]);
});

trainerTest("evaluation rows of batches count that loader's batches over the whole run", async () => {
  const logger = new MemoryLogger();
  const trainer = new Trainer({ ...quiet, logger });
  await trainer.test(new Measure(), constantBatches([1, 3]));
  await trainer.test(new Measure(), constantBatches([5]));
  const steps = logger.rows.filter(({ metrics }) => "loss_step" in metrics);
  assertEquals(steps.map(({ at, metrics }) => [at.step, metrics.loss_step]), [[0, 1], [1, 3], [2, 5]]);
  assertEquals(logger.values("loss_epoch"), [2, 5]);
});

trainerTest("what is missing is said", async () => {
  const trainer = new Trainer(quiet), bare = new Slope();
  const data = constantBatches([1]);
  const step = await assertRejects(() => trainer.validate(bare, data), TypeError);
  assertEquals(step.message, "Cannot validate Slope: it must define validationStep, it does not");
  await assertRejects(() => trainer.test(bare, data), TypeError, "it must define testStep");
  const none = await assertRejects(() => trainer.validate(new Measure()), Error);
  assertEquals(
    none.message,
    "Cannot validate: there is no data, give a data module, { val: loader }, or define valDataloader",
  );
  await assertRejects(() => trainer.predict(new Measure(), { train: data }), Error, "{ predict: loader }");
  await assertRejects(() => trainer.validate(new Measure(), { val: { a: 3 as never } }), TypeError, "loader a");
  assertEquals(trainer.state, "failed");
  assertEquals(await trainer.validate(new Measure(), data), [{ loss: 1 }]);
});

trainerTest("a signal ends an evaluation after the batch; a part makes no metrics", async () => {
  const controller = new AbortController(), logger = new MemoryLogger();
  let batches = 0;
  class Aborts extends Measure {
    override validationStep(x: Tensor): void {
      batches++;
      controller.abort();
      super.validationStep(x);
    }
  }
  const trainer = new Trainer({ ...quiet, logger });
  const loaders = [loader([1, 2]), loader([3])];
  // Nothing is returned that could be taken for metrics of all batches.
  assertEquals(await trainer.validate(new Aborts(), loaders, { signal: controller.signal }), []);
  assertEquals([trainer.state, trainer.callbackMetrics, logger.rows, batches], ["interrupted", {}, [], 1]);
});

trainerTest("a signal within a validation of fit leaves the validation to the next fit", async () => {
  const controller = new AbortController();
  const judged: number[] = [];
  class Judge extends Callback {
    override onTrainEpochEnd(trainer: Trainer): void {
      judged.push(trainer.callbackMetrics.loss);
    }
  }
  class Aborts extends Measure {
    override validationStep(x: Tensor): void {
      controller.abort();
      super.validationStep(x);
    }
  }
  const data = { train: constantBatches([1]), val: constantBatches([2, 4]) };
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, callbacks: new Judge() });
  const module = new Aborts();
  await trainer.fit(module, data, { signal: controller.signal });
  assertEquals([trainer.state, trainer.globalStep, judged], ["interrupted", 1, []]);
  await trainer.fit(module, data);
  assertEquals([trainer.state, trainer.globalStep, judged], ["finished", 1, [3]]);
});

trainerTest("fit passes over validation where the module does not define it", async () => {
  const trainer = new Trainer({ ...quiet, numSanityValSteps: 2, maxEpochs: 1 });
  await trainer.fit(new Slope(), { train: constantBatches([1]), val: constantBatches([1]) });
  assertEquals([trainer.globalStep, trainer.hasValidation], [1, false]);
});

trainerTest("validation within fit comes when it is asked for", async () => {
  const at = async (options: object, epochs = 1): Promise<number[]> => {
    const steps: number[] = [];
    class Note extends Callback {
      override onValidationStart(trainer: Trainer): void {
        steps.push(trainer.batchesSeen);
      }
    }
    const trainer = new Trainer({ ...quiet, maxEpochs: epochs, callbacks: new Note(), ...options });
    const train = constantBatches(new Array(10).fill(0.1));
    await trainer.fit(new Measure(), { train, val: constantBatches([1]) });
    return steps;
  };
  assertEquals(await at({}), [10]);
  assertEquals(await at({ valCheckInterval: 0.25 }), [2, 4, 6, 8, 10]);
  assertEquals(await at({ valCheckInterval: 0.3 }), [3, 6, 9]);
  assertEquals(await at({ valCheckInterval: 4 }, 2), [4, 8, 14, 18]);
  assertEquals(await at({ valCheckInterval: 15, checkValEveryNEpoch: null }, 3), [15, 30]);
  assertEquals(await at({ checkValEveryNEpoch: 2 }, 5), [20, 40]);
  assertEquals(await at({ limitValBatches: 0 }), []);
  assertEquals(await at({ valCheckInterval: { every: 15, unit: "batch" } }, 3), [15, 30]);
  assertEquals(await at({ valCheckInterval: { every: 4, unit: "step" }, accumulateGradBatches: 2 }, 2), [8, 16]);
  assertEquals(await at({ valCheckInterval: { every: 2, unit: "epoch" } }, 4), [20, 40]);
  assertEquals(await at({ valCheckInterval: "00:01:00:00" }), []);
  assertEquals(await at({ valCheckInterval: { every: 1e-9, unit: "second" } }), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assertEquals(await at({ valCheckInterval: { seconds: 1e-9 }, checkValEveryNEpoch: 2 }, 2), [
    11,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
    20,
  ]);
  assertEquals(await at({ validateAtStart: true, numSanityValSteps: 2 }), [0, 10]);
  await assertRejects(() => at({ valCheckInterval: 15 }), RangeError, "it must not exceed the 10 batches of an epoch");
});

trainerTest("in tests and predictions nothing brings differentiation back, unless inferenceMode is off", async () => {
  const wants = async (inferenceMode: boolean): Promise<unknown[]> => {
    class Asks extends Slope {
      override predictStep(): boolean {
        return enableGrad(() => this.weight.mul(2)).requiresGrad;
      }
    }
    return await new Trainer({ ...quiet, inferenceMode }).predict(new Asks(), constantBatches([1]));
  };
  assertEquals([await wants(true), await wants(false)], [[false], [true]]);
});

trainerTest("predictions that nobody wants are not kept", async () => {
  const trainer = new Trainer(quiet);
  assertEquals(await trainer.predict(new Slope(), constantBatches([1, 2]), { returnPredictions: false }), []);
  assertEquals(trainer.predictions, [[]]);
  assertEquals((await trainer.predict(new Slope(), constantBatches([1, 2]))).length, 2);
});

trainerTest("the trial validation leaves no metrics and no random numbers behind", async () => {
  const phases: boolean[] = [];
  class Draws extends Measure {
    override validationStep(x: Tensor): void {
      phases.push(this.trainer.sanityChecking);
      rand([2]);
      super.validationStep(x);
    }
    override onTrainStart(): void {
      assertEquals(this.trainer.callbackMetrics, {});
      assertEquals(randomState(), before);
    }
  }
  const before = randomState();
  const trainer = new Trainer({ ...quiet, numSanityValSteps: 2, maxEpochs: 1 });
  await trainer.fit(new Draws(), { train: constantBatches([1]), val: constantBatches([1, 2, 3]) });
  assertEquals(phases, [true, true, false, false, false]);
});

trainerTest("a data module is set up and torn down at every entry point, and moves batches itself", async () => {
  const calls: string[] = [];
  class Data extends LightningDataModule<Tensor> {
    override prepareData = (): void => void calls.push("prepare");
    override setup = (stage: Stage): void => void calls.push(`setup ${stage}`);
    override teardown = (stage: Stage): void => void calls.push(`teardown ${stage}`);
    override trainDataloader = (): Loaders => constantBatches([1, 2]);
    override valDataloader = (): Promise<Loaders> => Promise.resolve(constantBatches([5]));
    override onAfterBatchTransfer(x: Tensor): Tensor {
      return x.mul(10);
    }
  }
  const data = new Data(), module = new Measure();
  const trainer = new Trainer({ ...quiet, maxEpochs: 1 });
  await trainer.fit(module, data);
  assertEquals(await module.value(), -30);
  assertEquals(await trainer.validate(module, data), [{ loss: 50 }]);
  const stages = ["fit", "validate"].flatMap((stage) => ["prepare", `setup ${stage}`, `teardown ${stage}`]);
  assertEquals(calls, stages);
  assertEquals(data.trainer, trainer);
});

trainerTest(
  "without a model the one of the latest fit is used, with its best checkpoint and its data module",
  async () => {
    await inFolder(async (folder) => {
      /** Its loss rises by what it has learnt, so that the first epoch's weights are the best. */
      class Rising extends Slope {
        override validationStep(x: Tensor): void {
          this.log("loss", mul(this.weight, mean(x)).neg());
        }
        override testStep(x: Tensor): void {
          this.validationStep(x);
        }
      }
      class Data extends LightningDataModule<Tensor> {
        override trainDataloader = () => constantBatches([1]);
        override valDataloader = () => constantBatches([1]);
        override testDataloader = () => constantBatches([2]);
      }
      const best = new ModelCheckpoint({ dirpath: folder, monitor: "loss" });
      const trainer = new Trainer({ ...quiet, enableCheckpointing: true, maxEpochs: 3, callbacks: best });
      await assertRejects(() => trainer.test(), Error, "Cannot test without a model: this trainer has fitted none");
      const module = new Rising();
      await trainer.fit(module, new Data());
      assertEquals(await module.value(), -3);
      assertEquals(await trainer.validate(module, constantBatches([1])), [{ loss: 3 }]);
      assertEquals(await trainer.validate(null, constantBatches([1])), [{ loss: 1 }]);
      assertEquals(await module.value(), -1);
      assertEquals(await trainer.test(), [{ loss: 2 }]);
      const [prediction] = await trainer.predict(undefined, constantBatches([4])) as Tensor[];
      assertEquals(await own(prediction).item(), -4);
      const unsaved = new Trainer({ ...quiet, maxEpochs: 1 });
      await unsaved.fit(new Rising(), constantBatches([1]));
      await assertRejects(() => unsaved.test(null, constantBatches([1])), Error, "Cannot load the best checkpoint");
    });
  },
);

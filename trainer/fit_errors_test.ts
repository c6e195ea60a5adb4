// How fit ends before its time: signals, errors of the user's code, and what it refuses.
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Callback, Trainer } from "../lightning.ts";
import type { Tensor } from "../mod.ts";
import { SGD } from "../optim/mod.ts";
import { constantBatches, fit, MemoryLogger, quiet, Slope, trainerTest } from "../testing/trainer.ts";

trainerTest("a step that returns no scalar loss is refused", async () => {
  class Vector extends Slope {
    override trainingStep(x: Tensor): Tensor {
      return x;
    }
  }
  const module = new Vector();
  await assertRejects(() => fit(module, [1]), TypeError, "got a tensor of shape [2]");
});

trainerTest("a signal ends training after the batch, without the hooks of an epoch's end", async () => {
  const calls: string[] = [];
  class Calls extends Callback {
    override onTrainBatchEnd = (): void => void calls.push("batch");
    override onTrainEpochEnd = (): void => void calls.push("epoch");
    override onInterrupt = (): void => void calls.push("interrupt");
    override onTrainEnd = (): void => void calls.push("train");
    override onFitEnd = (): void => void calls.push("fit");
    override onException = (): void => void calls.push("exception");
    override teardown = (): void => void calls.push("teardown");
  }
  const controller = new AbortController();
  class Aborts extends Slope {
    override trainingStep(x: Tensor, batchIdx: number): Tensor {
      if (batchIdx === 1) controller.abort();
      return this.forward(x);
    }
  }
  const module = new Aborts(), logger = new MemoryLogger();
  const trainer = new Trainer({ ...quiet, maxEpochs: 3, callbacks: new Calls(), logger });
  await trainer.fit(module, constantBatches([1, 1, 1]), { signal: controller.signal });
  assertEquals(trainer.state, "interrupted");
  assertEquals(calls, ["batch", "batch", "interrupt", "train", "fit", "teardown"]);
  assertEquals([trainer.globalStep, trainer.currentEpoch], [2, 0]);
  assertEquals(logger.events, ["finalize interrupted"]);
  // The next fit goes on with the next batch.
  await trainer.fit(module, constantBatches([1, 1, 7]), {});
  assertEquals([await module.value(), trainer.globalStep, trainer.state], [-2 - 7 - 18, 9, "finished"]);
});

trainerTest("a signal that was aborted before keeps training from beginning", async () => {
  const calls: string[] = [];
  class Calls extends Callback {
    override onTrainStart = (): void => void calls.push("train");
    override onInterrupt = (): void => void calls.push("interrupt");
    override teardown = (): void => void calls.push("teardown");
  }
  const trainer = await fit(new Slope(), [1, 1], { callbacks: new Calls() }, { signal: AbortSignal.abort() });
  assertEquals([trainer.state, trainer.globalStep, calls], ["interrupted", 0, ["teardown"]]);
});

trainerTest("an error ends in onException, teardown and finalize, and is thrown as it was", async () => {
  const calls: string[] = [];
  class Calls extends Callback {
    override onException = (_t: Trainer, _m: unknown, error: unknown): void =>
      void calls.push((error as Error).message);
    override teardown = (): void => void calls.push("teardown");
  }
  const failure = new Error("the data ran away");
  class Fails extends Slope {
    override trainingStep(x: Tensor, batchIdx: number): Tensor {
      if (batchIdx === 1) throw failure;
      return this.forward(x);
    }
    override teardown(): void {
      calls.push("module teardown");
    }
  }
  const module = new Fails(), logger = new MemoryLogger();
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, callbacks: new Calls(), logger });
  const thrown = await assertRejects(() => trainer.fit(module, constantBatches([1, 1])));
  assertEquals(thrown, failure);
  assertEquals(calls, ["the data ran away", "teardown", "module teardown"]);
  assertEquals([trainer.state, trainer.stage], ["failed", null]);
  assertEquals(logger.events, ["finalize failed"]);
});

trainerTest("errors on the way out do not hide the first one, and all hooks still run", async () => {
  const calls: string[] = [];
  class Clumsy extends Callback {
    override onException(): void {
      throw new Error("onException failed");
    }
    override teardown(): void {
      calls.push("teardown");
      throw new Error("teardown failed");
    }
  }
  class Fails extends Slope {
    override async trainingStep(): Promise<never> {
      await Promise.resolve();
      throw new RangeError("first");
    }
  }
  const module = new Fails(), logger = new MemoryLogger();
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, callbacks: new Clumsy(), logger });
  await assertRejects(() => trainer.fit(module, constantBatches([1])), RangeError, "first");
  assertEquals(calls, ["teardown"]);
  assertEquals(logger.events, ["finalize failed"]);
});

trainerTest("an error of teardown alone is thrown", async () => {
  class Clumsy extends Callback {
    override teardown(): Promise<void> {
      return Promise.reject(new Error("teardown failed"));
    }
  }
  const module = new Slope();
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, callbacks: new Clumsy() });
  await assertRejects(() => trainer.fit(module, constantBatches([1])), Error, "teardown failed");
  assertEquals(trainer.state, "failed");
});

trainerTest("a trainer runs one thing at a time", async () => {
  let trainer: Trainer | null = null;
  class Nested extends Slope {
    override async trainingStep(x: Tensor): Promise<Tensor> {
      await trainer!.validate(this);
      return this.forward(x);
    }
    override validationStep(): void {}
  }
  const module = new Nested();
  trainer = new Trainer({ ...quiet, maxEpochs: 1 });
  const busy = await assertRejects(() => trainer!.fit(module, constantBatches([1])), Error);
  assertEquals(busy.message, "Cannot validate: the trainer is busy with fit");
  assertEquals(trainer.stage, null);
});

trainerTest("a hook that fails, at once or later, ends training with its error", async () => {
  for (const async of [false, true]) {
    class Fails extends Callback {
      override onTrainBatchEnd(): void | Promise<void> {
        if (async) return Promise.reject(new Error("hook"));
        throw new Error("hook");
      }
    }
    const module = new Slope();
    await assertRejects(() => fit(module, [1], { callbacks: new Fails() }), Error, "hook");
  }
});

trainerTest("a module without what training needs is refused", async () => {
  const bare = new Slope();
  Object.defineProperty(bare, "trainingStep", { value: undefined });
  await assertRejects(() => fit(bare, [1]), TypeError, "Cannot fit Slope: it must define trainingStep, it does not");
  const two = new Slope();
  two.configureOptimizers = () => [new SGD([two.weight], { lr: 1 }), new SGD([two.weight], { lr: 1 })] as never;
  await assertRejects(() => fit(two, [1]), RangeError, "automatic optimization takes one optimizer, got 2");
  await assertRejects(
    () => new Trainer(quiet).fit(new Slope()),
    Error,
    "Cannot fit Slope: there is no training data",
  );
  await assertRejects(
    () => new Trainer(quiet).fit(new Slope(), { training: [] } as never),
    TypeError,
    "data must have train, val, test or predict, got training",
  );
  await assertRejects(
    () => new Trainer(quiet).fit(new Slope(), { train: [], clean: [], noisy: [] } as never),
    TypeError,
    "got clean; loaders with names stand in one of them, { val: { clean: … } }",
  );
});

trainerTest("the trainer of a module that has none is an error that says so", () => {
  const module = new Slope();
  try {
    module.trainer;
    throw new Error("it did not fail");
  } catch (error) {
    assertStringIncludes((error as Error).message, "Cannot reach the trainer of Slope: it is not attached to one");
  }
});

trainerTest("a loader that can be walked once is an error in the second epoch, not an endless run", async () => {
  const module = new Slope();
  const once = constantBatches([1, 1]).values();
  await assertRejects(
    () => fit(module, once, { maxEpochs: -1, maxSteps: 100 }),
    Error,
    "the training loader gave no batch",
  );
  assertEquals(await module.value(), -2);
});

trainerTest("data that is none is refused, and null is none", async () => {
  for (const wrong of [5, "data", () => {}]) {
    const trainer = new Trainer({ ...quiet, maxEpochs: 1 });
    await assertRejects(() => trainer.fit(new Slope(), wrong as never), TypeError, "data must be a data module");
  }
  class Own extends Slope {
    override trainDataloader() {
      return constantBatches([1, 2]);
    }
  }
  const module = new Own();
  await new Trainer({ ...quiet, maxEpochs: 1 }).fit(module, null);
  assertEquals(await module.value(), -3);
});

trainerTest("a loader that gives undefined, and a batch that refers to itself, are errors that say so", async () => {
  await assertRejects(() => fit(new Slope(), [undefined]), TypeError, "batch 0 of a loader: it must be a value");
  const batch: unknown[] = [];
  batch.push(batch);
  await assertRejects(() => fit(new Slope(), [batch]), TypeError, "refers to itself");
});

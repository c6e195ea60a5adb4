import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Callback, type Loader, Trainer, type TrainerOptions } from "../lightning.ts";
import type { Tensor } from "../mod.ts";
import { type Optimizer, SGD } from "../optim/mod.ts";
import { constantBatches, MemoryLogger, own, quiet, Slope, trainerTest } from "../testing/trainer.ts";

/** Trains a Slope on batches of these values and returns the trainer. */
async function fit(
  module: Slope,
  values: readonly number[] | Iterable<unknown>,
  options: TrainerOptions = {},
  entry: Parameters<Trainer["fit"]>[2] = {},
): Promise<Trainer> {
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, ...options });
  const numbers = Array.isArray(values) && values.every((value) => typeof value === "number");
  await trainer.fit(module, numbers ? constantBatches(values) : values as Loader, entry);
  return trainer;
}

/** A loader that does not know its length. */
function unknownLength(values: readonly number[]): Iterable<unknown> {
  return {
    *[Symbol.iterator]() {
      yield* constantBatches(values);
    },
  };
}

trainerTest("fit makes a step for each batch, over epochs", async () => {
  const module = new Slope();
  const trainer = await fit(module, [1, 2, 3], { maxEpochs: 2 });
  assertEquals(await module.value(), -12);
  assertEquals([trainer.globalStep, trainer.batchesSeen, trainer.currentEpoch], [6, 6, 2]);
  assertEquals([trainer.state, trainer.stage, trainer.numTrainingBatches], ["finished", null, 3]);
});

trainerTest("the time of the first step is known after it", async () => {
  assertEquals(new Trainer(quiet).firstStepMs, null);
  const { firstStepMs } = await fit(new Slope(), [1, 2, 3]);
  assert(firstStepMs !== null && firstStepMs > 0);
});

trainerTest("maxSteps ends training within an epoch, whose end hooks run", async () => {
  const ends: number[] = [];
  class Ends extends Callback {
    override onTrainEpochEnd(trainer: Trainer): void {
      ends.push(trainer.globalStep);
    }
  }
  const module = new Slope();
  const trainer = await fit(module, [1, 1, 1, 1], { maxEpochs: -1, maxSteps: 6, callbacks: new Ends() });
  assertEquals([trainer.globalStep, trainer.currentEpoch], [6, 1]);
  assertEquals(ends, [4, 6]);
});

trainerTest("a share, a count and nothing limit the batches of an epoch", async () => {
  for (
    const [limitTrainBatches, steps] of [[0.5, 2], [1, 1], [3, 3], [100, 4], [0, 0], [{ fraction: 1 }, 4]] as const
  ) {
    const module = new Slope();
    const trainer = await fit(module, [1, 1, 1, 1], { limitTrainBatches });
    assertEquals(trainer.globalStep, steps);
  }
});

trainerTest("fastDevRun trains its batches and no more", async () => {
  const module = new Slope();
  const trainer = await fit(module, [1, 1, 1, 1], { fastDevRun: 2, maxEpochs: 50 });
  assertEquals([trainer.globalStep, await module.value()], [2, -2]);
});

trainerTest("an accumulated step averages the batches of its window, also of a short last one (D1)", async () => {
  const module = new Slope();
  const trainer = await fit(module, [1, 3, 5], { accumulateGradBatches: 2 });
  assertEquals(await module.value(), -2 - 5);
  assertEquals([trainer.globalStep, trainer.batchesSeen], [2, 3]);
});

trainerTest("a short last window is averaged right where the epoch's length is unknown", async () => {
  const module = new Slope();
  const trainer = await fit(module, unknownLength([1, 3, 5, 2, 4, 6, 8]), { accumulateGradBatches: 4 });
  assertAlmostEquals(await module.value(), -(1 + 3 + 5 + 2) / 4 - (4 + 6 + 8) / 3, 1e-6);
  assertEquals(trainer.globalStep, 2);
});

trainerTest("with lightningCompat a short window is divided by the full count", async () => {
  const module = new Slope();
  await fit(module, [1, 3, 5], { accumulateGradBatches: 2, lightningCompat: true });
  assertEquals(await module.value(), -2 - 2.5);
});

trainerTest("gradients are clipped by norm or by value before the step", async () => {
  const byNorm = new Slope(), byValue = new Slope();
  await fit(byNorm, [8, 0.25], { gradientClipVal: 0.5 });
  assertAlmostEquals(await byNorm.value(), -0.75, 1e-5);
  await fit(byValue, [8, 0.25], { gradientClipVal: 2, gradientClipAlgorithm: "value" });
  assertEquals(await byValue.value(), -2.25);
});

trainerTest("a step that returns null is skipped and counted", async () => {
  class Picky extends Slope {
    override trainingStep(x: Tensor, batchIdx: number): Tensor | null {
      return batchIdx % 2 === 1 ? null : this.forward(x);
    }
  }
  const module = new Picky();
  const trainer = await fit(module, [1, 100, 1, 100]);
  assertEquals([await module.value(), trainer.globalStep], [-2, 4]);
});

trainerTest("a step that returns no scalar loss is refused", async () => {
  class Vector extends Slope {
    override trainingStep(x: Tensor): Tensor {
      return x;
    }
  }
  const module = new Vector();
  await assertRejects(() => fit(module, [1]), TypeError, "got a tensor of shape [2]");
});

trainerTest("onTrainBatchStart leaves the epoch with -1, also from an asynchronous hook", async () => {
  for (const async of [false, true]) {
    class Leave extends Callback {
      override onTrainBatchStart(_t: Trainer, _m: unknown, _b: unknown, batchIdx: number): number | Promise<number> {
        const answer = batchIdx === 2 ? -1 : 0;
        return async ? Promise.resolve(answer) : answer;
      }
    }
    const module = new Slope();
    const trainer = await fit(module, [1, 1, 1, 1], { maxEpochs: 2, callbacks: new Leave() });
    assertEquals([trainer.globalStep, trainer.currentEpoch], [4, 2]);
  }
});

trainerTest("shouldStop ends training after the batch, but not before minEpochs and minSteps", async () => {
  class Stop extends Slope {
    override trainingStep(x: Tensor): Tensor {
      this.trainer.shouldStop = true;
      return this.forward(x);
    }
  }
  for (const [options, steps] of [[{}, 1], [{ minSteps: 3 }, 3], [{ minEpochs: 2 }, 8]] as const) {
    const module = new Stop();
    const trainer = await fit(module, [1, 1, 1, 1], { maxEpochs: 5, ...options });
    assertEquals(trainer.globalStep, steps);
  }
});

trainerTest("fit again does nothing more, and goes on after shouldStop", async () => {
  const module = new Slope();
  const done = await fit(module, [1, 1], { maxEpochs: 2 });
  await done.fit(module, constantBatches([1, 1]));
  assertEquals([done.globalStep, await module.value()], [4, -4]);

  class StopOnce extends Slope {
    stops = 1;
    override trainingStep(x: Tensor): Tensor {
      if (this.stops-- > 0) this.trainer.shouldStop = true;
      return this.forward(x);
    }
  }
  const stopped = new StopOnce();
  const data = constantBatches([1, 10, 100]);
  const trainer = new Trainer({ ...quiet, maxEpochs: 1 });
  await trainer.fit(stopped, data);
  assertEquals([trainer.globalStep, await stopped.value()], [1, -1]);
  await trainer.fit(stopped, data);
  assertEquals([trainer.globalStep, await stopped.value(), trainer.currentEpoch], [3, -111, 1]);
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

trainerTest("hooks that are synchronous and hooks that are not run in one order, one after the other", async () => {
  const calls: string[] = [];
  const later = (name: string) => new Promise<void>((resolve) => setTimeout(() => resolve(void calls.push(name)), 2));
  class First extends Callback {
    override onTrainBatchEnd(): Promise<void> {
      return later("first");
    }
    override onBeforeBackward = (): void => void calls.push("before backward");
  }
  class Second extends Callback {
    override onTrainBatchEnd(): void {
      calls.push("second");
    }
    override onAfterBackward(): Promise<void> {
      return later("after backward");
    }
  }
  class Module extends Slope {
    override async trainingStep(x: Tensor): Promise<Tensor> {
      await later("step");
      return this.forward(x);
    }
    override onTrainBatchEnd(): Promise<void> {
      return later("module");
    }
    override async optimizerStep(
      _epoch: number,
      _batchIdx: number,
      optimizer: Optimizer,
      closure: () => void | Promise<void>,
    ): Promise<void> {
      await closure();
      calls.push("update");
      optimizer.step();
    }
  }
  const module = new Module();
  await fit(module, [1], { callbacks: [new First(), new Second()] });
  const wanted = ["step", "before backward", "after backward", "update", "first", "second", "module"];
  assertEquals(calls, wanted);
  assertEquals(await module.value(), -1);
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
});

trainerTest(
  "manual optimization steps by hand, and counts a step a batch however many optimizers step (D6)",
  async () => {
    for (const lightningCompat of [false, true]) {
      class Manual extends Slope {
        override automaticOptimization = false;
        override trainingStep(x: Tensor): void {
          for (const optimizer of this.optimizers() as Optimizer[]) {
            optimizer.zeroGrad();
            this.manualBackward(this.forward(x));
            optimizer.step();
          }
        }
        override configureOptimizers(): never {
          return [1, 2].map(() => own(new SGD([this.weight], { lr: 1 }))) as never;
        }
      }
      const module = new Manual();
      const trainer = await fit(module, [1, 2], { lightningCompat });
      assertEquals([trainer.globalStep, await module.value()], [lightningCompat ? 4 : 2, -6]);
      await assertRejects(() => fit(new Manual(), [1], { gradientClipVal: 1 }), RangeError, "manual optimization");
    }
  },
);

trainerTest("a module in evaluation mode is left so", async () => {
  class Frozen extends Slope {
    seen: boolean | null = null;
    override trainingStep(x: Tensor): Tensor {
      this.seen = this.training;
      return this.forward(x);
    }
  }
  const module = new Frozen();
  module.eval();
  await fit(module, [1]);
  assertEquals(module.seen, false);
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
  const once = unknownLength([1, 1])[Symbol.iterator]() as Generator;
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

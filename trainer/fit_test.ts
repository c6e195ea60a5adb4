import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { Callback, Trainer } from "../lightning.ts";
import type { Tensor } from "../mod.ts";
import { type Optimizer, SGD } from "../optim/mod.ts";
import { constantBatches, fit, own, quiet, Slope, trainerTest } from "../testing/trainer.ts";

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

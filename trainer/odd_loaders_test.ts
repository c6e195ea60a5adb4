/** Loaders that never give a batch, are no loaders, or lie about their length. */
import { assertEquals, assertRejects } from "@std/assert";
import { type Loader, Trainer } from "../lightning.ts";
import { mean, type Tensor } from "../mod.ts";
import { constantBatches, quiet, Slope, trainerTest } from "../testing/trainer.ts";

class Validates extends Slope {
  override validationStep(x: Tensor): void {
    this.log("val", mean(x));
  }
}

/** A loader that gives some batches, tells, and then waits without end. */
function stuck(after: number, tell: () => void): Loader {
  return {
    async *[Symbol.asyncIterator]() {
      yield* constantBatches(Array(after).fill(1));
      setTimeout(tell);
      await new Promise(() => {});
    },
  };
}

trainerTest("a loader that gives nothing more does not keep a signal from ending training", async () => {
  const controller = new AbortController(), events: string[] = [];
  class Tells extends Slope {
    override teardown(): void {
      events.push("teardown");
    }
  }
  const trainer = new Trainer({ ...quiet, maxEpochs: 1 });
  await trainer.fit(new Tells(), stuck(3, () => controller.abort()), { signal: controller.signal });
  assertEquals([trainer.state, trainer.globalStep, ...events], ["interrupted", 2, "teardown"]);
  // A loader of unknown length is read one batch ahead: the third is trained by the fit that goes on.
  await trainer.fit(new Slope(), constantBatches([1, 1, 1, 1]));
  assertEquals([trainer.state, trainer.globalStep], ["finished", 4]);
});

for (const within of ["fit", "validate"] as const) {
  trainerTest(`nor one that validates, in ${within}`, async () => {
    const controller = new AbortController(), { signal } = controller;
    const trainer = new Trainer({ ...quiet, maxEpochs: 1, numSanityValSteps: 0 });
    const val = stuck(1, () => controller.abort()), module = new Validates();
    if (within === "validate") assertEquals(await trainer.validate(module, { val }, { signal }), []);
    else await trainer.fit(module, { train: constantBatches([1, 1]), val }, { signal });
    assertEquals(trainer.state, "interrupted");
  });
}

trainerTest("an error that a loader throws after it was given up is nobody's", async () => {
  const controller = new AbortController();
  let fail = () => {};
  const train: Loader = {
    async *[Symbol.asyncIterator]() {
      setTimeout(() => controller.abort());
      yield await new Promise((_, reject) => fail = () => reject(new Error("too late")));
    },
  };
  const trainer = new Trainer({ ...quiet, maxEpochs: 1 });
  await trainer.fit(new Slope(), train, { signal: controller.signal });
  fail();
  await new Promise((next) => setTimeout(next, 10));
  assertEquals(trainer.state, "interrupted");
});

trainerTest("what is walked must give an iterator, and a length be one", async () => {
  const wrong: [object, string][] = [
    [{ [Symbol.iterator]: () => 5 }, "Cannot use a loader: walking it must give an iterator, got 5"],
    [{ length: -1, [Symbol.iterator]: () => constantBatches([1]).values() }, "from 0 on, or Infinity or missing"],
    [{ length: 2.5, [Symbol.iterator]: () => constantBatches([1]).values() }, "where it is unknown, got 2.5"],
    [{ length: "3", [Symbol.iterator]: () => constantBatches([1]).values() }, 'got "3"'],
  ];
  for (const [loader, said] of wrong) {
    await assertRejects(() => new Trainer({ ...quiet, maxEpochs: 1 }).fit(new Slope(), loader as Loader), Error, said);
  }
});

trainerTest("a transfer hook must give the batch back, and a signal be one", async () => {
  for (const hook of ["onBeforeBatchTransfer", "transferBatchToDevice", "onAfterBatchTransfer"] as const) {
    const forgets = Object.assign(new Slope(), { [hook]: () => {} });
    const said = `Cannot go on with a batch: ${hook} of Slope must return it, it gave nothing`;
    const fit = () => new Trainer({ ...quiet, maxEpochs: 1 }).fit(forgets, constantBatches([1]));
    await assertRejects(fit, TypeError, said);
  }
  const signal = 5 as unknown as AbortSignal;
  const fit = () => new Trainer({ ...quiet, maxEpochs: 1 }).fit(new Slope(), constantBatches([1]), { signal });
  await assertRejects(fit, TypeError, "signal must be an AbortSignal, got 5");
});

trainerTest("what a module adds beside the parts of a checkpoint is refused, for it would be lost", async () => {
  const module = Object.assign(new Slope(), {
    onSaveCheckpoint: (data: object) => void Object.assign(data, { mine: 1 }),
  });
  const trainer = new Trainer({ ...quiet, maxEpochs: 1 });
  await trainer.fit(module, constantBatches([1]));
  const said = "what onSaveCheckpoint adds must stand in its extra, mine would be lost";
  await assertRejects(() => trainer.saveCheckpoint("never"), TypeError, said);
  await assertRejects(() => trainer.saveCheckpoint([]), TypeError, "it needs the path of a folder, got none");
});

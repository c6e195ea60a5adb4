import { assertEquals, assertRejects } from "@std/assert";
import { Trainer } from "../lightning.ts";
import { constantBatches, quiet, Slope, trainerTest } from "../testing/trainer.ts";

trainerTest("a second run at the same time is refused, and the first goes on", async () => {
  const [a, b] = [new Slope(), new Slope()];
  const first = new Trainer({ ...quiet, maxEpochs: 2 }), second = new Trainer({ ...quiet, maxEpochs: 1 });
  const running = first.fit(a, constantBatches([1, 2]));
  await assertRejects(() => second.fit(b, constantBatches([1])), Error, "busy with fit; await it first");
  assertEquals(second.state, "ready");
  await running;
  assertEquals(await a.value(), -6);
  await second.fit(b, constantBatches([1]));
  assertEquals(await b.value(), -1);
});

trainerTest("a run from elsewhere is refused also while a hook of the first waits", async () => {
  const inner = new Slope();
  let inHook = () => {};
  const started = new Promise<void>((resolve) => inHook = resolve);
  let goOn = () => {};
  class Waits extends Slope {
    override async onTrainStart(): Promise<void> {
      inHook();
      await new Promise<void>((resolve) => goOn = resolve);
    }
  }
  const outer = new Waits();
  const running = new Trainer({ ...quiet, maxEpochs: 1 }).fit(outer, constantBatches([1]));
  await started;
  await assertRejects(() => new Trainer(quiet).fit(inner, constantBatches([1])), Error, "busy with fit");
  goOn();
  await running;
});

trainerTest("a run within a hook of another is its own", async () => {
  const inner = new Slope();
  class Teacher extends Slope {
    override async onTrainStart(): Promise<void> {
      await new Trainer({ ...quiet, maxEpochs: 1 }).fit(inner, constantBatches([1, 2]));
    }
  }
  const outer = new Teacher();
  await new Trainer({ ...quiet, maxEpochs: 1 }).fit(outer, constantBatches([4]));
  assertEquals([await inner.value(), await outer.value()], [-3, -4]);
});

trainerTest("a run that a hook starts and does not await ends the run of the hook, with the reason", async () => {
  const inner = new Slope(), second = new Trainer({ ...quiet, maxEpochs: 3 });
  let running: Promise<void> | null = null;
  class Forgets extends Slope {
    override onTrainEpochEnd(): void {
      running ??= second.fit(inner, constantBatches([1, 2]));
    }
  }
  const first = new Trainer({ ...quiet, maxEpochs: 2 });
  await assertRejects(() => first.fit(new Forgets(), constantBatches([1])), Error, "did not await it");
  await running;
  assertEquals([second.state, await inner.value()], ["finished", -9]);
});

// A trainer on loaders with workers: the same run for any number of them, and none left behind.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { DataLoader, WorkerError } from "../data/mod.ts";
import { Trainer } from "../lightning.ts";
import { manualSeed } from "../mod.ts";
import { Net, quiet, Slope, trainerTest } from "../testing/trainer.ts";
import { broken, movedClouds } from "../testing/worker_datasets.ts";

trainerTest("a run is bit for bit the same for any number of workers, which end with it", async () => {
  const run = async (numWorkers: number, persistentWorkers = false) => {
    manualSeed(3);
    const module = new Net();
    const workers = numWorkers > 0 ? { numWorkers, persistentWorkers } : {};
    const train = new DataLoader(movedClouds(40), { batchSize: 8, shuffle: true, seed: 1, ...workers });
    const val = new DataLoader(movedClouds(16), { batchSize: 8, seed: 2, ...workers });
    const trainer = new Trainer({ ...quiet, maxEpochs: 2 });
    await trainer.fit(module, { train, val });
    return [...await module.fc2.weight.data()];
  };
  const here = await run(0);
  assertEquals(await run(2), here);
  assertEquals(await run(1, true), here);
});

trainerTest("batches that lie on the device give their memory back to the loader", async () => {
  const length = 64, handedOut: ArrayBuffer[] = [];
  const loader = new DataLoader(movedClouds(length), {
    batchSize: 2,
    transform: (batch, at) => {
      const data = at.allocate("f32", 4096).fill(1);
      handedOut.push(data.buffer);
      return {
        ...batch,
        x: { dtype: "f32", shape: [1024, 4], data },
        y: { dtype: "i32", shape: [1024], data: new Int32Array(1024) },
      } as const;
    },
  });
  await new Trainer({ ...quiet, maxEpochs: 1 }).fit(new Net(), loader);
  assertEquals(handedOut.length, 32);
  assert(new Set(handedOut).size <= 4, `${new Set(handedOut).size} buffers for 32 batches`);
});

trainerTest("an error in a worker ends the run with the sample's number", async () => {
  const loader = new DataLoader(broken("throw", 5), { batchSize: 2, numWorkers: 1 });
  const module = new class extends Slope {
    override trainingStep(): never {
      return null as never; // a batch is left out: only the loader matters here
    }
  }();
  await assertRejects(
    () => new Trainer({ ...quiet, maxEpochs: 1 }).fit(module, loader),
    WorkerError,
    "cannot read sample 5: no such picture",
  );
});

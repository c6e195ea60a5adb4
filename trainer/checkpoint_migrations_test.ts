import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { readCheckpoint, Trainer } from "../lightning.ts";
import { exists } from "../platform/mod.ts";
import { cloudLoader, MemoryLogger, Net, quiet, trainerTest } from "../testing/trainer.ts";
import { CHECKPOINT_VERSION, MIGRATIONS } from "./checkpoint_migrations.ts";

/** A checkpoint that a release of each version wrote; `testing/checkpoints/README.md` says of what. */
const recorded = (version: number) => new URL(`../testing/checkpoints/version_${version}`, import.meta.url).pathname;

Deno.test("every earlier version of the format has a migration and a recorded checkpoint, which is read", async () => {
  assertEquals(Object.keys(MIGRATIONS), Array.from({ length: CHECKPOINT_VERSION - 1 }, (_, i) => String(i + 1)));
  for (const version of Object.keys(MIGRATIONS)) {
    assert(await exists(recorded(Number(version))), `no checkpoint of version ${version}`);
    const { version: now, stateDict, hyperparameters, training } = await readCheckpoint(recorded(Number(version)));
    assertEquals(now, CHECKPOINT_VERSION);
    assertEquals([...stateDict.keys()], ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]);
    assertEquals(hyperparameters, { module: null, dataModule: null });
    assertEquals((training!.progress as { batchesSeen: number }).batchesSeen, 7);
  }
});

trainerTest("a run goes on from a checkpoint of version 1 as the run that wrote it did", async () => {
  const logger = new MemoryLogger();
  const trainer = new Trainer({
    ...quiet,
    maxEpochs: 2,
    logEveryNSteps: 1,
    precision: "16-mixed",
    accumulateGradBatches: 3,
    logger,
  });
  const data = {
    train: cloudLoader(18, { batchSize: 4, shuffle: true, seed: 5 }),
    val: cloudLoader(8, { batchSize: 4 }),
  };
  await trainer.fit(new Net(), data, { ckptPath: recorded(1) });
  assertEquals([trainer.globalStep, trainer.batchesSeen], [4, 10]);
  const wanted = {
    train_loss_step: [0.8629564046859741, 1.0479636192321777],
    val_loss: [0.7866822481155396],
    train_loss_epoch: [0.8447405099868774],
  };
  for (const [name, values] of Object.entries(wanted)) {
    const got = logger.values(name);
    assertEquals(got.length, values.length, name);
    // Sums in 16 bits differ a little between adapters.
    for (const [i, value] of values.entries()) assertAlmostEquals(got[i], value, 2e-3, name);
  }
});

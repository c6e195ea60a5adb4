// What it leaves when training fails or is interrupted, and how the next run goes on with that.
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Callback, CheckpointError, Trainer, type TrainerOptions } from "../lightning.ts";
import type { Tensor } from "../mod.ts";
import { basename, FileError, joinPath, listDir, makeDir, writeFile } from "../platform/mod.ts";
import { inOwn, saves, Scripted, stepsOf } from "../testing/model_checkpoint.ts";
import { constantBatches, quiet } from "../testing/trainer.ts";
import { written } from "../testing/stderr.ts";
import { ModelCheckpoint } from "./model_checkpoint.ts";
import type { ModelCheckpointOptions } from "./model_checkpoint_options.ts";

inOwn("an error leaves a checkpoint of the state before it, if that is asked for", async (folder) => {
  class Fails extends Scripted {
    override trainingStep(x: Tensor): Tensor {
      if (this.globalStep === 4) throw new Error("broken");
      return super.trainingStep(x);
    }
  }
  await assertRejects(
    () => saves(folder, { saveOnException: true, saveLast: true, filename: "{step}" }, {}, new Fails()),
    Error,
    "broken",
  );
  assertEquals(await listDir(folder), ["last.ckpt", "step=3.ckpt", "step=4.ckpt"]);
  // The batch that failed is the next one.
  const { callback, trainer } = await saves(joinPath(folder, "again"), {}, { maxEpochs: 3 });
  const module = new Scripted();
  const resumed = new Trainer({ ...quiet, maxEpochs: 3 });
  await resumed.fit(module, { train: constantBatches([1, 1, 1]), val: constantBatches([1]) }, {
    ckptPath: joinPath(folder, "step=4.ckpt"),
  });
  assertEquals([resumed.globalStep, await module.value()], [trainer.globalStep, -9]);
  assertEquals(callback.bestModelPath.endsWith("step=9.ckpt"), true);
  const none = joinPath(folder, "none");
  await assertRejects(() => saves(none, { filename: "{step}" }, {}, new Fails()), Error, "broken");
  assertEquals(await listDir(none), ["step=3.ckpt"]);
});

inOwn("a folder that takes no files is told before the first batch", async (folder) => {
  class Counts extends Scripted {
    batches = 0;
    override trainingStep(x: Tensor): Tensor {
      this.batches++;
      return super.trainingStep(x);
    }
  }
  const file = joinPath(folder, "file"), dirpath = joinPath(file, "a", "b"), module = new Counts();
  await writeFile(file, "");
  await assertRejects(
    () => saves(dirpath, {}, {}, module),
    FileError,
    `Cannot save checkpoints: a part of the path is not a folder, path is ${dirpath}`,
  );
  assertEquals([module.batches, await listDir(folder)], [0, ["file"]]);
});

inOwn("an interruption leaves last at the latest step", async (folder) => {
  const controller = new AbortController();
  class Aborts extends Callback {
    override onTrainBatchEnd(trainer: Trainer): void {
      if (trainer.globalStep === 5) controller.abort();
    }
  }
  const callback = new ModelCheckpoint({ dirpath: folder, saveLast: true, filename: "{step}" });
  const trainer = new Trainer({
    ...quiet,
    enableCheckpointing: true,
    maxEpochs: 3,
    callbacks: [new Aborts(), callback],
  });
  const data = { train: constantBatches([1, 1, 1]), val: constantBatches([1]) };
  await trainer.fit(new Scripted(), data, { signal: controller.signal });
  assertEquals(await listDir(folder), ["last.ckpt", "step=3.ckpt"]);
  assertEquals(await stepsOf(folder, ["last.ckpt"]), [5]);
  const resumed = new Trainer({ ...quiet, maxEpochs: 3 }), module = new Scripted();
  await resumed.fit(module, data, { ckptPath: callback.lastModelPath });
  assertEquals([resumed.globalStep, resumed.currentEpoch, await module.value()], [9, 3, -9]);
});

inOwn("an interruption before a validation does not lose the checkpoint that the validation ranks", async (folder) => {
  const moments: [ModelCheckpointOptions, TrainerOptions, step: number][] = [
    [{}, {}, 3], // at the end of an epoch
    [{ everyNTrainSteps: 2 }, { checkValEveryNEpoch: 2 }, 5], // while step 4 waits
  ];
  for (const [i, [options, more, step]] of moments.entries()) {
    const every = { monitor: "train_loss", filename: "{epoch}-{step}", saveTopK: -1, saveLast: true, ...options };
    const { files } = await saves(joinPath(folder, `whole${i}`), every, more);
    const controller = new AbortController(), part = joinPath(folder, `part${i}`);
    class Aborts extends Callback {
      override onTrainBatchEnd(trainer: Trainer): void {
        if (trainer.globalStep === step) controller.abort();
      }
    }
    const data = { train: constantBatches([1, 1, 1]), val: constantBatches([1]) };
    for (const ckptPath of [undefined, joinPath(part, "last.ckpt")]) {
      const callbacks = [new Aborts(), new ModelCheckpoint({ dirpath: part, ...every })];
      const trainer = new Trainer({ ...quiet, enableCheckpointing: true, maxEpochs: 3, ...more, callbacks });
      await trainer.fit(new Scripted(), data, ckptPath ? { ckptPath } : { signal: controller.signal });
    }
    assertEquals(await listDir(part), files);
  }
});

inOwn("scores go on in a resumed run; files of others and the one resumed from stay", async (folder) => {
  const first = await saves(folder, { monitor: "loss", filename: "{epoch}" }, { maxEpochs: 1 }, new Scripted([3]));
  const start = first.callback.bestModelPath;
  await makeDir(`${folder}-other`);
  const callback = new ModelCheckpoint({ dirpath: folder, monitor: "loss", filename: "{epoch}" });
  const trainer = new Trainer({ ...quiet, enableCheckpointing: true, maxEpochs: 3, callbacks: callback });
  const data = { train: constantBatches([1, 1, 1]), val: constantBatches([1]) };
  await trainer.fit(new Scripted([4, 2]), data, { ckptPath: start });
  // Epoch 1 is no better than what was saved before; epoch 2 takes its place, but the start is not deleted.
  assertEquals(await listDir(folder), ["epoch=0.ckpt", "epoch=2.ckpt"]);
  assertEquals([...callback.bestKModels.values()], [2]);
  await Deno.remove(`${folder}-other`);
});

inOwn("checkpoints that a dead process had not listed yet are taken into the ranking", async (folder) => {
  const options = { monitor: "loss", saveTopK: 2, filename: "{epoch}", saveLast: true };
  const { files } = await saves(folder, options, { maxEpochs: 4 }, new Scripted([0.5, 0.4, 0.3, 0.2]));
  assertEquals(files, ["epoch=2.ckpt", "epoch=3.ckpt", "last.ckpt"]);
  const other = await saves(joinPath(folder, "other"), options, { maxEpochs: 1 }, new Scripted([0.1]));
  // As if it had died after an epoch's checkpoint, with `last` of another moment, beside a run of somebody else's.
  await Deno.rename(joinPath(folder, "other", "epoch=0.ckpt"), joinPath(folder, "stranger.ckpt"));
  const last = joinPath(folder, "epoch=2.ckpt"), callback = new ModelCheckpoint({ dirpath: folder, ...options });
  const trainer = new Trainer({ ...quiet, enableCheckpointing: true, maxEpochs: 5, callbacks: callback });
  const module = new Scripted([0.35, 0.1]);
  await trainer.fit(module, { train: constantBatches([1, 1, 1]), val: constantBatches([1]) }, { ckptPath: last });
  assertEquals(other.files, ["epoch=0.ckpt", "last.ckpt"]);
  // epoch=3 of before has 0.2 and outlives the resumed one's 0.35; what was resumed from stays.
  assertEquals([...callback.bestKModels].map(([path, score]) => [basename(path), score]).sort(), [
    ["epoch=3.ckpt", 0.2],
    ["epoch=4.ckpt", 0.1],
  ]);
  assertEquals(await listDir(folder), [
    ...["epoch=2.ckpt", "epoch=3.ckpt", "epoch=4.ckpt", "last.ckpt", "other", "stranger.ckpt"],
  ]);
});

inOwn("state that is none of its own is refused by name", async (folder) => {
  const { callback } = await saves(folder, {}, { maxEpochs: 1 });
  const sound = callback.stateDict();
  const wrong = { ...sound, bestKModels: { a: "x" }, lastSavedStep: "9" };
  const error = assertThrows(() => callback.loadStateDict(wrong), CheckpointError, "Cannot resume the ModelCheckpoint");
  for (const name of ["bestKModels.a", "lastSavedStep"]) assertStringIncludes(error.message, name);
  assertThrows(() => callback.loadStateDict({}), CheckpointError, "bestModelPath");
});

inOwn(
  "another trainer goes on with the newest last in the folders of its callbacks, or begins with a warning",
  async (folder) => {
    const data = { train: constantBatches([1, 1, 1]), val: constantBatches([1]) };
    const goOn = async (folders: string[], maxEpochs: number): Promise<[steps: number, from: string | null]> => {
      const everyNEpochs = (i: number) => ({ everyNEpochs: i + 1 }); // tells the callbacks apart
      const callbacks = folders.map((dirpath, i) =>
        new ModelCheckpoint({ dirpath, saveLast: true, ...everyNEpochs(i) })
      );
      const trainer = new Trainer({ ...quiet, enableCheckpointing: true, maxEpochs, callbacks });
      let first = -1;
      const module = new Scripted();
      module.onTrainStart = () => void (first = trainer.globalStep);
      await trainer.fit(module, data, { ckptPath: "last" });
      return [first, trainer.ckptPath];
    };
    const [one, two] = [joinPath(folder, "one"), joinPath(folder, "two")];
    assertEquals(await goOn([one], 1), [0, null]);
    assertEquals(await goOn([one], 2), [3, joinPath(one, "last.ckpt")]);
    await saves(two, { saveLast: true }, { maxEpochs: 1 });
    assertEquals(await goOn([two, one], 3), [6, joinPath(one, "last.ckpt")]);
    const callbacks = new ModelCheckpoint({ dirpath: joinPath(folder, "none") });
    const trainer = new Trainer({ ...quiet, enableCheckpointing: true, maxEpochs: 1, callbacks });
    const none = (which: string) => `Cannot load the ${which} checkpoint: this trainer has saved none`;
    await assertRejects(() => trainer.fit(new Scripted(), data, { ckptPath: "best" }), Error, none("best"));
    await assertRejects(() => trainer.validate(new Scripted(), data, { ckptPath: "last" }), Error, none("last"));
  },
);

inOwn("a run that is resumed in another folder is told that it ranks anew", async (folder) => {
  const first = joinPath(folder, "first"), second = joinPath(folder, "second"), ranked = { monitor: "loss" };
  const data = { train: constantBatches([1]), val: constantBatches([1]) };
  const resume = (dirpath: string, ckptPath: string, options: ModelCheckpointOptions) =>
    written(() => {
      const callbacks = new ModelCheckpoint({ dirpath, ...options });
      return new Trainer({ ...quiet, enableCheckpointing: true, maxEpochs: 4, callbacks })
        .fit(new Scripted(), data, { ckptPath });
    });
  const { callback } = await saves(first, ranked);
  assertEquals(await resume(second, callback.bestModelPath, ranked), [
    `Warning: ModelCheckpoint saves to ${second} and ranks anew there: the checkpoints in ${first} stay as they are; ` +
    "the same dirpath, or the same version of the logger, goes on with them",
  ]);
  assertEquals(await resume(first, callback.bestModelPath, ranked), []);
  const unranked = await saves(joinPath(folder, "third"), {});
  assertEquals(await resume(joinPath(folder, "fourth"), unranked.callback.bestModelPath, {}), []);
});

import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Callback, CheckpointError, readCheckpoint, Trainer, type TrainerOptions } from "../lightning.ts";
import { mean, type Tensor } from "../mod.ts";
import { basename, exists, FileError, joinPath, listDir, makeDir, remove, writeFile } from "../platform/mod.ts";
import { constantBatches, inFolder, MemoryLogger, quiet, Slope, trainerTest } from "../testing/trainer.ts";
import { ModelCheckpoint, type ModelCheckpointOptions } from "./model_checkpoint.ts";

/** A module whose validations give these values. */
class Scripted extends Slope {
  readonly #values: readonly number[];
  #next = 0;

  constructor(values: readonly number[] = [0]) {
    super();
    this.#values = values;
  }

  override trainingStep(x: Tensor): Tensor {
    this.log("train_loss", mean(x), { onStep: true, onEpoch: true });
    return this.forward(x);
  }

  override validationStep(): void {}

  override onValidationEpochEnd(): void {
    this.log("loss", this.#values[Math.min(this.#next++, this.#values.length - 1)]);
  }
}

interface Saved {
  readonly files: string[];
  readonly callback: ModelCheckpoint;
  readonly trainer: Trainer;
}

/** Trains three batches an epoch with a ModelCheckpoint in a folder of its own, and lists what is there. */
async function saves(
  folder: string,
  options: ModelCheckpointOptions,
  trainerOptions: TrainerOptions = {},
  module: Slope = new Scripted(),
): Promise<Saved> {
  const callback = new ModelCheckpoint({ dirpath: folder, ...options });
  const callbacks = [trainerOptions.callbacks ?? []].flat();
  const trainer = new Trainer({
    ...quiet,
    enableCheckpointing: true,
    maxEpochs: 3,
    ...trainerOptions,
    callbacks: [...callbacks, callback],
  });
  await trainer.fit(module, { train: constantBatches([1, 1, 1]), val: constantBatches([1]) });
  return { files: await exists(folder) ? await listDir(folder) : [], callback, trainer };
}

/** The epoch in which each checkpoint was saved, and the steps until then. */
async function stepsOf(folder: string, names: readonly string[]): Promise<number[]> {
  return await Promise.all(names.map(async (name) => {
    const { training } = await readCheckpoint(joinPath(folder, name));
    return (training!.progress as { globalStep: number }).globalStep;
  }));
}

const inOwn = (name: string, fn: (folder: string) => Promise<void>) => trainerTest(name, () => inFolder(fn));

inOwn("without options the newest epoch is kept", async (folder) => {
  const { files, callback } = await saves(folder, {});
  assertEquals(files, ["epoch=2-step=9.ckpt"]);
  assertEquals(callback.bestModelPath, joinPath(folder, "epoch=2-step=9.ckpt"));
  assertEquals([callback.bestModelScore, callback.lastModelPath, callback.kthBestModelPath], [null, "", ""]);
});

inOwn("its folder is the logger's, or below the root", async (folder) => {
  const logged = await saves(folder, { dirpath: undefined }, { logger: new MemoryLogger(joinPath(folder, "run")) });
  assertEquals(logged.callback.dirpath, joinPath(folder, "run", "checkpoints"));
  const plain = await saves(folder, { dirpath: undefined }, { defaultRootDir: joinPath(folder, "root") });
  assertEquals(await listDir(joinPath(folder, "root", "checkpoints")), ["epoch=2-step=9.ckpt"]);
  assertEquals(plain.callback.dirpath, joinPath(folder, "root", "checkpoints"));
});

inOwn("names hold numbers in the form that is asked for", async (folder) => {
  const cases: [ModelCheckpointOptions, string][] = [
    [{ filename: "{epoch}-{loss:.2f}" }, "epoch=0-loss=0.32.ckpt"],
    [{ filename: "m-{loss:.2e}-{step:04d}", autoInsertMetricName: false }, "m-3.24e-01-0003.ckpt"],
    [{ filename: "{loss}" }, "loss=0.324.ckpt"],
    [{ filename: "{nothing:.1f}-{train_loss:.1f}" }, "nothing=0.0-train_loss=1.0.ckpt"],
    [{ filename: "plain" }, "plain.ckpt"],
  ];
  for (const [i, [options, wanted]] of cases.entries()) {
    const { files } = await saves(joinPath(folder, String(i)), options, { maxEpochs: 1 }, new Scripted([0.324]));
    assertEquals(files, [wanted]);
  }
  await saves(folder, { filename: "deep/er/{epoch}" }, { maxEpochs: 1 });
  assertEquals(await listDir(joinPath(folder, "deep", "er")), ["epoch=0.ckpt"]);
});

inOwn("a name that is taken gets a version", async (folder) => {
  const { files } = await saves(folder, { filename: "best", saveTopK: -1 });
  assertEquals(files, ["best-v1.ckpt", "best-v2.ckpt", "best.ckpt"]);
  assertEquals(await stepsOf(folder, ["best.ckpt", "best-v1.ckpt", "best-v2.ckpt"]), [3, 6, 9]);
  const same = await saves(joinPath(folder, "same"), { filename: "best", enableVersionCounter: false });
  assertEquals(same.files, ["best.ckpt"]);
});

inOwn("the best of a metric are kept", async (folder) => {
  const { files, callback } = await saves(
    folder,
    { monitor: "loss", saveTopK: 2, filename: "{epoch}" },
    { maxEpochs: 5 },
    new Scripted([0.5, 0.4, 0.6, 0.3, 0.45]),
  );
  assertEquals(files, ["epoch=1.ckpt", "epoch=3.ckpt"]);
  assertEquals([basename(callback.bestModelPath), callback.bestModelScore], ["epoch=3.ckpt", 0.3]);
  assertEquals(basename(callback.kthBestModelPath), "epoch=1.ckpt");
  assertEquals([...callback.bestKModels.values()], [0.4, 0.3]);
});

inOwn("equal is not better, NaN is worst, and more may be better", async (folder) => {
  const kept = async (values: number[], options: ModelCheckpointOptions) => {
    const path = joinPath(folder, JSON.stringify([values, options]));
    return (await saves(path, { monitor: "loss", filename: "{epoch}", ...options }, {}, new Scripted(values))).files;
  };
  assertEquals(await kept([1, 1, 1], {}), ["epoch=0.ckpt"]);
  assertEquals(await kept([NaN, 5, NaN], {}), ["epoch=1.ckpt"]);
  assertEquals(await kept([1, 3, 2], { mode: "max" }), ["epoch=1.ckpt"]);
  assertEquals(await kept([1, NaN, 2], { mode: "max", saveTopK: 2 }), ["epoch=0.ckpt", "epoch=2.ckpt"]);
  assertEquals(await kept([1, 2, 3], { saveTopK: 0 }), []);
});

inOwn("last is always the latest state, also where it is not one of the best (D3)", async (folder) => {
  const { files, callback } = await saves(
    folder,
    { monitor: "loss", saveLast: true, filename: "{epoch}" },
    {},
    new Scripted([1, 2, 3]),
  );
  assertEquals(files, ["epoch=0.ckpt", "last.ckpt"]);
  assertEquals(await stepsOf(folder, files), [3, 9]);
  assertEquals(callback.lastModelPath, joinPath(folder, "last.ckpt"));
  const other = joinPath(folder, "compat");
  const compat = await saves(
    other,
    { monitor: "loss", saveLast: true },
    { lightningCompat: true },
    new Scripted([1, 2, 3]),
  );
  assertEquals(await stepsOf(other, compat.files), [3, 3]);
});

inOwn("last is brought up to date when training ends between two saves", async (folder) => {
  const { files } = await saves(folder, { everyNTrainSteps: 4, saveLast: true, filename: "{step}" }, { maxSteps: 6 });
  assertEquals(files, ["last.ckpt", "step=4.ckpt"]);
  assertEquals(await stepsOf(folder, files), [6, 4]);
});

inOwn("steps trigger saving", async (folder) => {
  const { files } = await saves(folder, { everyNTrainSteps: 2, saveTopK: -1, filename: "{step}" });
  assertEquals(files, ["step=2.ckpt", "step=4.ckpt", "step=6.ckpt", "step=8.ckpt"]);
});

inOwn(
  "a trigger by steps fires once for each optimizer step, never between two and never before the first",
  async (folder) => {
    const { files } = await saves(folder, { everyNTrainSteps: 2, saveTopK: -1 }, {
      accumulateGradBatches: 2,
      maxEpochs: 2,
    });
    assertEquals(files, ["epoch=0-step=2.ckpt", "epoch=1-step=4.ckpt"]);
  },
);

inOwn("last does not wait for the validation that ranks the others (D3)", async (folder) => {
  const steps: number[] = [];
  class Looks extends Callback {
    override async onTrainBatchEnd(trainer: Trainer): Promise<void> {
      await trainer.settleCheckpoints();
      const [step] = await exists(joinPath(folder, "last.ckpt")) ? await stepsOf(folder, ["last.ckpt"]) : [0];
      steps.push(step);
    }
  }
  const options = { everyNTrainSteps: 2, saveLast: true, monitor: "loss" };
  const { files } = await saves(folder, options, { maxEpochs: 2, callbacks: new Looks() });
  // Each batch sees what the one before has left: step 6 is ranked by the validation right after it.
  assertEquals(steps, [0, 0, 2, 3, 4, 4]);
  assertEquals(files, ["epoch=0-step=3.ckpt", "last.ckpt"]);
  assertEquals(await stepsOf(folder, ["last.ckpt"]), [6]);
});

inOwn("time triggers saving", async (folder) => {
  // A clock of our own: each batch takes 30 ms, however busy the machine is.
  const clock = performance.now;
  let now = 0;
  class Tick extends Callback {
    override onTrainBatchStart = () => void (now += 30);
  }
  performance.now = () => now;
  try {
    const options = { trainTimeInterval: 0.05, saveTopK: -1, filename: "{step}" };
    const { files } = await saves(folder, options, { callbacks: new Tick(), maxEpochs: 2 });
    assertEquals(files, ["step=2.ckpt", "step=4.ckpt", "step=6.ckpt"]);
  } finally {
    performance.now = clock;
  }
});

inOwn("time alone saves nothing before the first step, and no step twice", async (folder) => {
  const options = { trainTimeInterval: 1e-9, saveTopK: -1, filename: "{step}" };
  const { files } = await saves(folder, options, { maxEpochs: 2, accumulateGradBatches: 2 });
  assertEquals(files, ["step=1.ckpt", "step=2.ckpt", "step=3.ckpt", "step=4.ckpt"]);
  const span = new ModelCheckpoint({ trainTimeInterval: "00:01:00:00" }).stateKey;
  assertEquals(span, new ModelCheckpoint({ trainTimeInterval: { hours: 1 } }).stateKey);
  assertEquals(span, new ModelCheckpoint({ trainTimeInterval: 3600 }).stateKey);
});

inOwn("with saveLast: link, last shares the files of the checkpoint that is saved with it", async (folder) => {
  const values = [3, 2, 5], options = { monitor: "loss", saveLast: "link", filename: "{epoch}" } as const;
  const filesOf = async (name: string) => {
    const names = await listDir(joinPath(folder, name));
    return await Promise.all(names.map(async (file) => (await Deno.stat(joinPath(folder, name, file))).ino));
  };
  const first = await saves(folder, options, { maxEpochs: 2 }, new Scripted(values));
  assertEquals(first.files, ["epoch=1.ckpt", "last.ckpt"]);
  assertEquals(await filesOf("last.ckpt"), await filesOf("epoch=1.ckpt"));
  assertEquals(first.callback.lastModelPath, joinPath(folder, "last.ckpt"));
  await inFolder(async (folder) => {
    // The best one stays, last goes on; and it is whole when what it was linked to is gone.
    const { files } = await saves(folder, options, { maxEpochs: 3 }, new Scripted(values));
    assertEquals(files, ["epoch=1.ckpt", "last.ckpt"]);
    assertEquals(await stepsOf(folder, files), [6, 9]);
  });
  await remove(joinPath(folder, "epoch=1.ckpt"), { recursive: true });
  assertEquals(await stepsOf(folder, ["last.ckpt"]), [6]);
});

inOwn("epochs trigger saving", async (folder) => {
  const { files } = await saves(folder, { everyNEpochs: 2, saveTopK: -1, filename: "{epoch}" }, { maxEpochs: 5 });
  assertEquals(files, ["epoch=1.ckpt", "epoch=3.ckpt"]);
});

inOwn("a checkpoint waits for the validation that ranks it (D2)", async (folder) => {
  const values = [5, 3, 4];
  const { files, callback } = await saves(
    folder,
    { monitor: "loss", everyNTrainSteps: 2, saveTopK: -1, filename: "{step}-{loss}" },
    {},
    new Scripted(values),
  );
  // Due at steps 2, 4, 6, 8; validated, and saved, at 3, 6, 9.
  assertEquals(files, ["step=3-loss=5.ckpt", "step=6-loss=3.ckpt", "step=9-loss=4.ckpt"]);
  assertEquals(await stepsOf(folder, files), [3, 6, 9]);
  assertEquals(callback.bestModelScore, 3);
});

inOwn("a metric of training ranks at once", async (folder) => {
  const { files } = await saves(folder, {
    monitor: "train_loss_step",
    everyNTrainSteps: 2,
    saveTopK: -1,
    filename: "{step}",
  });
  assertEquals(files, ["step=2.ckpt", "step=4.ckpt", "step=6.ckpt", "step=8.ckpt"]);
});

inOwn("a metric that never comes is an error once it should have come", async (folder) => {
  const error = await assertRejects(() => saves(folder, { monitor: "accuracy" }), Error);
  assertStringIncludes(error.message, "Cannot rank checkpoints: there must be a metric accuracy, known are ");
  assertEquals(await listDir(folder), []);
});

inOwn("saving after validation suits validation within epochs", async (folder) => {
  const { files } = await saves(folder, { saveTopK: -1, filename: "{step}" }, { valCheckInterval: 2 });
  assertEquals(files, ["step=2.ckpt", "step=5.ckpt", "step=8.ckpt"]);
  const end = await saves(joinPath(folder, "end"), { saveOnTrainEpochEnd: true, filename: "{step}" }, {
    valCheckInterval: 2,
  });
  assertEquals(end.files, ["step=9.ckpt"]);
});

inOwn("weights alone can be saved", async (folder) => {
  const { callback } = await saves(folder, { saveWeightsOnly: true });
  assertEquals((await readCheckpoint(callback.bestModelPath)).training, null);
});

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

Deno.test("options that are wrong are named", () => {
  const refusal = (options: object) => assertThrows(() => new ModelCheckpoint(options), TypeError).message;
  assertStringIncludes(refusal({ saveTopK: -2 }), "saveTopK must be a whole number from 0 on, or -1 for all, got -2");
  assertStringIncludes(refusal({ saveTopK: 3 }), "saveTopK must be -1, 0 or 1 without a monitor, got 3");
  assertStringIncludes(
    refusal({ mode: "least" }),
    'Cannot make a ModelCheckpoint: mode must be "min" or "max", got "least"',
  );
  assertStringIncludes(refusal({ everyNEpochs: 1, everyNTrainSteps: 2 }), "exclude each other, got 2, 0 and 1");
  assertStringIncludes(refusal({ save_last: true }), "there is no option save_last, saveLast is the nearest");
  assertStringIncludes(refusal({ filename: "{loss:x}" }), 'must look like .2f, .3e or 02d, got "x"');
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

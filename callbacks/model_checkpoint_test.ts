// When it saves, what it keeps, and how it names that.
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Callback, type Every, readCheckpoint, type Trainer } from "../lightning.ts";
import { basename, exists, joinPath, listDir, remove } from "../platform/mod.ts";
import { inOwn, saves, Scripted, stepsOf } from "../testing/model_checkpoint.ts";
import { inFolder, MemoryLogger } from "../testing/trainer.ts";
import { ModelCheckpoint, type ModelCheckpointOptions } from "./model_checkpoint.ts";

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

inOwn("an interval may say its unit (D7)", async (folder) => {
  const units: [Every, number[]][] = [
    [{ every: 2, unit: "batch" }, [2, 4, 6, 8]],
    [{ every: 4, unit: "step" }, [4, 8]],
    [{ every: 2, unit: "epoch" }, [6]],
    [{ every: 1e-9, unit: "second" }, [1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ];
  for (const [every, steps] of units) {
    const { files } = await saves(joinPath(folder, every.unit), { every, saveTopK: -1, filename: "{step:02d}" });
    assertEquals(files, steps.map((step) => `step=0${step}.ckpt`), every.unit);
  }
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

Deno.test("options that are wrong are named", () => {
  const refusal = (options: object) => assertThrows(() => new ModelCheckpoint(options), TypeError).message;
  assertStringIncludes(refusal({ saveTopK: -2 }), "saveTopK must be a whole number from 0 on, or -1 for all, got -2");
  assertStringIncludes(refusal({ saveTopK: 3 }), "saveTopK must be -1, 0 or 1 without a monitor, got 3");
  assertStringIncludes(
    refusal({ mode: "least" }),
    'Cannot make a ModelCheckpoint: mode must be "min" or "max", got "least"',
  );
  assertStringIncludes(refusal({ everyNEpochs: 1, everyNTrainSteps: 2 }), "exclude each other, got 2, 0, 1 and null");
  assertStringIncludes(refusal({ everyNEpochs: 1, every: { every: 2, unit: "step" } }), "got 0, 0, 1 and {");
  assertStringIncludes(refusal({ every: { every: 2 } }), "every must be { every, unit: ");
  assertStringIncludes(refusal({ save_last: true }), "there is no option save_last, saveLast is the nearest");
  assertStringIncludes(refusal({ filename: "{loss:x}" }), 'must look like .2f, .3e or 02d, got "x"');
});

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { Callback, CheckpointError, readCheckpoint, seedEverything, Trainer } from "../lightning.ts";
import type { ConfiguredOptimizers, Loader } from "../lightning.ts";
import { crossEntropy } from "../mod.ts";
import { ReduceLROnPlateau, SGD } from "../optim/mod.ts";
import { joinPath, readText } from "../platform/mod.ts";
import { fit, type Moment, plainRows, resumesEverywhere, type Scenario } from "../testing/resume.ts";
import {
  cloudLoader,
  clouds,
  constantBatches,
  inFolder,
  type LoggedRow,
  MemoryLogger,
  Net,
  own,
  type Points,
  quiet,
  Slope,
  trainerTest,
} from "../testing/trainer.ts";

const shuffled = () => cloudLoader(18, { batchSize: 4, shuffle: true, seed: 5 });
const validation = () => cloudLoader(8, { batchSize: 4 });

trainerTest("a run resumed from every moment of two epochs is the run that was never interrupted", async () => {
  await resumesEverywhere({
    module: () => new Net(),
    train: shuffled,
    val: validation,
    options: { valCheckInterval: 2 },
  }, 28);
});

trainerTest("also inside accumulation windows, with a short last one", async () => {
  await resumesEverywhere({
    module: () => new Net(),
    train: shuffled,
    val: validation,
    options: { accumulateGradBatches: 3, gradientClipVal: 0.5 },
  }, 26);
});

trainerTest("also with loaders that follow the global seed, resumed in a process with another one", async () => {
  await resumesEverywhere({
    module: () => new Net(),
    train: () => cloudLoader(12, { batchSize: 4, shuffle: true }),
    val: () => cloudLoader(8, { batchSize: 4, shuffle: true }),
  }, 14);
});

trainerTest("also with schedulers that react to a validation's metric", async () => {
  class Plateau extends Net {
    override configureOptimizers(): ConfiguredOptimizers & never {
      const optimizer = own(new SGD(this.parameters(), { lr: 0.5, momentum: 0.9 }));
      const scheduler = new ReduceLROnPlateau(optimizer, { patience: 0, factor: 0.5, threshold: 0.2 });
      return { optimizer, lrScheduler: { scheduler, interval: "step", frequency: 2, monitor: "val_loss" } } as never;
    }
  }
  await resumesEverywhere({
    module: () => new Plateau(),
    train: shuffled,
    val: validation,
    options: { valCheckInterval: 2 },
  }, 28);
});

trainerTest("also with a loader that keeps no state and knows no length", async () => {
  const data = clouds(18);
  const stateless: Loader = {
    *[Symbol.iterator]() {
      for (let i = 0; i < 18; i += 4) yield data.getBatch([0, 1, 2, 3].map((k) => i + k).filter((k) => k < 18));
    },
  };
  await resumesEverywhere({ module: () => new Net(), train: () => stateless, val: validation }, 26);
});

/** Every step of two epochs, with an open accumulation window after most of them. */
const STEPS: readonly Moment[] = ["onTrainBatchEnd"];

for (const compile of [false, true]) {
  for (const precision of ["32-true", "bf16-mixed", "16-mixed"] as const) {
    trainerTest(`also in ${precision}, ${compile ? "captured" : "eager"}, saved in the background`, async () => {
      await resumesEverywhere({
        module: () => new Net(),
        train: shuffled,
        val: validation,
        options: { accumulateGradBatches: 3, gradientClipVal: 0.5, precision, compile },
        moments: STEPS,
        background: true,
      }, 10);
    });
  }
}

trainerTest("training that was cut off by maxSteps within an epoch goes on in it", async () => {
  await inFolder(async (folder) => {
    const scenario: Scenario = { module: () => new Net(), train: shuffled, val: validation };
    seedEverything(1);
    const whole = new MemoryLogger(), end = await fit(scenario, joinPath(folder, "a"), whole, {});
    seedEverything(1);
    const first = new MemoryLogger();
    const part = joinPath(folder, "b");
    await fit(scenario, part, first, { maxSteps: 3 });
    const second = new MemoryLogger();
    const resumed = await fit(scenario, joinPath(folder, "c"), second, {}, joinPath(part, "end"));
    assertEquals(resumed, end);
    const steps = (rows: LoggedRow[]) => plainRows(rows.filter(({ metrics }) => "train_loss_step" in metrics));
    assertEquals([...steps(first.rows), ...steps(second.rows)], steps(whole.rows));
    const epochs = (logger: MemoryLogger) => logger.values("train_loss_epoch");
    assertEquals(epochs(second), epochs(whole));
  });
});

trainerTest("an interrupted fit goes on in the same process with the next batch of the loader", async () => {
  await inFolder(async (folder) => {
    seedEverything(1);
    const whole = new MemoryLogger();
    const end = await fit({ module: () => new Net(), train: shuffled }, folder, whole, {});
    seedEverything(1);
    const controller = new AbortController(), logger = new MemoryLogger();
    class Aborts extends Callback {
      override onTrainBatchEnd(trainer: Trainer): void {
        if (trainer.globalStep === 7) controller.abort();
      }
    }
    class Steady extends Net {
      #configured: ReturnType<Net["configureOptimizers"]> | null = null;
      override configureOptimizers(): ReturnType<Net["configureOptimizers"]> {
        return this.#configured ??= super.configureOptimizers();
      }
    }
    const trainer = new Trainer({ ...quiet, maxEpochs: 2, logEveryNSteps: 1, logger, callbacks: new Aborts() });
    const module = new Steady();
    await trainer.fit(module, { train: shuffled() }, { signal: controller.signal });
    assertEquals([trainer.state, trainer.globalStep], ["interrupted", 7]);
    await trainer.fit(module, { train: shuffled() });
    assertEquals(plainRows(logger.rows), plainRows(whole.rows));
    const path = joinPath(folder, "again");
    await trainer.saveCheckpoint(path);
    const { files } = JSON.parse(await readText(joinPath(path, "manifest.json")));
    assertEquals(files["model.safetensors"].sha256, end.model);
  });
});

trainerTest("a batch that failed after its gradients is trained again by the run that resumes", async () => {
  await inFolder(async (folder) => {
    const { LambdaCallback, ModelCheckpoint } = await import("../callbacks/mod.ts");
    const scenario: Scenario = {
      module: () => new Net(),
      train: shuffled,
      options: { validateAtStart: true },
      val: validation,
    };
    seedEverything(1);
    const whole = await fit(scenario, folder, new MemoryLogger(), {});
    const fails = new LambdaCallback({
      onBeforeOptimizerStep: ({ globalStep }) => {
        if (globalStep === 7) throw new Error("out of luck");
      },
    });
    const keeps = new ModelCheckpoint({ dirpath: folder, saveLast: true, saveOnException: true });
    seedEverything(1);
    const cut = { callbacks: [fails, keeps], enableCheckpointing: true };
    await assertRejects(() => fit(scenario, folder, new MemoryLogger(), cut), Error, "out of luck");
    seedEverything(99);
    const resumed = await fit(scenario, folder, new MemoryLogger(), {}, keeps.lastModelPath);
    assertEquals(resumed.model, whole.model);
    assertEquals(resumed.state.training.progress, whole.state.training.progress);
  });
});

for (const accumulateGradBatches of [1, 3]) {
  for (const hook of ["onBeforeBackward", "onAfterBackward"] as const) {
    trainerTest(`a batch that failed in ${hook}, ${accumulateGradBatches} a step, counts once`, async () => {
      await inFolder(async (folder) => {
        const { LambdaCallback, OnExceptionCheckpoint } = await import("../callbacks/mod.ts");
        const scenario: Scenario = { module: () => new Net(), train: shuffled, options: { accumulateGradBatches } };
        const whole = new MemoryLogger(), cut = new MemoryLogger(), rest = new MemoryLogger();
        seedEverything(1);
        const end = await fit(scenario, joinPath(folder, "a"), whole, {});
        const fails = new LambdaCallback({
          [hook]: ({ batchesSeen }: Trainer) => {
            if (batchesSeen === 7) throw new Error("out of luck");
          },
        });
        const rescue = new OnExceptionCheckpoint({ dirpath: joinPath(folder, "b") });
        seedEverything(1);
        await assertRejects(() => fit(scenario, folder, cut, { callbacks: [fails, rescue] }), Error, "out of luck");
        const saved = await readCheckpoint(rescue.ckptPath);
        assertEquals(
          (saved.training?.progress as { batchInEpoch: number }).batchInEpoch,
          accumulateGradBatches > 1 ? 0 : 2,
        );
        seedEverything(99);
        const resumed = await fit(scenario, joinPath(folder, "c"), rest, {}, rescue.ckptPath);
        assertEquals(resumed.model, end.model);
        assertEquals(resumed.state.training.progress, end.state.training.progress);
        assertEquals(rest.values("train_loss_epoch").at(-1), whole.values("train_loss_epoch").at(-1));
      });
    });
  }
}

trainerTest("dropout and order are part of what is compared", async () => {
  await inFolder(async (folder) => {
    const scenario: Scenario = { module: () => new Net(), train: shuffled };
    seedEverything(1);
    const one = await fit(scenario, folder, new MemoryLogger(), {});
    seedEverything(2);
    const two = await fit(scenario, folder, new MemoryLogger(), {});
    assertNotEquals(one.model, two.model);
  });
});

trainerTest("best, last and a path are resumed from; what is not there is named", async () => {
  await inFolder(async (folder) => {
    const { ModelCheckpoint } = await import("../callbacks/mod.ts");
    class Validating extends Net {
      override validationStep({ x, y }: Points): void {
        this.log("val_loss", crossEntropy(this.forward(x), y));
      }
    }
    const data = { train: shuffled(), val: validation() };
    const callbacks = new ModelCheckpoint({ dirpath: folder, monitor: "val_loss", saveLast: true });
    const trainer = new Trainer({ ...quiet, enableCheckpointing: true, maxEpochs: 2, callbacks });
    const none = await assertRejects(() => trainer.fit(new Validating(), data, { ckptPath: "best" }), Error);
    assert(none instanceof CheckpointError);
    assertEquals(none.message, "Cannot load the best checkpoint: this trainer has saved none");
    await trainer.fit(new Validating(), data);
    const module = new Validating();
    const [best] = await trainer.validate(module, validation(), { ckptPath: "best" });
    assertEquals(best.val_loss, callbacks.bestModelScore);
    assertEquals(trainer.ckptPath, callbacks.bestModelPath);
    const longer = new Trainer({ ...quiet, maxEpochs: 3 });
    await longer.fit(module, data, { ckptPath: callbacks.lastModelPath });
    assertEquals([longer.globalStep, longer.currentEpoch], [15, 3]);
    await assertRejects(
      () => trainer.validate(module, validation(), { ckptPath: joinPath(folder, "nothing") }),
      CheckpointError,
      "it does not exist",
    );
  });
});

trainerTest("a checkpoint that does not fit the module is refused", async () => {
  await inFolder(async (folder) => {
    const path = joinPath(folder, "weights");
    const trainer = new Trainer({ ...quiet, maxEpochs: 1 });
    const module = new Slope();
    await assertRejects(() => trainer.saveCheckpoint(path), Error, "the trainer has no module, call fit first");
    await trainer.fit(module, constantBatches([1]));
    await trainer.saveCheckpoint(path, { weightsOnly: true });
    assertEquals((await readCheckpoint(path)).training, null);
    await assertRejects(
      () => new Trainer(quiet).fit(new Slope(), constantBatches([1]), { ckptPath: path }),
      CheckpointError,
      "it must hold training, it holds weights only",
    );
    await assertRejects(
      () => new Trainer(quiet).fit(new Net(), cloudLoader(4, {}), { ckptPath: path }),
      Error,
      "fc1.weight",
    );
    await trainer.saveCheckpoint(path);
    class Two extends Slope {
      override automaticOptimization = false;
      override configureOptimizers(): never {
        return [1, 2].map(() => own(new SGD([this.weight], { lr: 1 }))) as never;
      }
    }
    await assertRejects(
      () => new Trainer(quiet).fit(new Two(), constantBatches([1]), { ckptPath: path }),
      CheckpointError,
      "optimizers and schedulers must be as many as were saved",
    );
  });
});

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ModelCheckpoint } from "../callbacks/mod.ts";
import { Callback, type LightningModule, readCheckpoint, seedEverything, Trainer } from "../lightning.ts";
import { zeros } from "../mod.ts";
import { Buffer } from "../nn/mod.ts";
import { exists, joinPath, listDir, remove, rename, writeFile } from "../platform/mod.ts";
import { fit, plainRows, type Scenario } from "../testing/resume.ts";
import {
  cloudLoader,
  constantBatches,
  inFolder,
  MemoryLogger,
  Net,
  quiet,
  Slope,
  trainerTest,
} from "../testing/trainer.ts";

/** Saves after each batch in the background, and remembers when it is told of it. */
class SaveEach extends Callback {
  readonly told: [name: string, atStep: number][] = [];
  readonly #folder: string;

  constructor(folder: string) {
    super();
    this.#folder = folder;
  }

  override get checkpointing(): boolean {
    return true;
  }

  override async onTrainBatchEnd(trainer: Trainer): Promise<void> {
    await trainer.saveCheckpoint(joinPath(this.#folder, `step-${trainer.globalStep}`), { background: true });
  }

  override async onCheckpointSaved(trainer: Trainer, _module: LightningModule, path: string): Promise<void> {
    assert(await exists(joinPath(path, "manifest.json")), `${path} is not on the disk`);
    this.told.push([path.split("/").at(-1)!, trainer.globalStep]);
  }
}

trainerTest(
  "a save in the background is of its own moment, is told of in order, and the end waits for it",
  async () => {
    await inFolder(async (folder) => {
      const save = new SaveEach(folder), logger = new MemoryLogger();
      const trainer = new Trainer({ ...quiet, enableCheckpointing: true, maxEpochs: 1, callbacks: save, logger });
      await trainer.fit(new Slope(), constantBatches([1, 2, 3, 4]));
      const names = [1, 2, 3, 4].map((step) => `step-${step}`);
      assertEquals(save.told.map(([name]) => name), names);
      assert(save.told.every(([name, step]) => step >= Number(name.slice(5))), JSON.stringify(save.told));
      assertEquals(logger.events, [...names.map((name) => `saved ${name}`), "finalize success"]);
      // With rate 1 the weight after n batches is minus the sum of the first n: what came later is not in it.
      for (const [i, weight] of [-1, -3, -6, -10].entries()) {
        const { stateDict } = await readCheckpoint(joinPath(folder, names[i]));
        assertEquals([...(stateDict.get("weight") as { data: Float32Array }).data], [weight]);
      }
    });
  },
);

trainerTest("training goes on while a large checkpoint is written", async () => {
  await inFolder(async (folder) => {
    class Large extends Slope {
      ballast: Buffer = new Buffer(zeros([1 << 22]));
    }
    class SaveFirst extends SaveEach {
      override async onTrainBatchEnd(trainer: Trainer): Promise<void> {
        if (trainer.globalStep === 1) await super.onTrainBatchEnd(trainer);
      }
    }
    const save = new SaveFirst(folder), batches = constantBatches(new Array(64).fill(1));
    const trainer = new Trainer({ ...quiet, enableCheckpointing: true, maxEpochs: 1, callbacks: save });
    await trainer.fit(new Large(), batches);
    const [[, at]] = save.told;
    assert(at > 1, `told of it at step ${at}`);
    const { stateDict } = await readCheckpoint(joinPath(folder, "step-1"));
    assertEquals([...(stateDict.get("weight") as { data: Float32Array }).data], [-1]);
  });
});

/** A folder that can be written to until a step, and is a file from then on. */
class Breaks extends Callback {
  readonly #folder: string;
  readonly #step: number;
  #broken = false;

  constructor(folder: string, step: number) {
    super();
    this.#folder = folder;
    this.#step = step;
  }

  override async onTrainBatchStart(trainer: Trainer): Promise<void> {
    if (trainer.globalStep !== this.#step - 1 || this.#broken) return;
    this.#broken = true;
    await trainer.settleCheckpoints();
    await rename(this.#folder, `${this.#folder}.away`);
    await writeFile(this.#folder, "no folder");
  }
}

const shuffled = () => cloudLoader(18, { batchSize: 4, shuffle: true, seed: 5 });

for (const saveInBackground of [true, false]) {
  for (const precision of ["32-true", "16-mixed"] as const) {
    const how = saveInBackground ? "in the background" : "at once";
    trainerTest(
      `a save ${how} that fails in ${precision} ends the run, and harms neither state nor checkpoints`,
      async () => {
        await inFolder(async (root) => {
          const scenario: Scenario = {
            module: () => new Net(),
            train: shuffled,
            options: { precision, accumulateGradBatches: 2 },
          };
          seedEverything(1);
          const whole = new MemoryLogger(), end = await fit(scenario, joinPath(root, "whole"), whole, {});

          seedEverything(1);
          const folder = joinPath(root, "run"), first = new MemoryLogger();
          const save = new ModelCheckpoint({ dirpath: folder, everyNTrainSteps: 1, saveLast: true, saveInBackground });
          const trainer = new Trainer({
            ...quiet,
            enableCheckpointing: true,
            maxEpochs: 2,
            logEveryNSteps: 1,
            precision,
            accumulateGradBatches: 2,
            logger: first,
            callbacks: [new Breaks(folder, 5), save],
          });
          const error = await assertRejects(() => trainer.fit(new Net(), { train: shuffled() }), Error);
          assertStringIncludes(error.message, "Cannot save the checkpoint");
          assertStringIncludes(error.message, "its folder must be writable");
          assertEquals(trainer.state, "failed");
          assertEquals(first.events.at(-1), "finalize failed");
          // The checkpoint before is still the best and the last, and sound.
          await remove(folder);
          await rename(`${folder}.away`, folder);
          assertEquals(await listDir(folder), ["epoch=1-step=4.ckpt", "last.ckpt"]);
          assertEquals(save.bestModelPath, joinPath(folder, "epoch=1-step=4.ckpt"));
          for (const path of [save.bestModelPath, save.lastModelPath]) await readCheckpoint(path);
          // And what the trainer holds can be saved elsewhere, and gone on from as if nothing had happened.
          const rescued = joinPath(root, "rescued"), rows = first.rows.length;
          await trainer.saveCheckpoint(rescued);
          seedEverything(99);
          const second = new MemoryLogger();
          const resumed = await fit(scenario, joinPath(root, "resumed"), second, {}, rescued);
          assertEquals(resumed, end);
          assertEquals([...plainRows(first.rows.slice(0, rows)), ...plainRows(second.rows)], plainRows(whole.rows));
        });
      },
    );
  }
}

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { readCheckpoint, Trainer, type TrainerOptions } from "../lightning.ts";
import { noGrad, tensor } from "../mod.ts";
import { Buffer } from "../nn/mod.ts";
import type { AveragedModelOptions } from "../optim/mod.ts";
import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { joinPath } from "../platform/mod.ts";
import { constantBatches, inFolder, quiet, Slope, trainerTest } from "../testing/trainer.ts";
import { EMAWeightAveraging, LambdaCallback, ModelCheckpoint, WeightAveraging } from "./mod.ts";

/** Fits a Slope whose weight falls by each batch's value. */
async function fit(options: TrainerOptions, module = new Slope(), ckptPath?: string): Promise<Slope> {
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, ...options });
  await trainer.fit(module, { train: constantBatches([1, 2, 3, 4]), val: constantBatches([1]) }, { ckptPath });
  return module;
}

class Validates extends Slope {
  readonly seen: Promise<number>[] = [];
  override validationStep(): void {
    this.seen.push(this.value());
  }
}

trainerTest(
  "validation sees the average, training goes on with its own weights and ends with the average",
  async () => {
    const raw: number[] = [];
    const look = new LambdaCallback({
      onTrainBatchEnd: async (_, module) => void raw.push(await (module as Slope).value()),
    });
    const module = new Validates();
    await fit({ callbacks: [new EMAWeightAveraging({ decay: 0.5 }), look] }, module);
    assertEquals(raw, [-1, -3, -6, -10]);
    // -1; (-1 - 3) / 2 = -2; (-2 - 6) / 2 = -4; (-4 - 10) / 2 = -7
    assertEquals([await module.seen[0], await module.value()], [-7, -7]);
  },
);

trainerTest("an average that has not started is not used (D5)", async () => {
  const late = new Validates();
  await fit({ callbacks: new EMAWeightAveraging({ updateStartingAtStep: 100 }) }, late);
  assertEquals([await late.seen[0], await late.value()], [-10, -10]);
});

trainerTest("with lightningCompat one that has not started is, with the weights of the beginning", async () => {
  const late = new Validates();
  await fit({ lightningCompat: true, callbacks: new EMAWeightAveraging({ updateStartingAtStep: 100 }) }, late);
  assertEquals([await late.seen[0], await late.value()], [0, 0]);
});

trainerTest("an average of equal weights over epochs", async () => {
  class Swa extends WeightAveraging {
    override shouldUpdate(_: number | null, epoch: number | null): boolean {
      return epoch !== null && epoch >= 1;
    }
  }
  const module = await fit({ maxEpochs: 3, callbacks: new Swa() });
  assertEquals(await module.value(), -25); // of -20 and -30
});

trainerTest("buffers are averaged with the weights, if not told otherwise", async () => {
  class Counting extends Slope {
    readonly seen = new Buffer(tensor([0.5]));
    override onTrainBatchEnd(): void {
      noGrad(() => copyInto(this.seen, this.seen.add(1)));
    }
  }
  const seen = async (options?: AveragedModelOptions) => {
    const module = new Counting();
    await fit({ callbacks: new WeightAveraging(options) }, module);
    return await module.seen.array();
  };
  assertEquals([await seen(), await seen({ useBuffers: false })], [[2], [3.5]]);
});

trainerTest("checkpoints hold the average, and a resumed run goes on with both", async () => {
  await inFolder(async (folder) => {
    const callbacks = () => [
      new EMAWeightAveraging({ decay: 0.5 }),
      new ModelCheckpoint({ dirpath: folder, everyNTrainSteps: 3, saveTopK: -1, saveLast: true }),
    ];
    const whole = await fit({ enableCheckpointing: true, maxEpochs: 2, callbacks: callbacks() });
    const middle = await readCheckpoint(joinPath(folder, "epoch=0-step=3.ckpt"));
    assertEquals([...middle.stateDict.get("weight")!.data as Float32Array], [-4]);
    const last = await readCheckpoint(joinPath(folder, "last.ckpt"));
    assertAlmostEquals((last.stateDict.get("weight")!.data as Float32Array)[0], await whole.value(), 1e-6);
    const options = { enableCheckpointing: true, maxEpochs: 2, callbacks: callbacks() };
    const resumed = await fit(options, new Slope(), joinPath(folder, "epoch=0-step=3.ckpt"));
    assertEquals(await resumed.value(), await whole.value());
  });
});

trainerTest("a signal after the last batch's epoch interrupts nothing: training ends with the average", async () => {
  for (const hook of ["onTrainEpochEnd", "onTrainEnd"]) {
    const controller = new AbortController();
    const callbacks = [
      new LambdaCallback({ [hook]: () => controller.abort() }),
      new EMAWeightAveraging({ decay: 0.5 }),
    ];
    const trainer = new Trainer({ ...quiet, maxEpochs: 1, callbacks }), module = new Slope();
    await trainer.fit(module, constantBatches([1, 2, 3, 4]), { signal: controller.signal });
    assertEquals([trainer.state, await module.value()], ["finished", -7], hook);
  }
});

import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { LambdaCallback } from "../callbacks/mod.ts";
import { LightningModule, type OptimizerConfig, type StepOutput, Trainer, type TrainerOptions } from "../lightning.ts";
import { mul, ne, sum, type Tensor, tensor } from "../mod.ts";
import { Parameter } from "../nn/mod.ts";
import { SGD } from "../optim/mod.ts";
import { joinPath } from "../platform/mod.ts";
import { hostTensor } from "../tensor/host.ts";
import { constantBatches, inFolder, own, quiet, Slope, trainerTest } from "../testing/trainer.ts";

trainerTest("a fit that was ended within an accumulation window goes on in it", async () => {
  for (const last of [0, 1, 2, 3]) {
    const controller = new AbortController();
    class Aborts extends Slope {
      override trainingStep(x: Tensor, batchIdx: number): Tensor {
        if (batchIdx === last) controller.abort();
        return this.forward(x);
      }
    }
    const module = new Aborts(), trainer = new Trainer({ ...quiet, maxEpochs: 1, accumulateGradBatches: 3 });
    const data = () => constantBatches([1, 3, 5, 8]);
    await trainer.fit(module, data(), { signal: controller.signal });
    await trainer.fit(module, data());
    assertEquals([await module.value(), trainer.globalStep], [-3 - 8, 2], `ended after batch ${last}`);
  }
});

trainerTest("gradients from before a fit are freed when it begins", async () => {
  class Looks extends Slope {
    found: unknown = "nothing";
    override onTrainStart(): void {
      this.found = this.weight.grad;
    }
  }
  const module = new Looks();
  module.weight.grad = tensor([5]);
  await new Trainer({ ...quiet, maxEpochs: 1 }).fit(module, constantBatches([1]));
  assertEquals([module.found, await module.value()], [null, -1]);
});

/** Sentences of these lengths, padded to eight places: each token's gradient is the sentence's number. */
const LENGTHS = [1, 5, 2, 8, 3];
const sentences = () =>
  LENGTHS.map((length, i) => {
    const data = Float32Array.from({ length: 8 }, (_, k) => k < length ? i + 1 : 0);
    return hostTensor(data, { dtype: "f32", shape: [8] });
  });

/** The mean over the tokens of sentences; without tokens 0. */
function tokenMean(...numbers: number[]): number {
  const tokens = numbers.reduce((all, i) => all + LENGTHS[i], 0);
  return numbers.reduce((all, i) => all + LENGTHS[i] * (i + 1), 0) / (tokens || 1);
}

/** The loss is a sum over tokens, which are counted on the device. */
class Sentences extends Slope {
  override trainingStep(x: Tensor): StepOutput {
    return { loss: sum(mul(this.weight, x)), count: sum(ne(x, 0)) };
  }
}

const ends = -tokenMean(0, 1) - tokenMean(2, 3) - tokenMean(4);

trainerTest("losses that are sums over counted items average a window over its items (D1)", async () => {
  const each: [name: string, TrainerOptions, wanted: number, digits?: number][] = [
    ["windows of two", {}, ends],
    ["with a recorded step", { compile: true }, ends],
    ["clipped", { gradientClipVal: 1 }, -3],
    ["no accumulation", { accumulateGradBatches: 1 }, -15],
    ["in 16-mixed", { precision: "16-mixed" }, ends, 1e-2],
    ["in bf16-true", { precision: "bf16-true" }, ends, 0.1],
    ["as in Lightning", { lightningCompat: true }, -(1 + 10 + 6 + 32 + 15) / 2],
  ];
  for (const [name, options, wanted, near = 1e-5] of each) {
    const module = new Sentences();
    await new Trainer({ ...quiet, maxEpochs: 1, accumulateGradBatches: 2, ...options }).fit(module, sentences());
    assertAlmostEquals(await module.value(), wanted, near, name);
  }
  const twice = new Sentences(), options = { ...quiet, maxEpochs: 4, accumulateGradBatches: 2, compile: true };
  await new Trainer(options).fit(twice, sentences());
  assertAlmostEquals(await twice.value(), 4 * ends, 1e-4);
});

trainerTest("a window of nothing but padding changes nothing, and a batch without a loss counts nothing", async () => {
  class Gaps extends Sentences {
    override trainingStep(x: Tensor, batchIdx = 0): StepOutput {
      return batchIdx === 1 ? null : super.trainingStep(x);
    }
  }
  const module = new Gaps(), nothing = constantBatches([0, 0], 8);
  await new Trainer({ ...quiet, maxEpochs: 1, accumulateGradBatches: 2 }).fit(module, [
    ...sentences().slice(0, 2),
    ...nothing,
  ]);
  assertEquals(await module.value(), -1);
});

trainerTest("a run that is ended, or resumed, within a window has its count", async () => {
  await inFolder(async (folder) => {
    const options = { ...quiet, maxEpochs: 1, accumulateGradBatches: 2 };
    const save = new LambdaCallback({
      onTrainBatchEnd: (trainer) => trainer.saveCheckpoint(joinPath(folder, String(trainer.batchesSeen))),
    });
    const whole = new Sentences();
    await new Trainer({ ...options, callbacks: save }).fit(whole, sentences());
    const wanted = await whole.value();
    assertAlmostEquals(wanted, ends, 1e-5);
    for (const batches of [1, 2, 3, 4, 5]) {
      const resumed = new Sentences(), ckptPath = joinPath(folder, String(batches));
      await new Trainer(options).fit(resumed, sentences(), { ckptPath });
      assertEquals(await resumed.value(), wanted, `resumed after ${batches}`);
      const controller = new AbortController(), module = new Sentences();
      const abort = new LambdaCallback({
        onTrainBatchEnd: (trainer) => {
          if (trainer.batchesSeen === batches) controller.abort();
        },
      });
      const trainer = new Trainer({ ...options, callbacks: abort });
      await trainer.fit(module, sentences(), { signal: controller.signal });
      // Between two runs the count rests on the host, and is saved from there.
      const path = joinPath(folder, "between");
      await trainer.saveCheckpoint(path);
      const other = new Sentences();
      await new Trainer(options).fit(other, sentences(), { ckptPath: path });
      await trainer.fit(module, sentences());
      assertEquals([await module.value(), await other.value()], [wanted, wanted], `ended after ${batches}`);
    }
  });
});

trainerTest("optimizers that own steps count their own items", async () => {
  class Two extends LightningModule<Tensor> {
    a = new Parameter(tensor([0], { dtype: "f32" }));
    b = new Parameter(tensor([0], { dtype: "f32" }));
    constructor() {
      super();
      own(this);
    }
    override configureOptimizers(): OptimizerConfig[] {
      return ([["a", 2], ["b", 8]] as const).map(([name, count]) => ({
        optimizer: own(new SGD([this[name]], { lr: 1 })),
        step: (x) => ({ loss: sum(mul(this[name], x as Tensor)), count }),
      }));
    }
  }
  const module = new Two();
  await new Trainer({ ...quiet, maxEpochs: 1, accumulateGradBatches: 2 }).fit(module, constantBatches([1, 3], 2));
  assertEquals([await module.a.item(), await module.b.item()], [-2, -0.5]);
});

trainerTest("a count that is none, or of some batches only, is refused", async () => {
  const refused = async (counts: readonly unknown[], message: string) => {
    class Counts extends Slope {
      override trainingStep(x: Tensor, batchIdx: number): StepOutput {
        return { loss: this.forward(x), count: counts[batchIdx] as number };
      }
    }
    const trainer = new Trainer({ ...quiet, maxEpochs: 1, accumulateGradBatches: 2 });
    await assertRejects(() => trainer.fit(new Counts(), constantBatches([1, 1])), TypeError, message);
  };
  await refused([-1], "count must be how many items the loss is a sum over, a number from 0 on or");
  await refused(["3"], 'a tensor with one element, got "3"');
  await refused([own(tensor([1, 2]))], "got a tensor of shape [2]");
  await refused([3, undefined], "all of its batches must give a count, or none, got both");
  await refused([undefined, 3], "all of its batches must give a count, or none, got both");
});

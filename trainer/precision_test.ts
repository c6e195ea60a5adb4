import { assert, assertEquals, assertRejects } from "@std/assert";
import { crossEntropy, mul, relu, type Tensor } from "../mod.ts";
import { type Optimizer, SGD, StepLR } from "../optim/mod.ts";
import { manualSeed } from "../tensor/mod.ts";
import {
  cloudLoader,
  constantBatches,
  countReads,
  inFolder,
  Net,
  own,
  type Points,
  quiet,
  Slope,
  trainerTest,
} from "../testing/trainer.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { type LightningModule, type OptimizerConfig, type PrecisionName, Trainer } from "./mod.ts";

/** What each mode stores where. */
const TYPES: Record<PrecisionName, Record<"weight" | "input" | "hidden" | "logits" | "loss" | "gradient", string>> = {
  "32-true": { weight: "f32", input: "f32", hidden: "f32", logits: "f32", loss: "f32", gradient: "f32" },
  "16-mixed": { weight: "f32", input: "f32", hidden: "f16", logits: "f16", loss: "f32", gradient: "f32" },
  "bf16-mixed": { weight: "f32", input: "f32", hidden: "bf16", logits: "bf16", loss: "f32", gradient: "f32" },
  "16-true": { weight: "f16", input: "f16", hidden: "f16", logits: "f16", loss: "f16", gradient: "f16" },
  "bf16-true": { weight: "bf16", input: "bf16", hidden: "bf16", logits: "bf16", loss: "bf16", gradient: "bf16" },
};

for (const [precision, wanted] of Object.entries(TYPES) as [PrecisionName, Record<string, string>][]) {
  trainerTest(`${precision}: what is stored in which type, and it learns`, async () => {
    manualSeed(3);
    const seen: Record<string, string> = {}, losses: Promise<number>[] = [];
    class Typed extends Net {
      override trainingStep({ x, y }: Points): Tensor {
        const hidden = relu(this.fc1.forward(x));
        const logits = this.fc2.forward(hidden), loss = crossEntropy(logits, y);
        for (const [name, t] of Object.entries({ input: x, hidden, logits, loss })) seen[name] = t.dtype;
        losses.push(loss.item());
        return loss;
      }
      override onBeforeOptimizerStep(): void {
        seen.weight = this.fc1.weight.dtype;
        seen.gradient = this.fc1.weight.grad!.dtype;
      }
    }
    await new Trainer({ ...quiet, maxEpochs: 8, precision }).fit(new Typed(), cloudLoader(48, { batchSize: 16 }));
    assertEquals(seen, wanted);
    const all = await Promise.all(losses);
    assert(all.at(-1)! < 0.3 && all[0] > 1, `losses from ${all[0]} to ${all.at(-1)}`);
  });
}

trainerTest("16-mixed: hooks see gradients in their own size, and the loss as it is differentiated", async () => {
  const seen: Promise<number>[] = [];
  class Looking extends Slope {
    override onBeforeBackward(loss: Tensor): void {
      seen.push(loss.item());
    }
    override onBeforeOptimizerStep(): void {
      seen.push(this.weight.grad!.item());
    }
  }
  const module = new Looking({ start: 2 });
  await new Trainer({ ...quiet, maxEpochs: 1, precision: "16-mixed" }).fit(module, constantBatches([0.5]));
  assertEquals([...await Promise.all(seen), await module.value()], [65536, 0.5, 1.5]);
});

trainerTest(
  "16-mixed: a batch whose gradient is not finite changes nothing but counts, and nothing is read",
  async (device) => {
    class Scheduled extends Slope {
      override configureOptimizers(): OptimizerConfig & never {
        const optimizer = own(new SGD(this.parameters(), { lr: 1, momentum: 0.5 }));
        return {
          optimizer,
          lrScheduler: { scheduler: new StepLR(optimizer, { stepSize: 9 }), interval: "step" },
        } as never;
      }
    }
    const module = new Scheduled(), trainer = new Trainer({ ...quiet, maxEpochs: 1, precision: "16-mixed" });
    const reads = await countReads(device, () => trainer.fit(module, constantBatches([1, NaN, 2, Infinity, 4])));
    // Velocities 1, 2.5, 5.25.
    assertEquals(await module.value(), -8.75);
    assertEquals(trainer.globalStep, 5);
    assertEquals(trainer.precision.stateDict()!.scale, 65536 / 4);
    // The state moves to the host when the run ends.
    assertEquals(reads, 2);
    trainer.precision.dispose();
  },
);

trainerTest("16-mixed: clipping and accumulation are as in 32-true", async () => {
  const values: number[] = [];
  for (const precision of ["32-true", "16-mixed"] as const) {
    for (const gradientClipAlgorithm of ["norm", "value"] as const) {
      const module = new Slope();
      const options = {
        maxEpochs: 2,
        accumulateGradBatches: 2,
        gradientClipVal: 0.25,
        gradientClipAlgorithm,
        precision,
      };
      await new Trainer({ ...quiet, ...options }).fit(module, constantBatches([1, 2, 0.125]));
      values.push(await module.value());
    }
  }
  const close = values.map((v) => Math.round(v * 1e4) / 1e4);
  assertEquals(close, [-0.75, -0.75, -0.75, -0.75]);
});

trainerTest(
  "16-mixed: a resumed run has the scale that was saved, also when training goes on in the same trainer",
  async () => {
    await inFolder(async (folder) => {
      const data = () => constantBatches([1, NaN, 2]);
      const trainer = new Trainer({ ...quiet, maxEpochs: 1, precision: "16-mixed" });
      const module = new Slope();
      await trainer.fit(module, data());
      await trainer.saveCheckpoint(`${folder}/one`);
      const saved = (await readCheckpoint(`${folder}/one`)).training!.precision as Record<string, unknown>;
      assertEquals([saved.growthFactor, saved.growthInterval], [2, 2000]);
      const scaleOf = (trainer: Trainer) => {
        const { scale, growthTracker } = trainer.precision.stateDict()!;
        return [scale, growthTracker];
      };
      const other = new Trainer({ ...quiet, maxEpochs: 2, precision: "16-mixed" });
      const resumed = new Slope();
      await other.fit(resumed, data(), { ckptPath: `${folder}/one` });
      assertEquals(scaleOf(other), [16384, 1]);
      assertEquals(await resumed.value(), -6);
      // Modes without a scaler do not mind it.
      const plain = new Trainer({ ...quiet, maxEpochs: 2, precision: "32-true" });
      await plain.fit(new Slope(), constantBatches([1, 1, 1]), { ckptPath: `${folder}/one` });
      assertEquals(plain.precision.stateDict(), null);
      await other.precision.rest();
      trainer.precision.dispose();
    });
  },
);

trainerTest("16-mixed: manual optimization scales, unscales before clipping, and skips", async () => {
  class Manual extends Slope {
    override automaticOptimization = false;
    override trainingStep(x: Tensor): null {
      const optimizer = this.optimizers() as Optimizer;
      optimizer.zeroGrad();
      void this.manualBackward(this.forward(x));
      this.clipGradients(optimizer, 1.5);
      optimizer.step();
      return null;
    }
  }
  const module = new Manual();
  await new Trainer({ ...quiet, maxEpochs: 1, precision: "16-mixed" }).fit(module, constantBatches([1, NaN, 2]));
  assert(Math.abs(await module.value() + 2.5) < 1e-5);
  class Closure extends Slope {
    override optimizerStep(_e: number, _b: number, optimizer: Optimizer, closure: () => unknown): void {
      optimizer.step(closure as () => Tensor);
    }
  }
  await assertRejects(
    () => new Trainer({ ...quiet, maxEpochs: 1, precision: "16-mixed" }).fit(new Closure(), constantBatches([1])),
    Error,
    "with a closure",
  );
});

trainerTest("evaluation converts as training does", async () => {
  const types: string[] = [];
  class Looks extends Slope {
    override validationStep(x: Tensor): void {
      types.push(x.dtype, mul(this.weight, x).dtype);
    }
  }
  const module = new Looks() as LightningModule<Tensor>;
  await new Trainer({ ...quiet, precision: "bf16-true" }).validate(module, constantBatches([1]));
  assertEquals(types, ["bf16", "bf16"]);
});

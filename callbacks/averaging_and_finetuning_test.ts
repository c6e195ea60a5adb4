import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Callback, LightningModule, Trainer, type TrainerOptions } from "../lightning.ts";
import { mean, type Tensor } from "../mod.ts";
import { BatchNorm1d, Linear } from "../nn/mod.ts";
import { type Optimizer, SGD, StepLR } from "../optim/mod.ts";
import { exists, joinPath, remove } from "../platform/mod.ts";
import {
  cloudLoader,
  constantBatches,
  inFolder,
  own,
  type Points,
  quiet,
  Slope,
  trainerTest,
} from "../testing/trainer.ts";
import { written } from "../testing/stderr.ts";
import {
  BackboneFinetuning,
  BaseFinetuning,
  EMAWeightAveraging,
  LambdaCallback,
  ModelCheckpoint,
  ModelPruning,
  StochasticWeightAveraging,
} from "./mod.ts";

trainerTest("weights at the beginning of the last epochs are averaged, and the rate goes to a constant", async () => {
  const rates: number[] = [];
  const swa = new StochasticWeightAveraging({
    swaLrs: 0.5,
    swaEpochStart: 2,
    annealingEpochs: 2,
    annealingStrategy: "linear",
  });
  const look = new LambdaCallback({
    onTrainEpochEnd: ({ optimizers }) => void rates.push(optimizers[0].paramGroups[0].lr),
  });
  class Scheduled extends Slope {
    override configureOptimizers(): never {
      const optimizer = own(new SGD(this.parameters(), { lr: 1 }));
      return { optimizer, lrScheduler: new StepLR(optimizer, { stepSize: 100 }) } as never;
    }
  }
  const module = new Scheduled();
  let averaged = 0;
  const count = new LambdaCallback({ onTrainEnd: () => void (averaged = swa.nAveraged) });
  const trainer = new Trainer({ ...quiet, maxEpochs: 4, callbacks: [swa, look, count] });
  await trainer.fit(module, constantBatches([1, 1]));
  // Epochs from 1 on: their beginnings are -2, -4 and, with the rate at 0.75, -5.5.
  assertEquals([averaged, trainer.currentEpoch, trainer.globalStep, trainer.maxEpochs], [3, 4, 8, 4]);
  assertEquals(rates, [1, 0.75, 0.5, 0.5]);
  assertAlmostEquals(await module.value(), -(2 + 4 + 5.5) / 3, 1e-6);
});

class Normed extends LightningModule<Points> {
  norm: BatchNorm1d = new BatchNorm1d(4);
  fc: Linear = new Linear(4, 3);
  readonly lr: number;
  constructor(lr = 0.1) {
    super();
    this.lr = lr;
    own(this);
  }
  override forward(x: Tensor): Tensor {
    return this.fc.forward(this.norm.forward(x));
  }
  override trainingStep({ x }: Points): Tensor {
    return mean(this.forward(x).square());
  }
  override configureOptimizers(): Optimizer {
    return own(new SGD(this.parameters(), { lr: this.lr }));
  }
}

const loader = () => cloudLoader(24, { batchSize: 4 } as never);

for (const compile of [false, true]) {
  trainerTest(
    `with batch normalisation one more epoch measures statistics and learns nothing${compile ? " (compiled)" : ""}`,
    async () => {
      const module = new Normed();
      const weights: number[][] = [];
      const look = new LambdaCallback({
        onTrainBatchEnd: async (trainer, module) => {
          if (trainer.currentEpoch === 4) {
            weights.push(await (module as Normed).fc.weight.data().then((d) => [...d as Float32Array]));
          }
        },
      });
      const swa = new StochasticWeightAveraging({ swaLrs: 0.05, swaEpochStart: 0.5 });
      const trainer = new Trainer({ ...quiet, maxEpochs: 4, compile, callbacks: [swa, look] });
      await trainer.fit(module, loader());
      // As Lightning counts: five epochs, and the statistics' epoch ends with a step that changes nothing.
      assertEquals([trainer.currentEpoch, trainer.globalStep, trainer.maxEpochs], [5, 4 * 6 + 1, 4]);
      assertEquals(weights.length, 6);
      for (const batch of weights) assertEquals(batch, weights[0]);
      assertEquals(await module.norm.numBatchesTracked!.item(), 6);
      // The mean over all batches of equal size is the mean over all points.
      const [whole] = await Array.fromAsync(
        cloudLoader(24, { batchSize: 24 } as never) as AsyncIterable<{ x: { data: Float32Array } }>,
      );
      const column = [...whole.x.data].filter((_, i) => i % 4 === 0);
      assertAlmostEquals(
        (await module.norm.runningMean!.data())[0] as number,
        column.reduce((a, b) => a + b) / 24,
        1e-5,
      );
      assertEquals([module.norm.momentum, trainer.accumulateGradBatches, trainer.skipBackward], [0.1, 1, false]);
    },
  );
}

for (const lightningCompat of [false, true]) {
  trainerTest(`while statistics are measured no hook of backward or of a step runs (${lightningCompat})`, async () => {
    const seen: string[] = [],
      note = (name: string) => (trainer: Trainer) => void seen.push(`${name} ${trainer.currentEpoch}`);
    const look = new LambdaCallback({
      onBeforeZeroGrad: note("zeroGrad"),
      onBeforeBackward: note("backward"),
      onAfterBackward: note("backward"),
      onBeforeOptimizerStep: (trainer, module) => {
        assert([...module.parameters()].every(({ grad }) => grad !== null));
        note("step")(trainer);
      },
    });
    class Watched extends Normed {
      override optimizerStep(...args: Parameters<Normed["optimizerStep"]>): void | Promise<void> {
        seen.push(`optimizerStep ${args[0]}`);
        return super.optimizerStep(...args);
      }
    }
    const swa = new StochasticWeightAveraging({ swaLrs: 0.05, swaEpochStart: 1 });
    const trainer = new Trainer({ ...quiet, maxEpochs: 2, lightningCompat, callbacks: [swa, look] });
    await trainer.fit(new Watched(), loader());
    assertEquals([trainer.currentEpoch, trainer.globalStep, seen.length], [3, 2 * 6 + 1, 2 * 6 * 5]);
    assertEquals(seen.filter((hook) => hook.endsWith("2")), []);
  });
}

trainerTest("a resumed run averages on, in the statistics' epoch too", async () => {
  await inFolder(async (folder) => {
    const make = () => {
      const module = new Normed();
      return module;
    };
    const callbacks = () => [
      new StochasticWeightAveraging({ swaLrs: 0.05, swaEpochStart: 2 }),
      new ModelCheckpoint({ dirpath: folder, filename: "{epoch}", saveTopK: -1 }),
    ];
    const options: TrainerOptions = { ...quiet, enableCheckpointing: true, maxEpochs: 3 };
    const whole = make();
    const start = new Map([...whole.stateDict()].map(([name, t]) => [name, t]));
    const first = new Trainer({ ...options, callbacks: callbacks() });
    await first.fit(whole, loader());
    for (const epoch of [0, 1, 2]) {
      const again = make();
      assert(start.size > 0);
      const trainer = new Trainer({ ...options, callbacks: callbacks() });
      await trainer.fit(again, loader(), { ckptPath: joinPath(folder, `epoch=${epoch}.ckpt`) });
      assertEquals(await again.fc.weight.array(), await whole.fc.weight.array(), `from epoch ${epoch}`);
      assertEquals(await again.norm.runningVar!.array(), await whole.norm.runningVar!.array());
      assertEquals([trainer.currentEpoch, trainer.globalStep], [first.currentEpoch, first.globalStep]);
    }
  });
});

trainerTest("averaging needs one optimizer and an end", async () => {
  const fit = (options: TrainerOptions) =>
    new Trainer({ ...quiet, callbacks: new StochasticWeightAveraging({ swaLrs: 0.1 }), ...options })
      .fit(new Slope(), constantBatches([1]));
  await assertRejects(() => fit({ maxEpochs: -1 }), RangeError, "fit must have maxEpochs, there is no end");
  assertThrows(() => new StochasticWeightAveraging({ swaLrs: -1 }), TypeError, "swaLrs must be a number above 0");
  const start = "swaEpochStart must be an epoch from 1 on, or a share of them below 1, got 2.5";
  assertThrows(() => new StochasticWeightAveraging({ swaLrs: 1, swaEpochStart: 2.5 }), TypeError, start);
});

class Headed extends LightningModule<Points> {
  backbone: Linear;
  head: Linear = new Linear(4, 3);
  constructor(backbone: Linear = new Linear(4, 4)) {
    super();
    this.backbone = backbone;
    own(this);
  }
  override trainingStep({ x }: Points): Tensor {
    return mean(this.head.forward(this.backbone.forward(x)).square());
  }
  override configureOptimizers(): Optimizer {
    return own(new SGD([...this.parameters()].filter((p) => p.requiresGrad), { lr: 0.08, momentum: 0.5 }));
  }
}

trainerTest(
  "the backbone learns from an epoch on, with a rate that grows to the head's, also when resumed",
  async () => {
    await inFolder(async (folder) => {
      const seen: unknown[] = [];
      const run = async (ckptPath?: string) => {
        const module = new Headed(), before = await module.backbone.weight.array();
        const callbacks = [
          new BackboneFinetuning({ unfreezeBackboneAtEpoch: 1, backboneInitialRatioLr: 0.25 }),
          new ModelCheckpoint({ dirpath: folder, filename: ckptPath ? "again{epoch}" : "{epoch}", saveTopK: -1 }),
          new LambdaCallback({
            onTrainEpochEnd: async ({ optimizers: [optimizer] }) => {
              const changed = JSON.stringify(await module.backbone.weight.array()) !== JSON.stringify(before);
              if (!ckptPath) seen.push([changed, optimizer.paramGroups.map(({ lr }) => lr)]);
            },
          }),
        ];
        const trainer = new Trainer({ ...quiet, enableCheckpointing: true, maxEpochs: 4, callbacks });
        await trainer.fit(module, loader(), { ckptPath });
        return module;
      };
      const whole = await run();
      assertEquals(seen, [[false, [0.08]], [true, [0.08, 0.02]], [true, [0.08, 0.04]], [true, [0.08, 0.08]]]);
      for (const epoch of [0, 1, 2]) {
        const again = await run(joinPath(folder, `epoch=${epoch}.ckpt`));
        assertEquals(await again.backbone.weight.array(), await whole.backbone.weight.array(), `from epoch ${epoch}`);
      }
    });
    const trainer = new Trainer({ ...quiet, maxEpochs: 1, callbacks: new BackboneFinetuning() });
    await assertRejects(() => trainer.fit(new Slope(), constantBatches([1])), TypeError, "as its property backbone");
  },
);

trainerTest(
  "a checkpoint of the moment in which the backbone wakes is resumed from, and a new fit freezes it again",
  async () => {
    await inFolder(async (folder) => {
      const finetuning = () => new BackboneFinetuning({ unfreezeBackboneAtEpoch: 1 });
      const save = new LambdaCallback({
        onTrainEpochStart: async (trainer) => {
          await trainer.saveCheckpoint(joinPath(folder, `start${trainer.currentEpoch}`));
        },
      });
      const run = async (module: Headed, callbacks: Callback[], ckptPath?: string) => {
        await new Trainer({ ...quiet, maxEpochs: 3, callbacks }).fit(module, loader(), { ckptPath });
        return await module.backbone.weight.array();
      };
      const used = finetuning(), whole = await run(new Headed(), [used, save]);
      for (const epoch of [1, 2]) {
        assertEquals(await run(new Headed(), [finetuning()], joinPath(folder, `start${epoch}`)), whole);
      }
      const rates: number[] = [];
      const look = new LambdaCallback({
        onTrainBatchEnd: ({ optimizers: [{ paramGroups }] }) => void rates.push(paramGroups.length),
      });
      await run(new Headed(), [used, look]);
      assertEquals([rates[0], rates.at(-1)], [1, 2]);
    });
  },
);

trainerTest(
  "what a resumed run had thawed learns on, also in a group that the optimizer had from the beginning",
  async () => {
    class All extends Headed {
      override configureOptimizers(): Optimizer {
        return own(new SGD(this.parameters(), { lr: 0.08 }));
      }
    }
    class InTurns extends BaseFinetuning {
      override freezeBeforeTraining(module: All): void {
        this.freeze(module.backbone);
      }
      override finetuneFunction(module: All, epoch: number, optimizer: Optimizer): void {
        if (epoch === 1) this.unfreezeAndAddParamGroup(module.backbone, optimizer);
        if (epoch === 2) this.freeze(module.head);
      }
    }
    await inFolder(async (folder) => {
      const run = async (ckptPath?: string) => {
        const module = new All(), told: string[] = [];
        const save = new LambdaCallback({
          onTrainEpochEnd: async (trainer) => {
            if (!ckptPath) await trainer.saveCheckpoint(joinPath(folder, String(trainer.currentEpoch)));
          },
        });
        const trainer = new Trainer({ ...quiet, maxEpochs: 4, callbacks: [new InTurns(), save] });
        told.push(...await written(() => trainer.fit(module, loader(), { ckptPath })));
        return { weights: [await module.backbone.weight.array(), await module.head.weight.array()], told };
      };
      const { weights, told } = await run();
      assertEquals(told, [
        "InTurns: 2 parameters stay in the groups that the SGD has them in, with their rates; for a group of their own, " +
        "configureOptimizers leaves out what is frozen",
      ]);
      for (const epoch of [0, 1, 2]) {
        assertEquals((await run(joinPath(folder, String(epoch)))).weights, weights, `from epoch ${epoch}`);
      }
    });
  },
);

trainerTest("a frozen batch normalisation leaves its statistics, if it is not to be trained", async () => {
  await inFolder(async (folder) => {
    class Normed extends Linear {
      readonly norm: BatchNorm1d = new BatchNorm1d(4);
      override forward(x: Tensor): Tensor {
        return this.norm.forward(super.forward(x));
      }
    }
    const run = async (trainBn: boolean, ckptPath?: string) => {
      const backbone = new Normed(4, 4), { norm } = backbone, seen: boolean[] = [];
      const callbacks = [
        new BackboneFinetuning({ unfreezeBackboneAtEpoch: 1, trainBn }),
        new LambdaCallback({
          onTrainEpochEnd: async (trainer) => {
            seen.push(await norm.numBatchesTracked!.item() as number > 0);
            if (!ckptPath) await trainer.saveCheckpoint(joinPath(folder, `${trainBn}${trainer.currentEpoch}`));
          },
        }),
      ];
      await new Trainer({ ...quiet, maxEpochs: 3, callbacks }).fit(new Headed(backbone), loader(), { ckptPath });
      return { seen, stats: [await norm.runningMean!.array(), await norm.runningVar!.array()] };
    };
    assertEquals((await run(true)).seen, [true, true, true]);
    const { seen, stats } = await run(false);
    assertEquals(seen, [false, true, true]);
    for (const epoch of [0, 1]) {
      assertEquals((await run(false, joinPath(folder, `false${epoch}`))).stats, stats, `from epoch ${epoch}`);
    }
  });
});

trainerTest(
  "what an interrupted fit has freed is not left out of a checkpoint: saving by hand is refused",
  async () => {
    await inFolder(async (folder) => {
      const pruning = {
        pruningFn: "l1_unstructured",
        parameterNames: ["weight"],
        useLotteryTicketHypothesis: false,
      } as const;
      for (
        const [callback, what] of [
          [new EMAWeightAveraging({ decay: 0.5 }), "EMAWeightAveraging: the average"],
          [new StochasticWeightAveraging({ swaLrs: 1, swaEpochStart: 1 }), "StochasticWeightAveraging: the average"],
          [new ModelPruning(pruning), "ModelPruning: its masks"],
        ] as const
      ) {
        const controller = new AbortController(), path = joinPath(folder, "by_hand.ckpt");
        const aborts = new LambdaCallback({
          onTrainBatchEnd: (trainer) => void (trainer.globalStep === 3 && controller.abort()),
        });
        const trainer = new Trainer({ ...quiet, maxEpochs: 4, callbacks: [callback, aborts] }), module = new Slope();
        const data = constantBatches([1, 1]);
        await trainer.fit(module, data, { signal: controller.signal });
        await assertRejects(() => trainer.saveCheckpoint(path), Error, `Cannot save a checkpoint of ${what}`);
        assertEquals(await exists(path), false);
        // Brought to its end, the module has what was averaged or pruned.
        await trainer.fit(module, data);
        await trainer.saveCheckpoint(path);
        await remove(path, { recursive: true });
      }
    });
  },
);

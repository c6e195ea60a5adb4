import { assertEquals } from "@std/assert";
import { EarlyStopping } from "../../callbacks/mod.ts";
import { ArrayDataset, CombinedLoader, DataLoader, LightningDataModule } from "../../data/mod.ts";
import { type Callback, Trainer, Tuner } from "../../lightning.ts";
import { mean, mul, type Tensor } from "../../mod.ts";
import { ReduceLROnPlateau, SGD } from "../../optim/mod.ts";
import { written } from "../../testing/stderr.ts";
import { constantBatches, own, quiet, Slope, trainerTest } from "../../testing/trainer.ts";

/** A parabola, whose scheduler and early stop go by a validation. */
class Monitors extends Slope {
  override lr: number;
  constructor({ lr = 0.001 } = {}) {
    super({ start: 3 });
    this.saveHyperparameters({ lr });
    this.lr = lr;
  }
  override trainingStep(given: Tensor): Tensor {
    const x = (given as unknown as { x?: Tensor }).x ?? given, away = this.weight.sub(1);
    return mean(mul(away.mul(away), x));
  }
  override validationStep(): void {
    this.log("val_loss", 1);
  }
  override configureCallbacks(): Callback {
    return new EarlyStopping({ monitor: "val_loss" });
  }
  override configureOptimizers(): never {
    const optimizer = own(new SGD(this.parameters(), { lr: this.lr }));
    return { optimizer, lrScheduler: { scheduler: new ReduceLROnPlateau(optimizer), monitor: "val_loss" } } as never;
  }
}

/** 528 samples. */
class Sized extends LightningDataModule {
  batchSize = 2;
  readonly sizes: number[] = [];
  readonly #dropLast: boolean;
  constructor({ dropLast = false } = {}) {
    super();
    this.saveHyperparameters({ batchSize: 2 });
    this.#dropLast = dropLast;
  }
  loader(): DataLoader<{ x: Tensor }> {
    const x = { dtype: "f32", shape: [528], data: new Float32Array(528).fill(1) } as const;
    return new DataLoader(new ArrayDataset({ x }), { batchSize: this.batchSize, dropLast: this.#dropLast }) as never;
  }
  override trainDataloader(): DataLoader<{ x: Tensor }> {
    this.sizes.push(this.batchSize);
    return this.loader();
  }
  override valDataloader = () => this.loader();
}

trainerTest("trials step no schedulers, and no callback of the module's waits for a validation", async () => {
  const tuner = new Tuner(new Trainer(quiet)), module = new Monitors() as never;
  assertEquals(await tuner.scaleBatchSize(module, new Sized(), { maxVal: 8 }), 8);
  assertEquals((await tuner.lrFind(module, new Sized(), { numTraining: 20 })).lrs.length, 20);
});

trainerTest("under fastDevRun nothing is looked for, and nothing changed", async () => {
  const tuner = new Tuner(new Trainer({ ...quiet, fastDevRun: true })), module = new Monitors(), data = new Sized();
  data.batchSize = 8;
  const lines = await written(async () => {
    assertEquals((await tuner.lrFind(module as never, data)).suggestion(), null);
    assertEquals(await tuner.scaleBatchSize(module as never, data), 8);
  });
  assertEquals([module.lr, data.batchSize, data.sizes], [0.001, 8, []]);
  assertEquals(lines, [
    "Warning: fastDevRun is set: no learning rate is looked for",
    "Warning: fastDevRun is set: no batch size is looked for",
  ]);
});

trainerTest("the batch grows to the data set's length, not beyond", async () => {
  const data = new Sized(), tuner = new Tuner(new Trainer(quiet));
  assertEquals(await tuner.scaleBatchSize(new Monitors() as never, data, { initVal: 64 }), 528);
  assertEquals([data.sizes, data.batchSize, data.hparams.batchSize], [[64, 128, 256, 512, 528], 528, 528]);
  assertEquals(await tuner.scaleBatchSize(new Monitors() as never, data, { initVal: 4096 }), 528);
  // A larger batch would be left out.
  const partial = new Sized({ dropLast: true });
  assertEquals(await tuner.scaleBatchSize(new Monitors() as never, partial, { initVal: 64 }), 512);
  class Pairs extends Sized {
    override trainDataloader = () => new CombinedLoader({ a: this.loader(), b: this.loader() }) as never;
  }
  class First extends Monitors {
    override trainingStep(pair: unknown): Tensor {
      return super.trainingStep((pair as { a: Tensor }).a);
    }
  }
  assertEquals(await new Tuner(new Trainer(quiet)).scaleBatchSize(new First() as never, new Pairs()), 528);
});

trainerTest("what is found becomes the hyperparameter, too, which checkpoints hold", async () => {
  const module = new Monitors(), tuner = new Tuner(new Trainer(quiet));
  const finder = await tuner.lrFind(module, constantBatches([1, 1]), { minLr: 1e-3, numTraining: 30 });
  const found = finder.suggestion();
  assertEquals([module.lr, module.hparams.lr, module.hparamsInitial.lr], [found, found, 0.001]);
});

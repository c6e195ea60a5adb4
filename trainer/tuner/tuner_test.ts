import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { BatchSizeFinder, LearningRateFinder } from "../../callbacks/mod.ts";
import { DataLoader, type Loaders } from "../../data/mod.ts";
import { OutOfMemoryError } from "../../device/mod.ts";
import { LightningDataModule, LightningModule, LrFinder, type LrFindOptions, Trainer, Tuner } from "../../lightning.ts";
import { mean, mul, rand, randomState, type Tensor } from "../../mod.ts";
import { Linear } from "../../nn/mod.ts";
import { joinPath, readText } from "../../platform/mod.ts";
import { type Optimizer, SGD } from "../../optim/mod.ts";
import { written } from "../../testing/stderr.ts";
import { clouds, constantBatches, inFolder, Net, own, quiet, Slope, trainerTest } from "../../testing/trainer.ts";

/** A parabola: (w − 1)² · x, with the rate as an attribute. */
class Parabola extends Slope {
  override lr = 0.001;
  override trainingStep(x: Tensor): Tensor {
    rand([1]); // dropout would draw as well
    const away = this.weight.sub(1);
    return mean(mul(away.mul(away), x));
  }
}

trainerTest("a search tries the rates it is told, stops when the loss explodes, and puts everything back", async () => {
  const module = new Parabola({ start: 3 }), trainer = new Trainer(quiet);
  const before = randomState();
  const finder = await new Tuner(trainer).lrFind(module, constantBatches([1, 1, 1]), {
    minLr: 1e-4,
    maxLr: 100,
    numTraining: 60,
    updateAttr: false,
  });
  assert(finder.lrs.length > 40 && finder.lrs.length < 60, `${finder.lrs.length} steps: it stopped early`);
  for (const [i, lr] of finder.lrs.entries()) assertAlmostEquals(lr, 1e-4 * 1e6 ** (i / 59), lr * 1e-9);
  assertEquals(finder.losses[0], 4);
  assertAlmostEquals(finder.losses[1], (0.98 * 0.02 * 4 + 0.02 * (2 - 2e-4 * 2) ** 2) / (1 - 0.98 ** 2), 1e-3);
  const found = finder.suggestion()!;
  assert(found > 0.01 && found < 1, `${found}`);
  assertEquals([await module.value(), module.lr, randomState(), module.training], [3, 0.001, before, true]);
  assertEquals([trainer.globalStep, trainer.state, module.weight.grad], [0, "ready", null]);
  const svg = finder.plot();
  assertStringIncludes(svg, `suggestion: ${found.toPrecision(3)}`);
  assert(!svg.includes("NaN") && !svg.includes("Infinity"));
});

Deno.test("the suggestion is where the loss falls most steeply, without the first ten points and the last", () => {
  const lrs = Array.from({ length: 20 }, (_, i) => 10 ** (-6 + i / 4));
  const losses = lrs.map((_, i) => i < 5 ? 100 - 15 * i : i < 14 ? 20 - i : i === 15 ? 1 : 5.5);
  assertEquals(new LrFinder(lrs, losses).suggestion(), lrs[14]);
  assertEquals(new LrFinder(lrs, losses).suggestion({ skipBegin: 0 }), lrs[4]);
  assertEquals(new LrFinder(lrs, losses.map(() => NaN)).suggestion(), null);
  assertEquals(new LrFinder(lrs, losses.map((_, i) => 3 + (i % 3) * 1e-7)).suggestion(), null, "a constant loss");
  assertEquals(new LrFinder(lrs.slice(0, 11), losses).suggestion(), null);
});

trainerTest("rates grow linearly too, and the attribute takes the suggestion", async () => {
  const module = new Parabola({ start: 3 });
  const finder = await new Tuner(new Trainer(quiet)).lrFind(module, constantBatches([1]), {
    mode: "linear",
    minLr: 0.1,
    maxLr: 0.3,
    numTraining: 21,
    earlyStopThreshold: null,
  });
  assertEquals(finder.lrs.length, 21);
  assertAlmostEquals(finder.lrs[10], 0.2, 1e-12);
  assertEquals(module.lr, finder.suggestion());
  await assertRejects(
    () => new Tuner(new Trainer(quiet)).lrFind(module, constantBatches([1]), { attrName: "rate" }),
    TypeError,
    "Parabola must have a number rate",
  );
});

trainerTest("a search that has nowhere to put its rate, or no room between two, is refused", async () => {
  class Fixed extends LightningModule<Tensor> {
    layer = own(new Linear(2, 1));
    override trainingStep(x: Tensor): Tensor {
      return mean(this.layer.forward(x).square());
    }
    override configureOptimizers(): Optimizer {
      return own(new SGD(this.parameters(), { lr: 1 }));
    }
  }
  const data = constantBatches([1]);
  const search = (options?: LrFindOptions) => new Tuner(new Trainer(quiet)).lrFind(new Fixed(), data, options);
  const nowhere = "Cannot look for a learning rate: Fixed must have a number lr or learningRate, it has none; name " +
    "another in attrName, or set updateAttr to false";
  await assertRejects(() => search(), TypeError, nowhere);
  const callbacks = new LearningRateFinder({ numTraining: 12 });
  await assertRejects(() => new Trainer({ ...quiet, callbacks }).fit(new Fixed(), data), TypeError, nowhere);
  assertEquals((await search({ updateAttr: false, numTraining: 12 })).lrs.length, 12);
  for (const [minLr, maxLr] of [[0.1, 0.1], [1, 0.01]]) {
    await assertRejects(
      () => search({ updateAttr: false, minLr, maxLr }),
      RangeError,
      `Cannot look for a learning rate: minLr must be below maxLr, got ${minLr} and ${maxLr}`,
    );
  }
});

trainerTest("a trial in which no optimizer steps ends, and puts everything back", async () => {
  class Idle extends Parabola {
    override automaticOptimization = false;
  }
  const module = new Idle({ start: 3 }), tuner = new Tuner(new Trainer(quiet));
  const said = "Cannot try Idle: an optimizer must step in every epoch, none did in epoch 0 of 2 batches";
  await assertRejects(() => tuner.lrFind(module, constantBatches([1, 1]), { numTraining: 20 }), Error, said);
  assertEquals([module.lr, await module.value()], [0.001, 3]);
});

trainerTest("a number that module and data module both have is changed in both", async () => {
  class Sized extends Parabola {
    batchSize = 3;
  }
  class Data extends LightningDataModule<Tensor> {
    batchSize = 5;
    override trainDataloader(): Loaders {
      return constantBatches(Array(Math.ceil(16 / this.batchSize)).fill(1), this.batchSize);
    }
  }
  const module = new Sized({ start: 3 }), data = new Data();
  assertEquals(await new Tuner(new Trainer(quiet)).scaleBatchSize(module, data), 16);
  assertEquals([module.batchSize, data.batchSize], [16, 16]);
});

trainerTest("as a callback it trains with the rate that it found, from the same start as without it", async () => {
  const data = constantBatches([1, 1, 1]);
  const finder = new LearningRateFinder({ minLr: 1e-4, maxLr: 10, numTraining: 40 });
  const module = new Parabola({ start: 3 });
  const trainer = new Trainer({ ...quiet, maxEpochs: 2, callbacks: finder });
  await trainer.fit(module, data);
  const lr = finder.optimalLr!.suggestion()!;
  assertEquals([module.lr, trainer.optimizers[0].paramGroups[0].lr, trainer.globalStep], [lr, lr, 6]);
  const plain = Object.assign(new Parabola({ start: 3 }), { lr });
  await new Trainer({ ...quiet, maxEpochs: 2 }).fit(plain, data);
  assertEquals(await module.value(), await plain.value());
});

/** Needs memory that grows with the batch: 64 KiB an item. */
class Wide extends LightningDataModule<{ x: Tensor }> {
  batchSize = 2;
  readonly sizes: number[] = [];
  override trainDataloader(): Loaders {
    this.sizes.push(this.batchSize);
    const items = Array.from({ length: 4096 }, (_, i) => ({ x: i }));
    return new DataLoader(items, { batchSize: this.batchSize }) as never;
  }
}

class Hungry extends Slope {
  override trainingStep(batch: unknown): Tensor {
    const { x } = batch as { x: Tensor };
    return mean(mul(rand([x.shape[0], 16384]), this.weight));
  }
}

for (const [mode, wanted] of [["power", 64], ["binsearch", null]] as const) {
  trainerTest(`the batch grows until memory ends (${mode}), and everything is put back`, async (device) => {
    const data = new Wide(), module = new Hungry({ start: 5 });
    await new Trainer({ ...quiet, maxSteps: 1 }).fit(module, data); // kernels are compiled, and constants there
    const start = await module.value(), before = randomState();
    device.pool.trim();
    device.pool.limit = device.memory().liveBytes + 9 * 2 ** 20;
    try {
      const size = await new Tuner(new Trainer(quiet)).scaleBatchSize(module, data, { mode, maxVal: 1024 });
      assertEquals(data.batchSize, size);
      if (wanted !== null) assertEquals(size, wanted);
      else assert(size >= 60 && size < 128, `${size}`);
      assertEquals([await module.value(), randomState()], [start, before]);
    } finally {
      device.pool.limit = Infinity;
    }
    assertEquals(data.sizes.slice(1, 5), [2, 4, 8, 16]);
  });
}

trainerTest("where all data fits, the batch stops at it; where nothing fits, the error is memory's", async (device) => {
  const data = new Wide(), module = new Hungry();
  const tuner = new Tuner(new Trainer({ ...quiet, limitTrainBatches: 1 }));
  assertEquals(await tuner.scaleBatchSize(module, data, { initVal: 4 }), 4);
  device.pool.trim();
  device.pool.limit = device.memory().liveBytes + 1000;
  try {
    await assertRejects(() => tuner.scaleBatchSize(module, data), OutOfMemoryError);
  } finally {
    device.pool.limit = Infinity;
  }
  assertEquals(data.batchSize, 4);
  await assertRejects(
    () => tuner.scaleBatchSize(new Slope(), constantBatches([1]) as never),
    TypeError,
    "a data module",
  );
  await assertRejects(() => tuner.scaleBatchSize(new Slope()), TypeError, "must have a number batchSize");
});

trainerTest("the callback finds a size before the loaders are made", async () => {
  class Clouds extends LightningDataModule {
    batchSize = 2;
    override trainDataloader(): Loaders {
      return new DataLoader(clouds(64), { batchSize: this.batchSize }) as never;
    }
  }
  const finder = new BatchSizeFinder({ maxVal: 16 }), data = new Clouds();
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, callbacks: finder });
  await trainer.fit(new Net(), data);
  assertEquals([finder.optimalBatchSize, data.batchSize, trainer.globalStep], [16, 16, 4]);
});

trainerTest("where a bar would be shown, a search says what it found; a plot's folder is made", async (device) => {
  const tuner = new Tuner(new Trainer({ ...quiet, enableProgressBar: true })), module = new Parabola({ start: 3 });
  const rates = { minLr: 1e-3, maxLr: 1, numTraining: 40 };
  assertEquals(
    await written(async () => {
      const finder = await tuner.lrFind(module, constantBatches([1]), rates);
      await inFolder(async (folder) => {
        await finder.savePlot(joinPath(folder, "plots", "lr.svg"));
        assertStringIncludes(await readText(joinPath(folder, "plots", "lr.svg")), "<svg");
      });
    }),
    [`Learning rate: ${module.lr.toPrecision(4)}, found in 40 steps`],
  );
  const none = { numTraining: 5, updateAttr: false };
  assertEquals(await written(() => tuner.lrFind(module, constantBatches([1]), none)), [
    "Learning rate: none found in 5 steps",
  ]);
  const data = new Wide();
  await device.sync();
  device.pool.trim();
  device.pool.limit = device.memory().liveBytes + 3 * 2 ** 20;
  try {
    const lines = await written(() => tuner.scaleBatchSize(new Hungry(), data, { initVal: 8 }));
    assertEquals(lines.slice(0, 1), ["Batch size 8 fits"]);
    assertEquals(lines.slice(-2), [
      `Batch size ${2 * data.batchSize} is more than memory holds`,
      `Batch size: ${data.batchSize}`,
    ]);
  } finally {
    device.pool.limit = Infinity;
  }
});

// Metric objects in log: when they compute, when they are reset, and what a checkpoint holds of them.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ModelCheckpoint, type ModelCheckpointOptions } from "../callbacks/mod.ts";
import { Callback, type LogOptions, Trainer, type TrainerOptions } from "../lightning.ts";
import { MeanMetric, MetricCollection, SumMetric } from "../metrics/mod.ts";
import { mean, rand, type Tensor } from "../mod.ts";
import { joinPath } from "../platform/mod.ts";
import { resumesEverywhere } from "../testing/resume.ts";
import {
  cloudLoader,
  constantBatches,
  countReads,
  inFolder,
  MemoryLogger,
  Net,
  type Points,
  quiet,
  Slope,
  trainerTest,
} from "../testing/trainer.ts";

/** Adds up the means of batches, in training and in validation. */
class Counting extends Slope {
  total = new SumMetric();
  valTotal = new SumMetric();
  readonly options: LogOptions;

  constructor(options: LogOptions = {}) {
    super();
    this.options = options;
  }

  override trainingStep(x: Tensor): Tensor {
    this.total.forward(mean(x));
    this.log("total", this.total, this.options);
    return this.forward(x);
  }

  override validationStep(x: Tensor): void {
    this.valTotal.update(mean(x));
    this.log("valTotal", this.valTotal);
  }
}

async function fit(
  module: Slope,
  values: readonly number[],
  options: TrainerOptions = {},
  val: readonly number[] = [],
) {
  const logger = new MemoryLogger();
  const trainer = new Trainer({ ...quiet, maxEpochs: 2, logEveryNSteps: 1, logger, ...options });
  await trainer.fit(module, { train: constantBatches(values), val: constantBatches(val) });
  return { logger, trainer };
}

trainerTest(
  "a metric shows the batch in step rows, all batches in epoch rows, and starts anew each epoch",
  async () => {
    const module = new Counting({ onStep: true, onEpoch: true });
    const { logger, trainer } = await fit(module, [1, 2, 4], {}, [8, 16]);
    assertEquals(logger.values("total_step"), [1, 2, 4, 1, 2, 4]);
    assertEquals(logger.values("total_epoch"), [7, 7]);
    assertEquals(logger.values("valTotal"), [24, 24]);
    assertEquals(trainer.callbackMetrics, { total_step: 4, total_epoch: 7, total: 7, valTotal: 24 });
    assertEquals(module.valTotal.updateCount, 0);
  },
);

trainerTest("by default a training step logs the batch; after update alone there is no batch to show", async () => {
  const { logger } = await fit(new Counting(), [1, 2]);
  assertEquals(logger.values("total"), [1, 2, 1, 2]);
  class Updating extends Counting {
    override trainingStep(x: Tensor): Tensor {
      this.total.update(mean(x));
      this.log("total", this.total, { onStep: true, onEpoch: true });
      return this.forward(x);
    }
  }
  const updating = await fit(new Updating(), [1, 2], { maxEpochs: 1 });
  assertEquals([updating.logger.values("total_step"), updating.logger.values("total_epoch")], [[], [3]]);
  assertEquals(updating.trainer.callbackMetrics, { total_epoch: 3, total: 3 });
});

trainerTest("nothing is read between rows", async (device) => {
  const module = new Counting({ onStep: true, onEpoch: true });
  const batches = [1, 2, 3, 4], options = { maxEpochs: 1, logEveryNSteps: 100 };
  const reads = await countReads(device, async () => void await fit(module, batches, options));
  const without = await countReads(device, async () => void await fit(new Slope(), batches, options));
  assertEquals(reads - without, 3); // the callbacks' numbers twice, and the row
});

trainerTest("a trial validation leaves nothing behind", async () => {
  const { logger } = await fit(new Counting(), [1], { numSanityValSteps: 2, maxEpochs: 1 }, [8, 16]);
  assertEquals(logger.values("valTotal"), [24]);
});

trainerTest("logDict takes a collection", async () => {
  class Several extends Slope {
    metrics = new MetricCollection<[value: Tensor]>(
      { mean: new MeanMetric(), sum: new SumMetric() },
      {
        prefix: "train/",
      },
    );
    override trainingStep(x: Tensor): Tensor {
      this.metrics.forward(mean(x));
      this.logDict(this.metrics, { onStep: true, onEpoch: true });
      return this.forward(x);
    }
  }
  const { logger } = await fit(new Several(), [1, 2, 6], { maxEpochs: 1 });
  assertEquals(logger.values("train/mean_step"), [1, 2, 6]);
  assertEquals([logger.values("train/mean_epoch"), logger.values("train/sum_epoch")], [[3], [9]]);
});

trainerTest("a metric that is not the module's, or is no number, is refused", async () => {
  const stray = new SumMetric();
  class Stray extends Slope {
    override trainingStep(x: Tensor): Tensor {
      stray.update(1);
      this.log("stray", stray);
      return this.forward(x);
    }
  }
  await assertRejects(() => fit(new Stray(), [1]), Error, "the metric must be a property of Stray");
  stray.dispose();
  class Renamed extends Counting {
    other = new SumMetric();
    override trainingStep(x: Tensor, index = 0): Tensor {
      this.log("x", index === 0 ? this.total : this.other, { onEpoch: true });
      return this.forward(x);
    }
  }
  await assertRejects(() => fit(new Renamed(), [1, 2]), Error, "another metric had this name before");
});

/** Saves a checkpoint after one batch. */
class SaveAt extends Callback {
  constructor(readonly batch: number, readonly path: string) {
    super();
  }

  override async onTrainBatchEnd(trainer: Trainer): Promise<void> {
    if (trainer.batchesSeen === this.batch) await trainer.saveCheckpoint(this.path);
  }
}

trainerTest("a run that is resumed within an epoch goes on with its metrics", async () => {
  await inFolder(async (folder) => {
    const path = joinPath(folder, "middle"), options: LogOptions = { onStep: true, onEpoch: true };
    const values = [1, 2, 4, 8];
    await fit(new Counting(options), values, { callbacks: [new SaveAt(6, path)] }, [3]);
    const module = new Counting(options), logger = new MemoryLogger();
    const trainer = new Trainer({ ...quiet, maxEpochs: 3, logEveryNSteps: 1, logger });
    const data = { train: constantBatches(values), val: constantBatches([3]) };
    await trainer.fit(module, data, { ckptPath: path });
    assertEquals(logger.values("total_epoch"), [15, 15]);
    assertEquals(logger.values("total_step"), [2, 4, 8, 1, 2, 4, 8]);
  });
});

/** Counts the batches of a validation in a metric, draws random numbers there, and logs both. */
class CountingValidations extends Net {
  count = new SumMetric();
  parts = new MetricCollection<[value: Tensor]>({ mean: new MeanMetric(), sum: new SumMetric() }, { prefix: "val/" });
  quiet = new SumMetric();

  override async onValidationEpochEnd(): Promise<void> {
    this.log("unlogged", await this.quiet.compute().item());
    this.quiet.reset();
  }

  override validationStep({ x }: Points): void {
    this.count.update(1);
    this.quiet.update(1);
    this.log("val_count", this.count);
    this.parts.forward(mean(x).add(rand([])));
    this.logDict(this.parts);
  }
}

trainerTest("a run resumed from any moment of a validation counts its batches once", async () => {
  await resumesEverywhere({
    module: () => new CountingValidations(),
    train: () => cloudLoader(16, { batchSize: 4, shuffle: true, seed: 5 }),
    val: () => cloudLoader(8, { batchSize: 4, shuffle: true, seed: 3 }),
    options: { valCheckInterval: 2, numSanityValSteps: 2 },
    moments: [
      "onValidationStart",
      "onValidationBatchEnd",
      "onValidationEpochEnd",
      "onValidationEnd",
      "onTrainBatchEnd",
    ],
  }, 24);
});

trainerTest("so does one resumed from what a ModelCheckpoint saves after a validation", async () => {
  const each: [string, ModelCheckpointOptions, TrainerOptions, string][] = [
    ["the best", { saveLast: true }, { valCheckInterval: 2, maxSteps: 6 }, "best"],
    ["by steps", { saveLast: true, everyNTrainSteps: 4 }, { maxEpochs: 1 }, "last"],
  ];
  const data = () => ({ train: cloudLoader(16, { batchSize: 4 }), val: cloudLoader(16, { batchSize: 4 }) });
  for (const [name, saves, options, which] of each) {
    await inFolder(async (folder) => {
      const callbacks = new ModelCheckpoint({ dirpath: folder, monitor: "val_count", ...saves });
      const first = new Trainer({ ...quiet, maxEpochs: 2, ...options, enableCheckpointing: true, callbacks });
      await first.fit(new CountingValidations(), data());
      const logger = new MemoryLogger(), path = which === "best" ? callbacks.bestModelPath : callbacks.lastModelPath;
      const again = new Trainer({ ...quiet, ...options, maxSteps: -1, maxEpochs: 3, logger });
      await again.fit(new CountingValidations(), data(), { ckptPath: path });
      const counts = logger.values("val_count");
      assert(counts.length > 1 && counts.every((count) => count === 4), `${name}: ${counts}`);
    });
  }
});

trainerTest("a module that has counted before goes on with what the checkpoint counted", async () => {
  await inFolder(async (folder) => {
    const module = new Counting(), data = () => ({ train: constantBatches([1, 2]), val: constantBatches([3]) });
    const first = new Trainer({ ...quiet, maxEpochs: 1 }), path = joinPath(folder, "end");
    await first.fit(module, data());
    await first.saveCheckpoint(path);
    module.valTotal.update(100);
    const logger = new MemoryLogger();
    await new Trainer({ ...quiet, maxEpochs: 2, logger }).fit(module, data(), { ckptPath: path });
    assertEquals(logger.values("valTotal"), [3]);
  });
});

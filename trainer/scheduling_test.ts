import { assertEquals, assertRejects } from "@std/assert";
import { LambdaCallback } from "../callbacks/mod.ts";
import { type Every, type LRSchedulerConfig, Trainer, type TrainerOptions } from "../lightning.ts";
import { mean, type Tensor } from "../mod.ts";
import { ReduceLROnPlateau, SGD, StepLR } from "../optim/mod.ts";
import { written } from "../testing/stderr.ts";
import { constantBatches, MemoryLogger, own, quiet, Slope, trainerTest } from "../testing/trainer.ts";

/** A Slope with a scheduler, which notes after which batch it was stepped. */
class Scheduled extends Slope {
  readonly steps: number[] = [];
  readonly config: Omit<LRSchedulerConfig, "scheduler">;

  constructor(config: Omit<LRSchedulerConfig, "scheduler">) {
    super();
    this.config = config;
  }

  override trainingStep(x: Tensor, _batchIdx: number): Tensor {
    const loss = this.forward(x);
    this.log("loss", loss);
    return loss;
  }

  override configureOptimizers(): SGD {
    const optimizer = own(new SGD(this.parameters(), { lr: 1 })), { config } = this;
    const scheduler = config.monitor === undefined
      ? new StepLR(optimizer, { stepSize: 1, gamma: 0.5 })
      : new ReduceLROnPlateau(optimizer);
    return { optimizer, lrScheduler: { scheduler, ...config } } as never;
  }

  override lrSchedulerStep(...given: Parameters<Slope["lrSchedulerStep"]>): ReturnType<Slope["lrSchedulerStep"]> {
    this.steps.push(this.trainer.batchesSeen);
    return super.lrSchedulerStep(...given);
  }
}

/** Two epochs of five batches. */
const train = constantBatches([1, 1, 1, 1, 1]);

async function stepsOf(config: Scheduled["config"], options: TrainerOptions = {}): Promise<number[]> {
  const module = new Scheduled(config);
  await new Trainer({ ...quiet, maxEpochs: 2, ...options }).fit(module, train);
  return module.steps;
}

trainerTest(
  "schedulers are stepped where an optimizer was, and at the end of whole epochs, with a metric or without",
  async () => {
    const leave = new LambdaCallback({ onTrainBatchStart: (_trainer, _module, _batch, i) => i === 3 ? -1 : undefined });
    for (const monitor of [undefined, "loss"]) {
      const which = monitor === undefined ? "by count" : "by metric";
      const windows = { accumulateGradBatches: 2 };
      assertEquals(await stepsOf({ interval: "step", monitor }, windows), [2, 4, 5, 7, 9, 10], which);
      assertEquals(await stepsOf({ interval: "step", frequency: 4, monitor }, windows), [4, 9], which);
      assertEquals(await stepsOf({ interval: "epoch", monitor }, windows), [5, 10], which);
      assertEquals(await stepsOf({ interval: "epoch", monitor }, { callbacks: leave }), [], which);
      assertEquals(await stepsOf({ interval: "epoch", monitor }, { maxEpochs: -1, maxSteps: 7 }), [5], which);
    }
  },
);

trainerTest("an interval may say its unit, for schedulers as for rows and validations (D7)", async () => {
  const units: [Every, number[]][] = [
    [{ every: 3, unit: "batch" }, [3, 6, 9]],
    [{ every: 2, unit: "step" }, [4, 7, 10]],
    [{ every: 2, unit: "epoch" }, [10]],
    [{ every: 1e-9, unit: "second" }, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
    [{ every: 3600, unit: "second" }, []],
  ];
  for (const [interval, wanted] of units) {
    for (const monitor of [undefined, "loss"]) {
      assertEquals(
        await stepsOf({ interval, monitor }, { accumulateGradBatches: 2 }),
        wanted,
        JSON.stringify(interval),
      );
    }
    const rows: number[] = [], foreseen: number[] = [], logger = new MemoryLogger();
    const callbacks = new LambdaCallback({
      onTrainBatchStart: (trainer) => void (trainer.logsThisBatch && foreseen.push(trainer.batchesSeen + 1)),
    });
    await stepsOf({}, { accumulateGradBatches: 2, logEveryNSteps: interval, logger, callbacks });
    for (const { at, metrics } of logger.rows) if ("loss" in metrics) rows.push(at.batch);
    assertEquals(rows, wanted, JSON.stringify(interval));
    assertEquals(wanted.filter((batch) => !foreseen.includes(batch)), [], `foreseen ${foreseen}`);
  }
  class Idles extends Slope {
    override automaticOptimization = false;
    override trainingStep(x: Tensor, batchIdx: number): null {
      this.log("loss", mean(x));
      if (batchIdx === 1) (this.optimizers() as SGD).step();
      return null;
    }
  }
  const logger = new MemoryLogger(), logEveryNSteps: Every = { every: 1, unit: "step" };
  await new Trainer({ ...quiet, maxEpochs: 1, logger, logEveryNSteps }).fit(new Idles(), train);
  assertEquals(logger.rows.map(({ at }) => at.batch), [2]);
  const wrong = 'interval must be "epoch", "step" or { every, unit: ';
  await assertRejects(() => stepsOf({ interval: { every: 0, unit: "step" } }), TypeError, wrong);
  await assertRejects(() => stepsOf({ interval: "batch" as never }), TypeError, wrong);
  const twice = { interval: units[0][0], frequency: 2 };
  await assertRejects(() => stepsOf(twice), TypeError, "frequency must be left out where interval has a unit, got 2");
});

trainerTest("a metric that a scheduler waits for must be there, unless strict is off", async () => {
  const config = { monitor: "accuracy", name: "rate" };
  const said = "Cannot step the scheduler rate: there must be a metric accuracy, known are loss";
  await assertRejects(() => stepsOf(config, { maxEpochs: 1 }), Error, said);
  const lines = await written(async () => assertEquals(await stepsOf({ ...config, strict: false }), []));
  assertEquals(lines, [said, said]);
});

trainerTest(
  "in manual optimization the module steps its schedulers, of which it gets none, one or several",
  async () => {
    class Manual extends Slope {
      override automaticOptimization = false;
      readonly counts: number[] = [];
      readonly schedulers: number;
      constructor(schedulers: number) {
        super();
        this.schedulers = schedulers;
      }
      override trainingStep(): null {
        const schedulers = this.lrSchedulers();
        this.counts.push(schedulers === null ? 0 : Array.isArray(schedulers) ? schedulers.length : 1);
        return null;
      }
      override configureOptimizers(): SGD {
        const optimizer = own(new SGD(this.parameters(), { lr: 1 }));
        const some = Array.from({ length: this.schedulers }, () => new StepLR(optimizer, { stepSize: 1 }));
        return [[optimizer], some] as never;
      }
    }
    for (const schedulers of [0, 1, 2]) {
      const module = new Manual(schedulers), trainer = new Trainer({ ...quiet, maxEpochs: 2 });
      await trainer.fit(module, constantBatches([1]));
      assertEquals(module.counts, [schedulers, schedulers]);
      assertEquals(trainer.optimizers[0].paramGroups[0].lr, 1);
    }
  },
);

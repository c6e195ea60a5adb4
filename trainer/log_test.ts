import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { Callback, type LightningModule, type LogOptions, Trainer, type TrainerOptions } from "../lightning.ts";
import { device, mean, reshape, sum, type Tensor, to } from "../mod.ts";
import type { Logger } from "../lightning.ts";
import { constantBatches, countReads, MemoryLogger, quiet, Slope, trainerTest } from "../testing/trainer.ts";

/** A Slope that does something extra in a step or hook. */
function slope(extra: Partial<Record<string, (this: Slope, ...args: never[]) => unknown>>): Slope {
  const module = new Slope();
  for (const [name, hook] of Object.entries(extra)) {
    const before = (module as unknown as Record<string, ((...args: never[]) => unknown) | undefined>)[name];
    Object.defineProperty(module, name, {
      value: (...args: never[]) => {
        hook!.apply(module, args);
        return before?.apply(module, args);
      },
    });
  }
  return module;
}

/** Trains on batches of these values and returns what was logged. */
async function rows(
  module: LightningModule,
  values: readonly number[],
  options: TrainerOptions = {},
  val: readonly number[] = [],
): Promise<{ logger: MemoryLogger; trainer: Trainer }> {
  const logger = new MemoryLogger();
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, logEveryNSteps: 1, logger, ...options });
  await trainer.fit(module, { train: constantBatches(values), val: constantBatches(val) });
  return { logger, trainer };
}

/** Logs the mean of each training batch. */
const logging = (options?: LogOptions) =>
  slope({
    trainingStep: function (x: Tensor) {
      this.log("x", mean(x), options);
    },
  });

trainerTest("a value logged in a step makes a row with its four axes", async () => {
  const { logger } = await rows(logging(), [1, 2, 3], { maxEpochs: 2 });
  assertEquals(logger.values("x"), [1, 2, 3, 1, 2, 3]);
  assertEquals(logger.rows.map(({ at }) => [at.step, at.batch, at.epoch]), [
    [0, 1, 0],
    [1, 2, 0],
    [2, 3, 0],
    [3, 4, 1],
    [4, 5, 1],
    [5, 6, 1],
  ]);
  const seconds = logger.rows.map(({ at }) => at.seconds);
  assert(seconds.every((s, i) => s > 0 && s >= (seconds[i - 1] ?? 0)), `seconds must grow: ${seconds}`);
});

trainerTest("values of steps and of the epoch have names of their own; callbacks also know the plain one", async () => {
  const { logger, trainer } = await rows(logging({ onStep: true, onEpoch: true }), [1, 2, 6]);
  assertEquals(logger.values("x_step"), [1, 2, 6]);
  assertEquals(logger.values("x_epoch"), [3]);
  assertEquals(trainer.callbackMetrics, { x_step: 6, x_epoch: 3, x: 3 });
  assertEquals(trainer.metricSteps, { x_step: 3, x_epoch: 3, x: 3 });
});

trainerTest("an epoch's mean is weighted by batch size; sum, least and greatest are not", async () => {
  const sizes = [...constantBatches([0, 1], 4), ...constantBatches([2], 2)];
  const logger = new MemoryLogger();
  const module = slope({
    trainingStep: function (x: Tensor) {
      const value = mean(x), options = { onStep: false, onEpoch: true };
      this.log("mean", value, options);
      this.log("each", value, { ...options, batchSize: 1 });
      for (const reduceFx of ["sum", "min", "max"] as const) this.log(reduceFx, value, { ...options, reduceFx });
      this.log("host", x.shape[0], options);
    },
  });
  await new Trainer({ ...quiet, maxEpochs: 1, logger }).fit(module, sizes);
  const [{ metrics }] = logger.rows;
  assertAlmostEquals(metrics.mean, 0.8, 1e-6);
  assertAlmostEquals(metrics.host, 3.6, 1e-12);
  assertEquals([metrics.each, metrics.sum, metrics.min, metrics.max], [1, 3, 0, 2]);
});

trainerTest("the same name twice in a hook is averaged over the epoch, and a row has the later value", async () => {
  const module = slope({
    trainingStep: function (x: Tensor) {
      this.log("x", mean(x), { onStep: true, onEpoch: true });
      this.log("x", sum(x), { onStep: true, onEpoch: true });
      this.log("n", 1);
      this.log("n", 4);
    },
  });
  const { logger } = await rows(module, [2, 4]);
  assertEquals(logger.values("x_step"), [4, 8]);
  assertEquals(logger.values("x_epoch"), [4.5]);
  assertEquals(logger.values("n"), [4, 4]);
});

trainerTest("a value for a step is refused where there is none, and so is one for nothing", async () => {
  const epochEnd = slope({}) as Slope & { onTrainEpochEnd(): void };
  epochEnd.onTrainEpochEnd = () => epochEnd.log("a", 1, { onStep: true });
  await assertRejects(() => rows(epochEnd, [1]), TypeError, "Cannot log a in onTrainEpochEnd: onStep must be false");
  const never = slope({
    trainingStep: function () {
      this.log("a", 1, { onStep: false });
    },
  });
  await assertRejects(() => rows(never, [1]), TypeError, "onStep or onEpoch must be true");
});

trainerTest("a metric named step is the x of its row", async () => {
  const module = slope({
    trainingStep: function (x: Tensor) {
      this.log("step", mean(x));
      this.log("n", 1);
    },
  });
  const { logger } = await rows(module, [100, 200]);
  assertEquals(logger.rows.map(({ at, metrics }) => [at.step, metrics]), [[100, { n: 1 }], [200, { n: 1 }]]);
});

trainerTest("what cannot be logged is refused with its name", async () => {
  type Case = [string, (this: Slope, x: Tensor) => void, string];
  const cases: Case[] = [
    ["trainingStep", function (x) {
      this.log("v", x);
    }, "Cannot log v: a value must be a number or a tensor with one element, got a tensor of shape [2]"],
    ["trainingStep", function () {
      this.log("v", "3" as never);
    }, 'got "3"'],
    ["trainingStep", function () {
      this.log("v", null as never);
    }, "got null"],
    ["trainingStep", function () {
      this.log(5 as never, 1);
    }, "Cannot log 5: the name must be a text that is not empty"],
    ...[-1, NaN, Infinity, "2"].map((batchSize): Case => ["trainingStep", function () {
      this.log("v", 1, { onEpoch: true, batchSize: batchSize as number });
    }, "Cannot log v: batchSize must be a number from 0 on, got "]),
    ["trainingStep", function () {
      this.log("v", 1, { onStep: true, onEpoch: true });
      this.log("v_step", 2);
    }, "Cannot log v_step: its name v_step is taken by v, which is logged by step and epoch"],
    ["trainingStep", function () {
      this.logDict(5 as never);
    }, "Cannot log the values of logDict: they must be an object of values by name, got 5"],
    ["trainingStep", function () {
      this.trainer.logMetrics({ a: "1" as never });
    }, 'Cannot log a: a value of logMetrics must be a number, got "1"'],
    ["trainingStep", function () {
      this.trainer.logImage("i", 5 as never);
    }, "Cannot log image i: it must be a tensor, got 5"],
    ["trainingStep", function () {
      this.trainer.logText("t", 5 as never);
    }, "Cannot log text t: it must be a text, got 5"],
    ["trainingStep", function () {
      this.trainer.logHistogram("", null as never);
    }, "Cannot log histogram : its name must be a text that is not empty"],
    ["trainingStep", function () {
      this.trainer.logTable("t", null as never);
    }, "Cannot log table t: it must have columns and rows, both lists, got null"],
    ["trainingStep", function () {
      this.log("v", 1);
      this.log("v", 1, { progBar: true });
    }, "Cannot log v in trainingStep: it was logged there with other options before"],
    ["trainingStep", function () {
      this.log("v", 1, { reduceFx: "median" as never });
    }, 'reduceFx must be "mean", "sum", "min" or "max", got "median"'],
    ["onFitStart", function () {
      this.log("v", 1);
    }, "Cannot log in onFitStart: no row can follow it"],
    ["setup", function () {
      this.log("v", 1);
    }, "Cannot log in setup"],
    ["onTrainEnd", function () {
      this.log("v", 1);
    }, "Cannot log in onTrainEnd"],
    ["configureOptimizers", function () {
      this.log("v", 1);
    }, "Cannot log in configureOptimizers"],
  ];
  for (const [hook, log, wanted] of cases) {
    await assertRejects(() => rows(slope({ [hook]: log }), [1]), Error, wanted);
  }
  const predicts = slope({
    predictStep: function () {
      this.log("v", 1);
    },
  });
  await assertRejects(
    () => new Trainer(quiet).predict(predicts, constantBatches([1])),
    Error,
    "Cannot log in predictStep",
  );
});

trainerTest("callbacks log through the module", async () => {
  class Rate extends Callback {
    override onTrainBatchStart(_trainer: Trainer, module: LightningModule): void {
      module.log("rate", 0.5);
    }
  }
  const { logger } = await rows(new Slope(), [1, 1], { callbacks: new Rate() });
  assertEquals(logger.values("rate"), [0.5, 0.5]);
});

trainerTest("rows come at log rate, and the end of an epoch brings the latest values", async () => {
  const { logger, trainer } = await rows(logging({ progBar: true }), [1, 2, 3, 4, 5], { logEveryNSteps: 2 });
  assertEquals(logger.values("x"), [2, 4]);
  assertEquals(trainer.progressBarMetrics, { x: 5 });
  assertEquals(trainer.loggedMetrics, { x: 5 });
  const none = await rows(logging({ onStep: true, onEpoch: true }), [1, 3], { logEveryNSteps: 0 });
  assertEquals(none.logger.rows.map(({ metrics }) => metrics), [{ x_epoch: 2 }]);
});

trainerTest("logger: false keeps a value from the loggers", async () => {
  const { logger, trainer } = await rows(logging({ logger: false, onEpoch: true }), [1]);
  assertEquals(logger.rows, []);
  assertEquals(trainer.callbackMetrics.x, 1);
});

trainerTest("half precision and whole numbers are read as numbers", async () => {
  const module = slope({
    trainingStep: function (x: Tensor) {
      this.log("bf16", to(mean(x), "bf16"));
      this.log("i32", to(sum(x), "i32"));
    },
  });
  const { logger } = await rows(module, [1.5]);
  assertEquals(logger.rows[0].metrics, { bf16: 1.5, i32: 3 });
});

trainerTest("nothing is read from the device between two rows", async (device) => {
  const module = slope({
    trainingStep: function (x: Tensor) {
      this.log("x", mean(x), { onStep: true, onEpoch: true, progBar: true });
      this.log("y", sum(x), { progBar: true });
    },
  });
  const reads = async (batches: number, logEveryNSteps: number) =>
    await countReads(device, async () => {
      const { logger } = await rows(module, new Array(batches).fill(1), { logEveryNSteps });
      assertEquals(logger.rows.length, Math.floor(batches / logEveryNSteps) + 1);
    });
  const atEnd = await reads(20, 1000);
  assert(atEnd <= 4, `an epoch's end reads ${atEnd} times`);
  assertEquals(await reads(60, 1000), atEnd);
  assertEquals(await reads(60, 20), atEnd + 3);
});

trainerTest("a validation is read once, and its values wait for nobody", async (device) => {
  const module = slope({
    validationStep: function (x: Tensor) {
      this.log("loss", mean(x));
      this.log("worst", sum(x), { reduceFx: "max" });
    },
  });
  const trainer = new Trainer(quiet);
  const reads = await countReads(device, async () => {
    const [metrics] = await trainer.validate(module, constantBatches([1, 2, 6]));
    assertEquals(metrics, { loss: 3, worst: 12 });
  });
  assertEquals(reads, 1);
});

trainerTest("a logger that fails ends training with its error", async () => {
  class Full extends MemoryLogger {
    override logMetrics(): void {
      throw new Error("the disk is full");
    }
  }
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, logEveryNSteps: 1, logger: new Full() as Logger });
  await assertRejects(() => trainer.fit(logging(), constantBatches(new Array(50).fill(1))), Error, "the disk is full");
});

trainerTest("rows are written in order although they are read in the background", async () => {
  class Slow extends MemoryLogger {
    override async logMetrics(metrics: Readonly<Record<string, number>>, at: never): Promise<void> {
      await new Promise((resolve) => setTimeout(resolve, metrics.x === 1 ? 30 : 0));
      super.logMetrics(metrics, at);
    }
  }
  const logger = new Slow();
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, logEveryNSteps: 1, logger });
  await trainer.fit(logging(), constantBatches([1, 2, 3, 4]));
  assertEquals(logger.values("x"), [1, 2, 3, 4]);
});

trainerTest("an accumulated step makes one row", async () => {
  const { logger } = await rows(logging(), [1, 2, 3, 4, 5], { accumulateGradBatches: 2 });
  assertEquals(logger.values("x"), [2, 4, 5]);
  assertEquals(logger.rows.map(({ at }) => [at.step, at.batch]), [[0, 2], [1, 4], [2, 5]]);
});

trainerTest("a step that logs what it computes anyway gives the device nothing more to do", async () => {
  const dispatches = async (how: (value: Tensor) => Tensor | null, compile: boolean) => {
    class Computes extends Slope {
      override trainingStep(x: Tensor): Tensor {
        const value = how(sum(x));
        if (value !== null) this.log("x", value);
        return this.forward(x);
      }
    }
    const before = device().recorder.counts.dispatches;
    await new Trainer({ ...quiet, maxEpochs: 1, compile }).fit(new Computes(), constantBatches([1, 2, 3, 4]));
    return device().recorder.counts.dispatches - before;
  };
  for (const compile of [false, true]) {
    const least = await dispatches(() => null, compile);
    assertEquals(await dispatches((value) => value, compile), least);
    assertEquals(await dispatches((value) => value.detach(), compile), least);
    assertEquals(await dispatches((value) => reshape(value, [1]), compile), least);
  }
});

import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { DeviceStatsMonitor, LearningRateMonitor, ModelCheckpoint } from "../callbacks/mod.ts";
import { Callback, type Logger, Trainer, type TrainerOptions } from "../lightning.ts";
import { CSVLogger, JSONLLogger } from "../loggers/mod.ts";
import { SGD, StepLR } from "../optim/mod.ts";
import { constantBatches, inFolder, quiet, Slope, trainerTest } from "../testing/trainer.ts";
import { listDir, setEnv } from "../platform/mod.ts";
import { resolveAmount } from "./amounts.ts";

/** The message with which a Trainer refuses options. */
function refusal(options: object): string {
  return assertThrows(() => new Trainer(options as TrainerOptions), TypeError).message;
}

Deno.test("an option that is wrong is named, with what is allowed and what it got", () => {
  const cases: [object, string][] = [
    [{ maxEpochs: -2 }, "maxEpochs must be a whole number from 0 on, -1 for no end, or null, got -2"],
    [{ maxEpochs: 1.5 }, "maxEpochs must be a whole number from 0 on, -1 for no end, or null, got 1.5"],
    [{ maxSteps: "10" }, 'maxSteps must be a whole number from 0 on, or -1 for no limit, got "10"'],
    [
      { limitTrainBatches: 1.5 },
      "limitTrainBatches must be a count of batches from 0 on, a share below 1, or { fraction } from 0 to 1, got 1.5",
    ],
    [{ limitValBatches: { fraction: 2 } }, 'got {"fraction":2}'],
    [{ limitTestBatches: -1 }, "limitTestBatches must be a count of batches"],
    [{ limitPredictBatches: null }, "got null"],
    [{ valCheckInterval: 0 }, "valCheckInterval must be a count of batches from 1 on"],
    [{ checkValEveryNEpoch: 0 }, "checkValEveryNEpoch must be a whole number from 1 on or null, got 0"],
    [{ numSanityValSteps: -3 }, "numSanityValSteps must be a whole number from 0 on, or -1 for all, got -3"],
    [{ accumulateGradBatches: 0 }, "accumulateGradBatches must be a whole number from 1 on, got 0"],
    [{ gradientClipVal: 0 }, "gradientClipVal must be a number above 0 or null, got 0"],
    [{ gradientClipVal: NaN }, "gradientClipVal must be a number above 0 or null, got NaN"],
    [{ gradientClipAlgorithm: "l2" }, 'gradientClipAlgorithm must be "norm" or "value", got "l2"'],
    [{ logEveryNSteps: 0.5 }, 'logEveryNSteps must be a whole number from 0 on, or { every, unit: "batch"'],
    [{ logger: {} }, "logger must be true, false, a logger or a list of loggers, got {}"],
    [{ callbacks: [3] }, "callbacks must be a Callback or a list of them, got [3]"],
    [{ callbacks: new Date() }, "got an object of Date"],
    [{ enableProgressBar: 1 }, "enableProgressBar must be true or false, got 1"],
    [
      { precision: "64-true" },
      '"16-true" or "bf16-true" (there is no "64-true": WebGPU has no 64-bit floats), got "64-true"',
    ],
    [{ precision: 64 }, "got 64"],
    [{ defaultRootDir: "" }, 'defaultRootDir must be the path of a folder, got ""'],
    [{ fastDevRun: -1 }, "fastDevRun must be true, false or a whole number from 0 on, got -1"],
  ];
  for (const [options, wanted] of cases) {
    const message = refusal(options);
    assertStringIncludes(message, wanted);
    assert(message.startsWith("Cannot make a Trainer: "), message);
  }
});

Deno.test("all wrong options are listed at once", () => {
  const message = refusal({ maxEpochs: "many", maxSteps: 0.5, foo: 1 });
  for (const part of ["maxEpochs must be", 'got "many"', "maxSteps must be", "there is no option foo"]) {
    assertStringIncludes(message, part);
  }
});

Deno.test("an option that does not exist is refused, with the nearest that does", () => {
  assertStringIncludes(refusal({ max_epochs: 3 }), "there is no option max_epochs, maxEpochs is the nearest");
  assertStringIncludes(refusal({ limitTrainBatch: 3 }), "limitTrainBatches is the nearest");
  assertEquals(refusal({ colour: 3 }), "Cannot make a Trainer: there is no option colour");
});

Deno.test("options that are left out, or undefined, take their defaults", () => {
  const { options } = new Trainer({ ...quiet, maxEpochs: undefined });
  assertEquals(options.maxEpochs, null);
  assertEquals(options.limitTrainBatches, { fraction: 1 });
  assertEquals(options.logEveryNSteps, 50);
  assertEquals(options.precision, "32-true");
});

Deno.test("precision takes Lightning's short names, too", () => {
  const given = [32, "32", 16, "16", "bf16", "bf16-true"] as const;
  const named = given.map((precision) => new Trainer({ ...quiet, precision }).options.precision);
  assertEquals(named, ["32-true", "32-true", "16-mixed", "16-mixed", "bf16-mixed", "bf16-true"]);
});

Deno.test("fastDevRun limits everything and writes no files", () => {
  const trainer = new Trainer({
    fastDevRun: 3,
    maxEpochs: 100,
    callbacks: new ModelCheckpoint(),
    enableProgressBar: false,
    enableModelSummary: false,
  });
  const { options } = trainer;
  assertEquals([options.maxEpochs, options.maxSteps, options.limitTrainBatches, options.limitValBatches], [1, 3, 3, 3]);
  assertEquals([options.numSanityValSteps, options.enableCheckpointing], [0, false]);
  assertEquals([trainer.loggers.map(({ logDir }) => logDir), trainer.callbacks.length], [[null], 0]);
  assertEquals(new Trainer({ ...quiet, fastDevRun: true }).loggers, []);
  assertEquals(new Trainer({ ...quiet, fastDevRun: true }).options.limitTestBatches, 1);
  assertEquals(new Trainer({ ...quiet, fastDevRun: 0 }).options.fastDevRun, false);
});

trainerTest("under fastDevRun a logger that writes nothing stands in for the trainer's own", async () => {
  await inFolder(async (saveDir) => {
    const callbacks = [new LearningRateMonitor(), new DeviceStatsMonitor()], logger = new CSVLogger({ saveDir });
    class Tells extends Slope {
      override onTrainEnd() {
        this.trainer.logger!.logMetrics({ done: 1 }, { step: 0, batch: 0, epoch: 0, seconds: 0 });
      }
    }
    const trainer = new Trainer({ ...quiet, fastDevRun: 2, logger, callbacks });
    await trainer.fit(new Tells(), constantBatches([1, 1, 1]));
    assertEquals([trainer.globalStep, await listDir(saveDir)], [2, []]);
  });
});

Deno.test("the preset adds a bar, a checkpoint and a CSV logger, and nothing twice", () => {
  const names = (trainer: Trainer) => trainer.callbacks.map((callback) => callback.constructor.name);
  assertEquals(names(new Trainer()), ["ProgressBar", "ModelSummary", "ModelCheckpoint"]);
  assertEquals(new Trainer().loggers.map((logger) => logger.name), ["fulgurite_logs"]);
  const own = new ModelCheckpoint({ saveLast: true });
  assertEquals(new Trainer({ callbacks: own }).callbacks.filter((callback) => callback.checkpointing), [own]);
  assertEquals(new Trainer({ callbacks: own }).checkpointCallback, own);
});

Deno.test("callbacks that write checkpoints come last; two that cannot be told apart are refused", () => {
  class Watch extends Callback {
    override stateDict(): { n: number } {
      return { n: 1 };
    }
  }
  const watch = new Watch(), save = new ModelCheckpoint();
  assertEquals(new Trainer({ ...quiet, enableCheckpointing: true, callbacks: [save, watch] }).callbacks, [watch, save]);
  assertStringIncludes(refusal({ callbacks: [watch, new Watch()] }), "must have different keys, two have Watch");
  const message = refusal({ ...quiet, callbacks: save });
  assertStringIncludes(message, "enableCheckpointing must be true with a ModelCheckpoint among the callbacks");
});

Deno.test("a logger is given once", () => {
  const logger = new CSVLogger(), other = new CSVLogger();
  assertEquals(new Trainer({ ...quiet, logger: [logger, other] }).loggers, [logger, other]);
  assertEquals(
    refusal({ ...quiet, logger: [logger, other, logger] }),
    "Cannot make a Trainer: each logger must be given once, a CSVLogger is there twice",
  );
});

trainerTest("two loggers of a kind that write to one folder are refused when they open it", async () => {
  await inFolder(async (saveDir) => {
    const make = (version?: string) => new CSVLogger({ saveDir, name: "x", version });
    const fit = (...logger: Logger[]) =>
      new Trainer({ ...quiet, maxEpochs: 1, logger }).fit(new Slope(), constantBatches([1]));
    await fit(make(), make());
    await fit(make("a"), new JSONLLogger({ saveDir, name: "x", version: "a" }));
    await assertRejects(
      () => fit(make("b"), make("b")),
      Error,
      "two loggers must not write to one place, two CSVLogger",
    );
  });
});

Deno.test("an amount is a count or a share", () => {
  const batches = (amount: Parameters<typeof resolveAmount>[1], length: number | null) =>
    resolveAmount("limitTrainBatches", amount, length);
  assertEquals(batches(1, 10), 1);
  assertEquals(batches(100, 10), 10);
  assertEquals(batches(0, 10), 0);
  assertEquals(batches(0.25, 10), 2);
  assertEquals(batches({ fraction: 1 }, 10), 10);
  assertEquals(batches({ fraction: 0 }, 10), 0);
  assertEquals(batches({ fraction: 1 }, null), Infinity);
  assertEquals(batches(7, null), 7);
  assertThrows(
    () => batches(0.05, 10),
    RangeError,
    "Cannot use limitTrainBatches: the share must come to a batch, 0.05 of 10 batches is less than one",
  );
  assertThrows(() => batches(0.5, null), RangeError, "a share needs a loader of known length");
});

trainerTest("entry points and log refuse options that do not exist, a class, and a promise", async () => {
  const refusal = async (run: () => Promise<unknown>) => (await assertRejects(run, TypeError)).message;
  const trainer = new Trainer({ ...quiet, maxEpochs: 1 });
  using module = new Slope();
  for (const stage of ["fit", "validate", "test"] as const) {
    assertStringIncludes(
      await refusal(() => trainer[stage](module, undefined, { ckpt_path: "last" } as object)),
      `Cannot ${stage} with these options: there is no option ckpt_path, ckptPath is the nearest`,
    );
  }
  assertEquals(
    await refusal(() => trainer.fit(Slope as unknown as Slope)),
    "Cannot fit: it expects an instance of a LightningModule, got the function Slope, say new Slope()",
  );
  const logging = (value: unknown, options?: object) =>
    assertThrows(() => module.log("loss", value as number, options), TypeError).message;
  assertStringIncludes(logging(1, { prog_bar: true }), "Cannot log loss: there is no option prog_bar, progBar is the");
  assertStringIncludes(logging(Promise.resolve(1)), "Cannot log loss: log the tensor itself");
});

trainerTest("what configureOptimizers must not return is refused by name", async () => {
  const refusal = async (configure: (optimizer: SGD) => unknown) => {
    using module = new Slope();
    const optimizer = new SGD(module.parameters(), { lr: 1 });
    module.configureOptimizers = () => configure(optimizer) as never;
    const trainer = new Trainer({ ...quiet, maxEpochs: 1 });
    return (await assertRejects(() => trainer.fit(module, constantBatches([1])), TypeError)).message;
  };
  const scheduler = (optimizer: SGD) => new StepLR(optimizer, { stepSize: 1 });
  assertEquals(
    await refusal(scheduler),
    "Cannot configure optimizers: a scheduler needs its optimizer beside it, return { optimizer, lrScheduler }, got StepLR",
  );
  assertEquals(
    await refusal((optimizer) => ({ optimizer, lr_scheduler: scheduler(optimizer) })),
    "Cannot configure optimizers: there is no option lr_scheduler, lrScheduler is the nearest; the options are optimizer, " +
      "lrScheduler, monitor, step",
  );
  assertEquals(
    await refusal((optimizer) => ({ lrScheduler: scheduler(optimizer) })),
    "Cannot configure optimizers: { optimizer, lrScheduler } must name an optimizer, its keys are lrScheduler",
  );
  assertStringIncludes(
    await refusal((optimizer) => ({ optimizer, lrScheduler: { scheduler: 1 } })),
    "Cannot configure a scheduler: scheduler must be an LRScheduler, got 1",
  );
  const foreign = (optimizer: SGD) => scheduler(new SGD(optimizer.paramGroups[0].params, { lr: 1 }));
  const stranger = "Cannot configure a scheduler: its optimizer must be returned, too, got a StepLR of another SGD";
  assertEquals(await refusal((optimizer) => [[optimizer], [scheduler(optimizer), foreign(optimizer)]]), stranger);
  assertEquals(await refusal((optimizer) => ({ optimizer, lrScheduler: foreign(optimizer) })), stranger);
});

Deno.test("what is left out is looked for in the environment", () => {
  const set = (values: Record<string, string | undefined>) => {
    for (const [name, value] of Object.entries(values)) setEnv(`FULGURITE_TRAINER_${name}`, value);
  };
  const given = {
    MAX_EPOCHS: "3",
    LIMIT_TRAIN_BATCHES: '{"fraction":0.5}',
    PRECISION: "bf16-mixed",
    LOG_EVERY_N_STEPS: "7",
    CHECK_VAL_EVERY_N_EPOCH: "null",
    ENABLE_PROGRESS_BAR: "false",
    MAX_TIME: "00:01:00:00",
  };
  try {
    set(given);
    const { options } = new Trainer({ ...quiet, logEveryNSteps: 9, maxEpochs: undefined });
    assertEquals(
      [options.maxEpochs, options.limitTrainBatches, options.precision, options.logEveryNSteps, options.maxTime],
      [3, { fraction: 0.5 }, "bf16-mixed", 9, "00:01:00:00"],
    );
    assertEquals([options.checkValEveryNEpoch, options.enableProgressBar], [null, false]);
    set({ MAX_EPOCHS: "many" });
    assertStringIncludes(refusal(quiet), 'or null, got "many" from FULGURITE_TRAINER_MAX_EPOCHS');
  } finally {
    set(Object.fromEntries(Object.keys(given).map((name) => [name, undefined])));
  }
  assertEquals(new Trainer(quiet).options.maxEpochs, null);
});

Deno.test("barebones leaves out everything but training, and what asks for more is refused by name", () => {
  const trainer = new Trainer({ barebones: true, maxEpochs: 1 });
  assertEquals([trainer.callbacks.length, trainer.loggers.length, trainer.profiler], [0, 0, null]);
  assertEquals([trainer.options.numSanityValSteps, trainer.options.logEveryNSteps], [0, 0]);
  new Trainer({ barebones: true, logger: false, enableProgressBar: false, enableCheckpointing: false });
  const message = refusal({
    barebones: true,
    logger: true,
    profiler: "simple",
    numSanityValSteps: 2,
    detectAnomaly: true,
  });
  assertStringIncludes(message, "asked for by logger, numSanityValSteps, detectAnomaly, profiler");
  assertStringIncludes(
    refusal({ deterministic: true, benchmark: true }),
    "benchmark must be false with deterministic: true",
  );
});

trainerTest("barebones trains and validates, and logs nothing", async () => {
  class Logs extends Slope {
    validated = 0;
    override trainingStep(...given: Parameters<Slope["trainingStep"]>): ReturnType<Slope["trainingStep"]> {
      this.log("loss", 1);
      return super.trainingStep(...given);
    }
    override validationStep(): void {
      this.validated++;
    }
  }
  const module = new Logs(), trainer = new Trainer({ barebones: true, maxEpochs: 1 });
  await trainer.fit(module, { train: constantBatches([1, 1]), val: constantBatches([1]) });
  assertEquals([await module.value(), module.validated, trainer.callbackMetrics], [-2, 1, {}]);
});

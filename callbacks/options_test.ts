import { assertThrows } from "@std/assert";
import { CSVLogger, JSONLLogger, TensorBoardLogger } from "../loggers/mod.ts";
import { Trainer } from "../trainer/mod.ts";
import {
  BatchSizeFinder,
  DeviceStatsMonitor,
  EarlyStopping,
  GradientAccumulationScheduler,
  LambdaCallback,
  LearningRateFinder,
  ModelCheckpoint,
  ModelSummary,
  OnExceptionCheckpoint,
  ProgressBar,
  Timer,
  WeightAveraging,
} from "./mod.ts";

Deno.test("a bare value where options are wanted is shown as the option that it was probably meant for", () => {
  const cases: [() => unknown, string][] = [
    [
      () => new EarlyStopping("val_loss" as never),
      'an EarlyStopping: options must be an object such as { monitor: "val_loss" }, got "val_loss"',
    ],
    [() => new ModelCheckpoint({ filename: "{loss:.400f}" }), 'must look like .2f, .3e or 02d, got ".400f"'],
    [() => new EarlyStopping(undefined as never), "{ monitor: … }, got undefined"],
    [() => new Timer("00:12:00:00" as never), 'a Timer: options must be an object such as { duration: "00:12:00:00" }'],
    [() => new ModelSummary(2 as never), "a ModelSummary: options must be an object such as { maxDepth: 2 }, got 2"],
    [() => new OnExceptionCheckpoint("runs" as never), 'options must be an object such as { dirpath: "runs" }'],
    [() => new ProgressBar(50 as never), "options must be an object such as { refreshMilliseconds: 50 }, got 50"],
    [() => new DeviceStatsMonitor(true as never), "options must be an object such as { cpuStats: true }, got true"],
    [() => new GradientAccumulationScheduler(4 as never), "options must be an object such as { 0: 4 }, got 4"],
    [() => new LambdaCallback((() => {}) as never), "options must be an object such as { onTrainStart: … }"],
    [() => new WeightAveraging(0.9 as never), "options must be an object such as { decay: 0.9 }, got 0.9"],
    [() => new LearningRateFinder(1e-3 as never), "options must be an object such as { minLr: 0.001 }"],
    [() => new BatchSizeFinder("power" as never), 'options must be an object such as { mode: "power" }'],
    [() => new CSVLogger("logs" as never), 'a CSVLogger: options must be an object such as { saveDir: … }, got "logs"'],
    [() => new JSONLLogger("logs" as never), "options must be an object such as { saveDir: … }"],
    [() => new TensorBoardLogger("logs" as never), "options must be an object such as { saveDir: … }"],
    [() => new Trainer(3 as never), "a Trainer: options must be an object such as { maxEpochs: 3 }, got 3"],
  ];
  for (const [make, message] of cases) assertThrows(make, TypeError, message);
});

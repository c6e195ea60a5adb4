import {
  BackboneFinetuning,
  BatchSizeFinder,
  DeviceStatsMonitor,
  EarlyStopping,
  EMAWeightAveraging,
  GradientAccumulationScheduler,
  LearningRateFinder,
  LearningRateMonitor,
  ModelCheckpoint,
  ModelPruning,
  ModelSummary,
  OnExceptionCheckpoint,
  ProgressBar,
  RichProgressBar,
  SpikeDetection,
  StochasticWeightAveraging,
  Timer,
  WeightAveraging,
} from "../callbacks/mod.ts";
import { CometLogger, CSVLogger, JSONLLogger, MLflowLogger, TensorBoardLogger, WandbLogger } from "../loggers/mod.ts";
import type { Callback, Logger } from "../trainer/mod.ts";
import { anyOptions, registered, type Registry } from "./registry.ts";

/** An entry for a callback that checks its options itself. */
function callback(Class: new (options: never) => Callback): Registry<Callback>[string] {
  return registered(anyOptions, (options): Callback => new Class(options as never));
}

/** Every callback that is made of plain options: not those of functions, `LambdaCallback` and `ThroughputMonitor`. */
export const standardCallbacks: Registry<Callback> = {
  BackboneFinetuning: callback(BackboneFinetuning),
  BatchSizeFinder: callback(BatchSizeFinder),
  DeviceStatsMonitor: callback(DeviceStatsMonitor),
  EarlyStopping: callback(EarlyStopping),
  EMAWeightAveraging: callback(EMAWeightAveraging),
  GradientAccumulationScheduler: callback(GradientAccumulationScheduler),
  LearningRateFinder: callback(LearningRateFinder),
  LearningRateMonitor: callback(LearningRateMonitor),
  ModelCheckpoint: callback(ModelCheckpoint),
  ModelPruning: callback(ModelPruning),
  ModelSummary: callback(ModelSummary),
  OnExceptionCheckpoint: callback(OnExceptionCheckpoint),
  ProgressBar: callback(ProgressBar),
  RichProgressBar: callback(RichProgressBar),
  SpikeDetection: callback(SpikeDetection),
  StochasticWeightAveraging: callback(StochasticWeightAveraging),
  Timer: callback(Timer),
  WeightAveraging: callback(WeightAveraging),
};

/** Loggers that most programs offer; they check their options themselves. */
export const standardLoggers: Registry<Logger> = {
  CSVLogger: registered(anyOptions, (options): Logger => new CSVLogger(options)),
  JSONLLogger: registered(anyOptions, (options): Logger => new JSONLLogger(options)),
  TensorBoardLogger: registered(anyOptions, (options): Logger => new TensorBoardLogger(options)),
  WandbLogger: registered(anyOptions, (options): Logger => new WandbLogger(options)),
  MLflowLogger: registered(anyOptions, (options): Logger => new MLflowLogger(options)),
  CometLogger: registered(anyOptions, (options): Logger => new CometLogger(options)),
};

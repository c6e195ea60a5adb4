import {
  EarlyStopping,
  LearningRateMonitor,
  ModelCheckpoint,
  type ModelCheckpointOptions,
  Timer,
} from "../callbacks/mod.ts";
import { CometLogger, CSVLogger, JSONLLogger, MLflowLogger, TensorBoardLogger, WandbLogger } from "../loggers/mod.ts";
import type { Callback, Logger } from "../trainer/mod.ts";
import { anyOptions, registered, type Registry } from "./registry.ts";

/** Callbacks that most programs offer; they check their options themselves. */
export const standardCallbacks: Registry<Callback> = {
  EarlyStopping: registered(anyOptions, (options): Callback => new EarlyStopping(options as never)),
  LearningRateMonitor: registered(anyOptions, (options): Callback => new LearningRateMonitor(options as never)),
  ModelCheckpoint: registered(
    anyOptions,
    (options): Callback => new ModelCheckpoint(options as ModelCheckpointOptions),
  ),
  Timer: registered(anyOptions, (options): Callback => new Timer(options as never)),
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

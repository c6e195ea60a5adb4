import * as z from "zod";
import {
  EarlyStopping,
  LearningRateMonitor,
  ModelCheckpoint,
  type ModelCheckpointOptions,
  Timer,
} from "../callbacks/mod.ts";
import { CometLogger, CSVLogger, JSONLLogger, MLflowLogger, TensorBoardLogger, WandbLogger } from "../loggers/mod.ts";
import {
  Adam,
  AdamW,
  CosineAnnealingLR,
  ExponentialLR,
  type LRScheduler,
  type Optimizer,
  ReduceLROnPlateau,
  SGD,
  StepLR,
} from "../optim/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Callback, Logger } from "../trainer/mod.ts";
import { anyOptions, registered, type Registry } from "./registry.ts";

const rate = z.number().positive().default(1e-3).describe("learning rate");
const share = z.number().min(0).max(1);
const decay = z.number().min(0);
const whole = z.number().int().min(1);

const adam = z.object({
  lr: rate,
  betas: z.tuple([share, share]).default([0.9, 0.999]).describe("decay of both averages"),
  eps: z.number().positive().default(1e-8).describe("added to the denominator"),
  weightDecay: decay.default(0),
});

/** Optimizers that most programs offer. */
export const standardOptimizers: Registry<Optimizer, [parameters: Iterable<Tensor>]> = {
  SGD: registered(
    z.object({
      lr: rate,
      momentum: share.default(0),
      weightDecay: decay.default(0),
      nesterov: z.boolean().default(false),
    }),
    (options, parameters: Iterable<Tensor>): Optimizer => new SGD(parameters, options),
  ),
  Adam: registered(adam, (options, parameters: Iterable<Tensor>): Optimizer => new Adam(parameters, options)),
  AdamW: registered(
    adam.extend({ weightDecay: decay.default(0.01) }),
    (options, parameters: Iterable<Tensor>): Optimizer => new AdamW(parameters, options),
  ),
};

/** Schedulers that most programs offer. */
export const standardSchedulers: Registry<LRScheduler, [optimizer: Optimizer]> = {
  StepLR: registered(
    z.object({
      stepSize: whole.describe("intervals between drops"),
      gamma: share.default(0.1).describe("factor of a drop"),
    }),
    (options, optimizer: Optimizer): LRScheduler => new StepLR(optimizer, options),
  ),
  ExponentialLR: registered(
    z.object({ gamma: share.describe("factor of each interval") }),
    (options, optimizer: Optimizer): LRScheduler => new ExponentialLR(optimizer, options),
  ),
  CosineAnnealingLR: registered(
    z.object({
      tMax: whole.describe("intervals to the least rate"),
      etaMin: decay.default(0).describe("the least rate"),
    }),
    (options, optimizer: Optimizer): LRScheduler => new CosineAnnealingLR(optimizer, options),
  ),
  ReduceLROnPlateau: registered(
    z.object({
      mode: z.enum(["min", "max"]).default("min"),
      factor: share.default(0.1),
      patience: z.number().int().min(0).default(10).describe("intervals without progress"),
    }),
    (options, optimizer: Optimizer): LRScheduler => new ReduceLROnPlateau(optimizer, options),
  ),
};

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

import type { LightningDataModule } from "../data/mod.ts";
import type { LRScheduler, Optimizer } from "../optim/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Callback, LightningModule, Logger } from "../trainer/mod.ts";
import type { Registry } from "./registry.ts";

/** A value that follows from another one, so that nobody has to give it twice. */
export interface Link {
  /** The option that it follows from, as `"data.batchSize"`, or a function of the data module once that is made. */
  readonly from: string | ((data: LightningDataModule | null) => unknown);
  /** The option that gets it, as `"model.batchSize"`; it cannot be given then. */
  readonly to: string;
  /** How it follows from the other option; default: it is the same. */
  readonly compute?: (value: unknown) => unknown;
}

/** What a command line is made of: the classes to choose from, and how their options depend on each other. */
export interface Program {
  /** How the help calls the program; default `"train.ts"`. */
  readonly name?: string;
  /** What the help says of it. */
  readonly description?: string;
  /** Models; a single one need not be named. */
  readonly models: Registry<LightningModule>;
  /** Data modules; a single one need not be named. Empty where models bring their own loaders. */
  readonly data: Registry<LightningDataModule>;
  /** Optimizers, which take the place of a model's own where one is chosen. */
  readonly optimizers?: Registry<Optimizer, [parameters: Iterable<Tensor>]>;
  /** Schedulers for them. */
  readonly lrSchedulers?: Registry<LRScheduler, [optimizer: Optimizer]>;
  /** Callbacks for `trainer.callbacks`. */
  readonly callbacks?: Registry<Callback>;
  /** Loggers for `trainer.logger`. */
  readonly loggers?: Registry<Logger>;
  /** Options that follow from others. */
  readonly links?: readonly Link[];
}

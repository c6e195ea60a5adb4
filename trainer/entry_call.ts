import type { LightningDataModule, Stage } from "../data/mod.ts";
import type { InitOptions } from "../device/mod.ts";
import { checkNames, show } from "../device/option_names.ts";
import { LightningModule } from "./lightning_module.ts";
import type { CombinedLoadersFor, ListedLoaderFor, LoaderFor } from "./loader_types.ts";
import type { GivenLoaders } from "./run.ts";

/** Keeps a data module of other batches from passing for a loader, all of whose members are optional. */
export interface NoDataModule {
  /** Data modules have this. */
  readonly prepareData?: never;
}

/**
 * Data for an entry point: a data module, a loader, or loaders by kind. An array of arrays is one loader whose batches
 * are arrays; several arrays of batches are told apart by names, as in `{ val: { clean: [x], noisy: [y] } }`.
 *
 * @typeParam Batch What the steps receive
 * @typeParam Given What the module's transfer hooks take, where they say it
 */
export type TrainerData<Batch, Given = unknown> =
  | LightningDataModule<Batch>
  | (GivenLoaders<Batch, Given> & NoDataModule)
  | (LoaderFor<Batch, Given> & NoDataModule)
  | readonly ListedLoaderFor<Batch, Given>[]
  | (Batch extends readonly unknown[] ? CombinedLoadersFor<Batch, Given> : never)
  | null;

/** How an entry point runs. */
export interface EntryOptions {
  /** A checkpoint's folder to start from, or `"best"` or `"last"` of this trainer's ModelCheckpoint. */
  ckptPath?: string | null;
  /** Ends the run when aborted: the batch is finished, `teardown` runs, and the entry point returns. */
  signal?: AbortSignal;
  /** Which device to open, if none is open yet. */
  device?: InitOptions;
}

/** How a validation or a test runs. */
export interface EvaluationOptions extends EntryOptions {
  /** Show the metrics as a table on the error stream when it is over; default true. */
  verbose?: boolean;
}

/** How a prediction runs. */
export interface PredictOptions extends EntryOptions {
  /** Keep what `predictStep` gives and return it; default true. */
  returnPredictions?: boolean;
}

/** Throws unless all options exist and the module is an instance: a class is easily given in its place. */
export function checkCall(stage: Stage, module: unknown, options: EntryOptions): void {
  checkNames(`${stage} with these options`, options, { ckptPath: true, signal: true, device: true });
  if (module instanceof LightningModule) return;
  throw new TypeError(
    `Cannot ${stage}: it expects an instance of a LightningModule, got ${show(module)}${
      typeof module === "function" ? `, say new ${module.name}()` : ""
    }`,
  );
}

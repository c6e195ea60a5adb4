import type { Awaitable, StateDict } from "./callback.ts";
import type { Loaders } from "./loaders.ts";
import type { Stage, Trainer } from "./trainer.ts";

/**
 * Everything about the data in one place: where it comes from, how it is split, and its loaders. `Batch` is what the steps
 * receive.
 *
 * `prepareData` runs first and must set no state, `setup(stage)` follows, the loaders are asked for when needed, and
 * `teardown(stage)` ends it, at every entry point (fit, validate, test, predict).
 */
// deno-lint-ignore no-explicit-any -- a data module of any batch type is a data module to the trainer
export abstract class LightningDataModule<Batch = any> {
  /** The trainer that uses it, while one does. */
  trainer: Trainer | null = null;
  /** Only types read this: it ties the module's batches to the steps that receive them. */
  declare readonly batch?: Batch;

  prepareData?(): Awaitable<void>;
  setup?(stage: Stage): Awaitable<void>;
  teardown?(stage: Stage): Awaitable<void>;
  trainDataloader?(): Awaitable<Loaders>;
  valDataloader?(): Awaitable<Loaders>;
  testDataloader?(): Awaitable<Loaders>;
  predictDataloader?(): Awaitable<Loaders>;
  onBeforeBatchTransfer?(batch: unknown, dataloaderIdx: number): unknown;
  transferBatchToDevice?(batch: unknown, dataloaderIdx: number): unknown;
  onAfterBatchTransfer?(batch: Batch, dataloaderIdx: number): Batch;
  onException?(error: unknown): Awaitable<void>;
  stateDict?(): StateDict;
  loadStateDict?(state: StateDict): Awaitable<void>;
}

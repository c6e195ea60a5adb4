import { type Hyperparameters, HyperparameterStore, type SaveHyperparametersOptions } from "./hyperparameters.ts";
import type { Awaitable, Loaders, Stage, StateDict } from "./protocol.ts";

/** What a data module may ask the trainer that uses it. */
export interface DataModuleTrainer {
  /** Epochs finished so far. */
  readonly currentEpoch: number;
  /** Optimizer steps so far. */
  readonly globalStep: number;
}

/**
 * Everything about the data in one place: where it comes from, how it is split, and its loaders. `Batch` is what the
 * steps receive: a loader's batch with its arrays as tensors.
 *
 * `prepareData` runs first and must set no state, `setup(stage)` follows, the loaders are asked for when needed, and
 * `teardown(stage)` ends it, at every entry point (fit, validate, test, predict).
 *
 * @example
 * ```ts
 * import { ArrayDataset, DataLoader, LightningDataModule } from "@fulgurite/core/data";
 * import type { Tensor } from "@fulgurite/core";
 *
 * class Parabola extends LightningDataModule<{ x: Tensor; y: Tensor }> {
 *   override trainDataloader() {
 *     const x = Float32Array.from({ length: 256 }, (_, i) => i / 128 - 1);
 *     const fields = {
 *       x: { dtype: "f32", shape: [256, 1], data: x },
 *       y: { dtype: "f32", shape: [256, 1], data: x.map((v) => v * v) },
 *     } as const;
 *     return new DataLoader(new ArrayDataset(fields), { batchSize: 32, shuffle: true });
 *   }
 * }
 * console.log(new Parabola().trainDataloader().length); // 8
 * ```
 */
// deno-lint-ignore no-explicit-any -- a data module of any batch type is a data module to the trainer
export abstract class LightningDataModule<Batch = any> {
  /** The trainer that uses it, while one does. */
  trainer: DataModuleTrainer | null = null;
  /** Only types read this: it ties the module's batches to the steps that receive them. */
  declare readonly batch?: Batch;
  readonly #hyperparameters = new HyperparameterStore();

  /** What the data module was made with, as {@link saveHyperparameters} took it; it may change. */
  get hparams(): Hyperparameters {
    return this.#hyperparameters.values;
  }

  /** The hyperparameters with what is to become of them. */
  get hyperparameters(): HyperparameterStore {
    return this.#hyperparameters;
  }

  /**
   * Remembers what the data module was made with: checkpoints hold it, and loggers get it when fit begins.
   *
   * @param values Plain values by name
   * @param options Names to leave out, and whether loggers get them
   * @throws {TypeError} For a value that no file could hold
   */
  saveHyperparameters(values: object, options: SaveHyperparametersOptions = {}): void {
    this.#hyperparameters.save(this.constructor.name, values, options);
  }

  /** Downloads and prepares files; must not set state. */
  prepareData?(): Awaitable<void>;
  /** Loads and splits. */
  setup?(stage: Stage): Awaitable<void>;
  /** Cleans up. It runs also after an error. */
  teardown?(stage: Stage): Awaitable<void>;
  /** Batches to train on. */
  trainDataloader?(): Awaitable<Loaders>;
  /** Batches to validate on. */
  valDataloader?(): Awaitable<Loaders>;
  /** Batches to test on. */
  testDataloader?(): Awaitable<Loaders>;
  /** Batches to predict. */
  predictDataloader?(): Awaitable<Loaders>;
  /** Before the batch's arrays become tensors. */
  onBeforeBatchTransfer?(batch: unknown, dataloaderIdx: number): unknown;
  /** Makes tensors of the arrays in a batch, in place of the module's own hook. */
  transferBatchToDevice?(batch: unknown, dataloaderIdx: number): unknown;
  /** After the batch's arrays became tensors. */
  onAfterBatchTransfer?(batch: Batch, dataloaderIdx: number): Batch;
  /** Told of an error that ends the run. */
  onException?(error: unknown): Awaitable<void>;
  /** What to keep in a checkpoint. */
  stateDict?(): StateDict;
  /** Takes back what {@link stateDict} gave. */
  loadStateDict?(state: StateDict): Awaitable<void>;
}

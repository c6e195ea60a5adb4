import type { Awaitable } from "../data/mod.ts";
import { show } from "../device/option_names.ts";
import { Callback, type LightningModule, type Trainer } from "../trainer/mod.ts";

/** When predictions are written. */
export type WriteInterval = "batch" | "epoch" | "batch_and_epoch";

const INTERVALS: readonly WriteInterval[] = ["batch", "epoch", "batch_and_epoch"];

/** Numbers of a batch's samples in the data set; `null` where the loader cannot tell. */
export type BatchIndices = readonly number[] | null;

/**
 * Writes predictions as they come, or all at the end: override {@link writeOnBatchEnd} or {@link writeOnEpochEnd}. With
 * `predict(…, { returnPredictions: false })` nothing keeps those of a batch but the writing at the end.
 *
 * @example
 * ```ts
 * import { BasePredictionWriter, type BatchIndices } from "@fulgurite/core/callbacks";
 * import type { LightningModule, Trainer } from "@fulgurite/core/trainer";
 * import type { Tensor } from "@fulgurite/core";
 *
 * class Writer extends BasePredictionWriter {
 *   override async writeOnBatchEnd(_: Trainer, __: LightningModule, y: unknown, of: BatchIndices): Promise<void> {
 *     console.log(of, await (y as Tensor).array());
 *   }
 * }
 * console.log(new Writer("batch").interval); // "batch"
 * ```
 */
export abstract class BasePredictionWriter extends Callback {
  /** When predictions are written. */
  readonly interval: WriteInterval;
  #upcoming: Iterator<ArrayLike<number>> | null = null;
  #indices: BatchIndices[][] = [];

  /**
   * Makes the callback.
   *
   * @param writeInterval `"batch"` (default), `"epoch"` or `"batch_and_epoch"`
   * @throws {TypeError} If it is none of them
   */
  constructor(writeInterval: WriteInterval = "batch") {
    super();
    if (!INTERVALS.includes(writeInterval)) {
      const allowed = INTERVALS.map((name) => `"${name}"`).join(" or ");
      throw new TypeError(
        `Cannot make a ${this.constructor.name}: writeInterval must be ${allowed}, got ${show(writeInterval)}`,
      );
    }
    this.interval = writeInterval;
  }

  /** What is written at the end is kept until then. */
  override get keepsPredictions(): boolean {
    return this.interval !== "batch";
  }

  /** Writes the prediction of a batch. */
  writeOnBatchEnd?(
    trainer: Trainer,
    module: LightningModule,
    prediction: unknown,
    batchIndices: BatchIndices,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Awaitable<void>;

  /** Writes all predictions, by loader and batch. */
  writeOnEpochEnd?(
    trainer: Trainer,
    module: LightningModule,
    predictions: readonly (readonly unknown[])[],
    batchIndices: readonly (readonly BatchIndices[])[],
  ): Awaitable<void>;

  /** Begins anew. */
  override onPredictEpochStart(): void {
    this.#indices = [];
  }

  /** Asks a loader for the order of its samples. */
  override onPredictBatchStart(
    trainer: Trainer,
    _module: LightningModule,
    _batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): void {
    if (batchIdx > 0) return;
    const loader = trainer.evalDataloaders[dataloaderIdx];
    const { epoch = 0 } = (loader.stateDict?.() ?? {}) as { epoch?: number };
    this.#upcoming = loader.batchIndices?.(epoch)?.[Symbol.iterator]() ?? null;
    this.#indices[dataloaderIdx] = [];
  }

  /** Writes a batch. */
  override async onPredictBatchEnd(
    trainer: Trainer,
    module: LightningModule,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): Promise<void> {
    const next = this.#upcoming?.next();
    const indices = next === undefined || next.done ? null : Array.from(next.value);
    this.#indices[dataloaderIdx].push(indices);
    if (this.interval === "epoch") return;
    await this.writeOnBatchEnd?.(trainer, module, outputs, indices, batch, batchIdx, dataloaderIdx);
  }

  /** Writes all. */
  override async onPredictEpochEnd(trainer: Trainer, module: LightningModule): Promise<void> {
    if (this.interval === "batch") return;
    await this.writeOnEpochEnd?.(trainer, module, trainer.predictions, this.#indices);
  }
}

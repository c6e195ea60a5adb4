import { checkOptions } from "../trainer/check_options.ts";
import {
  Callback,
  type LightningDataModule,
  type LightningModule,
  type LrFinder,
  type LrFindOptions,
  type ScaleBatchSizeOptions,
  type Trainer,
  type TrainerData,
  Tuner,
} from "../trainer/mod.ts";
import { lrRules, sizeRules } from "../trainer/tuner/tuner.ts";

/**
 * Looks for a learning rate when training begins, and trains with it. A resumed run has its rate already.
 *
 * @example
 * ```ts
 * import { LearningRateFinder } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * new Trainer({ callbacks: new LearningRateFinder({ minLr: 1e-6, numTraining: 50 }), logger: false });
 * ```
 */
export class LearningRateFinder extends Callback {
  readonly #options: LrFindOptions;
  #found: LrFinder | null = null;

  /**
   * Makes the callback.
   *
   * @param options Which rates are tried; as for `Tuner.lrFind`
   * @throws {TypeError} Naming each option that is wrong
   */
  constructor(options: LrFindOptions = {}) {
    super();
    this.#options = checkOptions("a LearningRateFinder", lrRules, options);
  }

  /** What was found, `null` before. */
  get optimalLr(): LrFinder | null {
    return this.#found;
  }

  /** It tries things first. */
  override get tuning(): boolean {
    return true;
  }

  /** Tries rates, and has the optimizer made anew with the one that was found. */
  override async onFitStart(trainer: Trainer, module: LightningModule): Promise<void> {
    if (trainer.ckptPath !== null || trainer.batchesSeen > 0) return;
    this.#found = await new Tuner(trainer).lrFind(module, trainer.data as TrainerData<unknown>, this.#options);
    if (this.#options.updateAttr !== false) await trainer.resetOptimizers();
  }
}

/**
 * Looks for the largest batch that memory holds when training begins, and trains with it. A resumed run has its size
 * already.
 *
 * @example
 * ```ts
 * import { BatchSizeFinder } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * new Trainer({ callbacks: new BatchSizeFinder({ mode: "binsearch", maxVal: 1024 }), logger: false });
 * ```
 */
export class BatchSizeFinder extends Callback {
  readonly #options: ScaleBatchSizeOptions;
  #found: number | null = null;

  /**
   * Makes the callback.
   *
   * @param options Which sizes are tried; as for `Tuner.scaleBatchSize`
   * @throws {TypeError} Naming each option that is wrong
   */
  constructor(options: ScaleBatchSizeOptions = {}) {
    super();
    this.#options = checkOptions("a BatchSizeFinder", sizeRules, options);
  }

  /** What was found, `null` before. */
  get optimalBatchSize(): number | null {
    return this.#found;
  }

  /** It tries things first. */
  override get tuning(): boolean {
    return true;
  }

  /** Tries sizes; the loaders are asked for afterwards. */
  override async onFitStart(trainer: Trainer, module: LightningModule): Promise<void> {
    if (trainer.ckptPath !== null || trainer.batchesSeen > 0) return;
    const { data } = trainer, given = data !== null && Object.keys(data).length > 0;
    const size = await new Tuner(trainer).scaleBatchSize(
      module,
      given ? data as LightningDataModule : null,
      this.#options,
    );
    if (!trainer.interrupted) this.#found = size;
  }
}

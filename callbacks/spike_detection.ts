import * as z from "zod";
import { exists, joinPath, readText, writeFileAtomic } from "../platform/mod.ts";
import { Tensor } from "../tensor/tensor.ts";
import { checkOptions } from "../trainer/check_options.ts";
import { checkState } from "../trainer/check_state.ts";
import { Callback, type LightningModule, type StateDict, type StepOutput, type Trainer } from "../trainer/mod.ts";

/** What a {@link SpikeDetection} takes for a spike. */
export interface SpikeDetectionOptions {
  /** Whether less (default) or more is better. */
  mode?: "min" | "max";
  /** Losses in the running mean; default 10. */
  window?: number;
  /** Batches of an epoch that are not judged; default 1. */
  warmup?: number;
  /** Least distance from the mean; default: any. */
  atol?: number | null;
  /** Least distance from the mean as a multiple of it; `null`: any. Default 2. */
  rtol?: number | null;
  /**
   * The file that lists the batches to leave out, or its folder; default `skip_batches.json` in the folder for logs.
   */
  excludeBatchesPath?: string | null;
  /** Whether a loss that is no finite number is a spike; default true. */
  finiteOnly?: boolean;
}

const positive = z.number().positive().nullable();
const rules = {
  mode: [z.enum(["min", "max"]).default("min"), '"min" or "max"'],
  window: [z.int().min(1).default(10), "a whole number from 1 on"],
  warmup: [z.int().min(0).default(1), "a whole number from 0 on"],
  atol: [positive.default(null), "a number above 0 or null"],
  rtol: [positive.default(2), "a number above 0 or null"],
  excludeBatchesPath: [z.string().min(1).nullable().default(null), "the path of a file or folder, or null"],
  finiteOnly: [z.boolean().default(true), "true or false"],
} as const;

const number = z.number().or(z.nan()).or(z.literal([Infinity, -Infinity]));
const savedState = z.object({ lastLoss: number, losses: z.array(number), badBatches: z.array(z.int()) });

/** A loss has jumped: the batch, and the one before it, are listed in a file. */
export class TrainingSpikeError extends Error {
  /** Name of the class. */
  override name = "TrainingSpikeError";
  /** The batch's number in its epoch. */
  readonly batchIdx: number;

  /**
   * The callback makes it.
   *
   * @param message What was seen
   * @param batchIdx The batch's number in its epoch
   */
  constructor(message: string, batchIdx: number) {
    super(message);
    this.batchIdx = batchIdx;
  }
}

/**
 * Ends training when the loss jumps away from its running mean: writes the numbers of this batch and the one before to
 * a JSON file, so that they can be left out, and throws a {@link TrainingSpikeError}. It reads the loss of every batch,
 * which waits for the device.
 *
 * @example
 * ```ts
 * import { SpikeDetection } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * new Trainer({ callbacks: new SpikeDetection({ warmup: 100, rtol: 5 }), logger: false });
 * ```
 */
export class SpikeDetection extends Callback {
  readonly #options: ReturnType<typeof checkOptions<typeof rules>>;
  #losses: number[] = [];
  #lastLoss = 0;
  #badBatches: number[] = [];

  /**
   * Makes the callback.
   *
   * @param options What is a spike
   * @throws {TypeError} Naming each option that is wrong
   */
  constructor(options: SpikeDetectionOptions = {}) {
    super();
    this.#options = checkOptions("a SpikeDetection", rules, options);
  }

  /** The batches that were listed, by their numbers in the epoch. */
  get badBatches(): readonly number[] {
    return this.#badBatches;
  }

  /** Judges the loss of a batch. */
  override async onTrainBatchEnd(
    trainer: Trainer,
    _module: LightningModule,
    outputs: StepOutput,
    _batch: unknown,
    batchIdx: number,
  ): Promise<void> {
    const given = outputs instanceof Tensor ? outputs : (outputs as { loss?: unknown } | null | undefined)?.loss;
    if (!(given instanceof Tensor)) return;
    const loss = await given.item(), { warmup, window } = this.#options;
    if (batchIdx >= warmup && this.#isSpike(loss)) {
      const path = await this.#list(trainer, batchIdx);
      throw new TrainingSpikeError(
        `Training stopped at batch ${batchIdx} of epoch ${trainer.currentEpoch}: the loss is ${loss}, its running mean ` +
          `${this.#mean}; ${path} lists the batches to leave out`,
        batchIdx,
      );
    }
    if (!Number.isFinite(loss)) return; // nothing stands away from a mean that is none
    this.#losses = [...this.#losses, loss].slice(-window);
    this.#lastLoss = loss;
  }

  /** The losses of the window. */
  override stateDict(): StateDict {
    return { lastLoss: this.#lastLoss, losses: this.#losses, badBatches: this.#badBatches };
  }

  /** Takes them back. */
  override loadStateDict(state: StateDict): void {
    const { lastLoss, losses, badBatches } = checkState("the SpikeDetection", savedState, state);
    [this.#lastLoss, this.#losses, this.#badBatches] = [lastLoss, losses, badBatches];
  }

  get #mean(): number {
    return this.#losses.reduce((sum, loss) => sum + loss, 0) / this.#losses.length;
  }

  #isSpike(loss: number): boolean {
    const { mode, atol, rtol, finiteOnly } = this.#options;
    if (finiteOnly && !Number.isFinite(loss)) return true;
    if (this.#losses.length === 0) return false;
    const change = loss - this.#lastLoss, mean = this.#mean, distance = Math.abs(loss - mean);
    if (mode === "min" ? change <= 0 : change >= 0) return false;
    return (atol === null || distance >= atol) && (rtol === null || distance >= Math.abs(rtol * mean));
  }

  /** Adds the batch and the one before it to the file. */
  async #list(trainer: Trainer, batchIdx: number): Promise<string> {
    const given = this.#options.excludeBatchesPath ?? trainer.logDir;
    const path = given.endsWith(".json") ? given : joinPath(given, "skip_batches.json");
    const bad = [batchIdx - 1, batchIdx].filter((index) => index >= 0);
    const before = await exists(path) ? JSON.parse(await readText(path)) as unknown : [];
    if (!Array.isArray(before)) throw new TypeError(`Cannot list bad batches in ${path}: it must hold a list`);
    this.#badBatches = [...new Set([...before.filter(Number.isInteger) as number[], ...bad])];
    await writeFileAtomic(path, new TextEncoder().encode(JSON.stringify(this.#badBatches) + "\n"));
    return path;
  }
}

import * as z from "zod";
import { CombinedLoader, DataLoader, LightningDataModule } from "../../data/mod.ts";
import { device, OutOfMemoryError } from "../../device/mod.ts";
import { writeErr } from "../../platform/mod.ts";
import { checkOptions } from "../check_options.ts";
import type { LightningModule } from "../lightning_module.ts";
import type { TrainerData } from "../entry_call.ts";
import type { Trainer } from "../trainer.ts";
import { workOf } from "../trainer_status.ts";
import { LrFinder, type LrFindOptions, RateTrial } from "./lr_finder.ts";
import { holdersOf, tryTraining, undoing } from "./trial.ts";

/** How batch sizes are tried. */
export interface ScaleBatchSizeOptions {
  /** `"power"` (default) doubles until memory ends, `"binsearch"` then looks between the last two. */
  mode?: "power" | "binsearch";
  /** Optimizer steps of a trial; default 3. */
  stepsPerTrial?: number;
  /** The first size; default 2. */
  initVal?: number;
  /** The most trials; default 25. */
  maxTrials?: number;
  /** The attribute of the module or of the data module that says the size; default `"batchSize"`. */
  batchArgName?: string;
  /** Share by which `"binsearch"` stays below what it found; default 0.05. */
  margin?: number;
  /** The largest size; default 8192. */
  maxVal?: number;
}

const positive = z.number().positive();
const count = z.int().min(1);
const COUNT = "a whole number from 1 on";
/** The options of a search for a learning rate. */
export const lrRules = {
  minLr: [positive.default(1e-8), "a number above 0"],
  maxLr: [positive.default(1), "a number above 0"],
  numTraining: [count.default(100), COUNT],
  mode: [z.enum(["exponential", "linear"]).default("exponential"), '"exponential" or "linear"'],
  earlyStopThreshold: [positive.nullable().default(4), "a number above 0 or null"],
  updateAttr: [z.boolean().default(true), "true or false"],
  attrName: [z.string().default(""), "the name of an attribute"],
} as const;
/** The options of a search for a batch size. */
export const sizeRules = {
  mode: [z.enum(["power", "binsearch"]).default("power"), '"power" or "binsearch"'],
  stepsPerTrial: [count.default(3), COUNT],
  initVal: [count.default(2), COUNT],
  maxTrials: [count.default(25), COUNT],
  batchArgName: [z.string().min(1).default("batchSize"), "the name of an attribute"],
  margin: [z.number().min(0).lt(1).default(0.05), "a share from 0 to below 1"],
  maxVal: [count.default(8192), COUNT],
} as const;

/**
 * Tries things before training: which learning rate, and how large a batch. Weights, buffers and random numbers are
 * afterwards what they were, bit for bit.
 *
 * @example
 * ```ts
 * import { init, mean, type Tensor, tensor } from "@fulgurite/core";
 * import { Linear } from "@fulgurite/core/nn";
 * import { type Optimizer, SGD } from "@fulgurite/core/optim";
 * import { LightningModule, Trainer, Tuner } from "@fulgurite/core/trainer";
 *
 * await init();
 * class Model extends LightningModule<Tensor> {
 *   lr = 0.1;
 *   layer = new Linear(2, 1);
 *   override trainingStep(x: Tensor): Tensor {
 *     return mean(this.layer.forward(x).sub(1).square());
 *   }
 *   override configureOptimizers(): Optimizer {
 *     return new SGD(this.parameters(), { lr: this.lr });
 *   }
 * }
 * const model = new Model(), data = [tensor([[1, 2.5], [3, 4]])];
 * const tuner = new Tuner(new Trainer({ logger: false, enableProgressBar: false, enableCheckpointing: false }));
 * const finder = await tuner.lrFind(model, data, { numTraining: 40 });
 * console.log(finder.suggestion() === model.lr); // true
 * ```
 */
export class Tuner {
  readonly #trainer: Trainer;

  /**
   * Makes a tuner.
   *
   * @param trainer Whose options trials have: precision, accumulation, limits
   */
  constructor(trainer: Trainer) {
    this.#trainer = trainer;
  }

  /**
   * Trains a little with a rate that grows from step to step, and looks where the loss falls fastest (Smith 2017). What
   * it finds becomes the module's `lr` or `learningRate`, as attribute and as hyperparameter.
   * An interrupted search changes no attribute, and leaves the trainer's state at `"interrupted"`. Under `fastDevRun`
   * nothing is looked for.
   *
   * @param module The model
   * @param data As `fit` takes it
   * @param options Which rates
   * @returns The losses by rate, with the suggestion and a plot
   * @throws {TypeError} Naming each option that is wrong, or if there is no attribute for the rate that is found
   * @throws {RangeError} If `minLr` is not below `maxLr`
   */
  async lrFind<Batch>(
    module: LightningModule<Batch>,
    data?: TrainerData<Batch>,
    options: LrFindOptions = {},
  ): Promise<LrFinder> {
    const { updateAttr, attrName, ...rates } = checkOptions("a search for a learning rate", lrRules, options);
    const names = attrName === "" ? ["lr", "learningRate"] : [attrName];
    const holders = holdersOf(names, [module]);
    if (rates.minLr >= rates.maxLr) {
      throw new RangeError(
        `Cannot look for a learning rate: minLr must be below maxLr, got ${rates.minLr} and ${rates.maxLr}`,
      );
    }
    if (holders.length === 0 && (updateAttr || attrName !== "")) {
      throw new TypeError(
        `Cannot look for a learning rate: ${module.constructor.name} must have a number ${
          names.join(" or ")
        }, it has ` +
          "none; name another in attrName, or set updateAttr to false",
      );
    }
    if (this.#skips("learning rate")) return new LrFinder([], [], rates.mode);
    const trial = new RateTrial(rates);
    const trainer = this.#trainer, steps = rates.numTraining;
    const { state } = await undoing(
      module,
      data,
      () => tryTraining({ trainer, module, data, steps, callbacks: [trial] }),
    );
    const finder = new LrFinder(trial.lrs, trial.losses, rates.mode);
    const found = finder.suggestion();
    if (state === "interrupted") return finder;
    this.#tell(
      `Learning rate: ${found === null ? "none" : `${found.toPrecision(4)},`} found in ${finder.lrs.length} steps`,
    );
    if (updateAttr && found !== null) {
      for (const { owner, name } of holders) owner[name] = found;
    }
    return finder;
  }

  /**
   * Looks for the largest batch that memory holds, up to all samples, and sets `batchSize` of the data module or of the
   * module to it, as attribute and as hyperparameter. Its `trainDataloader` has to make the loader by that number. An
   * interrupted search leaves the size as it was, and the trainer's state at `"interrupted"`. Under `fastDevRun`
   * nothing is looked for.
   *
   * @param module The model
   * @param data A data module; none if the module has its own loaders
   * @param options Which sizes
   * @returns The size
   * @throws {TypeError} If nobody has the attribute, or the data is a loader, whose size is fixed
   * @throws {OutOfMemoryError} If not even one item fits
   */
  async scaleBatchSize<Batch>(
    module: LightningModule<Batch>,
    data?: LightningDataModule<Batch> | null,
    options: ScaleBatchSizeOptions = {},
  ): Promise<number> {
    const checked = checkOptions("a search for a batch size", sizeRules, options);
    const { batchArgName, initVal, maxVal, stepsPerTrial } = checked;
    if (data && !(data instanceof LightningDataModule)) {
      throw new TypeError(
        "Cannot look for a batch size: it needs a data module or trainDataloader, a loader has its own size",
      );
    }
    // Where both have the number, nobody can tell which of them trainDataloader goes by.
    const holders = holdersOf([batchArgName], [module, data]);
    const resize = (size: (i: number) => unknown) => holders.forEach(({ owner, name }, i) => owner[name] = size(i));
    if (holders.length === 0) {
      throw new TypeError(
        `Cannot look for a batch size: ${module.constructor.name} or its data module must have a number ${batchArgName}`,
      );
    }
    if (this.#skips("batch size")) return holders[0].owner[batchArgName] as number;
    let samples = Infinity;
    const fits = async (size: number): Promise<Outcome> => {
      resize(() => size);
      try {
        const trainer = await tryTraining({ trainer: this.#trainer, module, data, steps: stepsPerTrial });
        if (trainer.state === "interrupted") return "interrupted";
        samples = samplesOf(workOf(trainer).loop?.loaders.train.loader);
        this.#tell(`Batch size ${size} fits`);
        return trainer.numTrainingBatches <= 1 ? "all" : "fits";
      } catch (error) {
        const cause = error instanceof Error && error.cause instanceof OutOfMemoryError ? error.cause : error;
        if (!(cause instanceof OutOfMemoryError)) throw error;
        this.#tell(`Batch size ${size} is more than memory holds`);
        return cause;
      } finally {
        await device().sync().catch(() => {}); // what went wrong in the trial is known
        device().pool.trim();
      }
    };
    return await undoing(module, data, async () => {
      const first = holders.map(({ owner, name }) => owner[name] as number);
      let found: number | null = null;
      try {
        found = await largest(Math.min(initVal, maxVal), checked, fits, () => samples);
      } finally {
        resize((i) => found ?? first[i]);
      }
      if (found !== null) this.#tell(`Batch size: ${found}`);
      return found ?? first[0];
    });
  }

  /** Whether the trainer is to run a few batches alone, which tell nothing; says so. */
  #skips(what: string): boolean {
    const skips = this.#trainer.options.fastDevRun !== false;
    if (skips) writeErr(`Warning: fastDevRun is set: no ${what} is looked for\n`);
    return skips;
  }

  /** Says how far a search is, where a bar would be shown. */
  #tell(line: string): void {
    if (this.#trainer.options.enableProgressBar) writeErr(`${line}\n`);
  }
}

/** How many samples a loader reads, the most where it walks several data sets; `Infinity` where it does not tell. */
function samplesOf(loader: unknown): number {
  if (loader instanceof CombinedLoader) return Math.max(...Object.values(loader.loaders).map(samplesOf));
  return loader instanceof DataLoader ? loader.dataset.length ?? Infinity : Infinity;
}

/** What became of a trial of a size; `"all"`: a batch of everything fits. */
type Outcome = "fits" | "all" | "interrupted" | OutOfMemoryError;

/**
 * The largest size that fits, by doubling and, if wanted, halving what is left open; `null` where the user ended it.
 */
async function largest(
  first: number,
  { mode, maxTrials, maxVal, margin }: Required<
    Pick<ScaleBatchSizeOptions, "mode" | "maxTrials" | "maxVal" | "margin">
  >,
  fits: (size: number) => Promise<Outcome>,
  samples: () => number,
): Promise<number | null> {
  let good = 0, bad = Infinity, size = first;
  for (let trial = 0; trial < maxTrials; trial++) {
    const result = await fits(size);
    if (result === "interrupted") return null;
    if (result instanceof OutOfMemoryError) {
      if (size === 1) throw result;
      bad = size;
    } else {
      good = Math.min(size, samples());
      // A batch of everything is as large as it gets.
      if (result === "all" || size >= Math.min(maxVal, samples())) break;
    }
    if (bad === Infinity) size = Math.min(2 * size, maxVal, samples());
    else if (good === 0) size = Math.max(1, size >> 1);
    else if (mode === "power" || bad - good <= 1) break;
    else size = (good + bad) >> 1;
  }
  return mode === "binsearch" && bad < Infinity ? Math.max(1, Math.floor(good * (1 - margin))) : Math.max(1, good);
}

import { dirname, makeDir, writeFile } from "../../platform/mod.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { Callback } from "../callback.ts";
import type { LightningModule } from "../lightning_module.ts";
import type { StepOutput } from "../module_hooks.ts";
import type { Trainer } from "../trainer.ts";
import { drawLearningRates } from "./_plot.ts";

/** How rates are tried. */
export interface LrFindOptions {
  /** The first rate; default 1e-8. */
  minLr?: number;
  /** The last rate; default 1. */
  maxLr?: number;
  /** Optimizer steps, each with a rate of its own; default 100. */
  numTraining?: number;
  /** How rates grow; default `"exponential"`. */
  mode?: "exponential" | "linear";
  /** Stop when the smoothed loss is so many times the best; `null`: never. Default 4. */
  earlyStopThreshold?: number | null;
  /** Whether the suggestion becomes the module's `lr` or `learningRate`, which it must have then; default true. */
  updateAttr?: boolean;
  /** The name of that attribute. */
  attrName?: string;
}

/** The loss against the learning rate, and which rate that speaks for. */
export class LrFinder {
  /** The rates that were tried. */
  readonly lrs: readonly number[];
  /** The smoothed loss after a step with each. */
  readonly losses: readonly number[];
  readonly #exponential: boolean;

  /**
   * A `Tuner` makes it.
   *
   * @param lrs The rates
   * @param losses The smoothed loss of each
   * @param mode How the rates grow
   */
  constructor(lrs: readonly number[], losses: readonly number[], mode: "exponential" | "linear" = "exponential") {
    this.lrs = lrs;
    this.losses = losses;
    this.#exponential = mode === "exponential";
  }

  /**
   * The rate at which the loss falls most steeply.
   *
   * @param options Points to leave out at the beginning (default 10) and at the end (default 1)
   * @returns The rate, or `null` where too few losses are numbers, or all are the same
   */
  suggestion({ skipBegin = 10, skipEnd = 1 }: { skipBegin?: number; skipEnd?: number } = {}): number | null {
    const points = this.lrs.map((lr, i) => ({ lr, x: this.#exponential ? Math.log10(lr) : lr, loss: this.losses[i] }))
      .slice(skipBegin, Math.max(0, this.lrs.length - skipEnd)).filter(({ loss }) => Number.isFinite(loss));
    if (points.length < 2) return null;
    const losses = points.map(({ loss }) => loss);
    // What differs by roundings alone falls nowhere.
    if (Math.max(...losses) - Math.min(...losses) <= ROUNDINGS * Math.max(...losses.map(Math.abs))) return null;
    let steepest = 0, least = Infinity;
    for (const i of points.keys()) {
      // Central differences within, as numpy.gradient takes them for points at these places.
      const before = points[Math.max(0, i - 1)], here = points[i], after = points[Math.min(points.length - 1, i + 1)];
      const left = here.x - before.x, right = after.x - here.x;
      const slope = left === 0
        ? (after.loss - here.loss) / right
        : right === 0
        ? (here.loss - before.loss) / left
        : (left ** 2 * (after.loss - here.loss) + right ** 2 * (here.loss - before.loss)) /
          (left * right * (left + right));
      if (slope < least) [least, steepest] = [slope, i];
    }
    return points[steepest].lr;
  }

  /**
   * The loss against the rate, as a picture with the suggestion marked.
   *
   * @returns The text of an SVG file
   */
  plot(): string {
    return drawLearningRates(this.lrs, this.losses, this.suggestion(), this.#exponential);
  }

  /**
   * Writes {@link plot} to a file, whose folder is made where there is none.
   *
   * @param path The file, by custom `*.svg`
   */
  async savePlot(path: string): Promise<void> {
    await makeDir(dirname(path));
    await writeFile(path, this.plot());
  }
}

/** Sets the rate before each step, and notes the loss after it. */
export class RateTrial extends Callback {
  readonly lrs: number[] = [];
  readonly losses: number[] = [];
  readonly #options: Required<Omit<LrFindOptions, "updateAttr" | "attrName">>;
  #average = 0;
  #best = Infinity;

  /** @param options Which rates, and when to stop */
  constructor(options: Required<Omit<LrFindOptions, "updateAttr" | "attrName">>) {
    super();
    this.#options = options;
  }

  override onTrainStart(trainer: Trainer): void {
    trainer.lrSchedulerConfigs = [];
  }

  override onTrainBatchStart(trainer: Trainer): void {
    const lr = this.#rate(trainer.globalStep);
    for (const { paramGroups } of trainer.optimizers) for (const group of paramGroups) group.lr = lr;
  }

  override async onTrainBatchEnd(trainer: Trainer, module: LightningModule, outputs: StepOutput): Promise<void> {
    const steps = trainer.globalStep;
    if (steps <= this.lrs.length) return;
    const loss = outputs instanceof Tensor ? outputs : (outputs as { loss?: Tensor } | null | undefined)?.loss;
    if (!(loss instanceof Tensor)) {
      throw new TypeError(
        `Cannot look for a learning rate: trainingStep of ${module.constructor.name} must return the loss of each batch`,
      );
    }
    // The exponential average of the losses, without its pull towards the zero that it begins with.
    this.#average = SMOOTHING * this.#average + (1 - SMOOTHING) * await loss.item();
    const smoothed = this.#average / (1 - SMOOTHING ** steps);
    this.lrs.push(this.#rate(steps - 1));
    this.losses.push(smoothed);
    const { earlyStopThreshold } = this.#options;
    if (steps > 1 && earlyStopThreshold !== null && !(smoothed <= earlyStopThreshold * this.#best)) {
      trainer.shouldStop = true;
    }
    if (smoothed < this.#best) this.#best = smoothed;
  }

  #rate(step: number): number {
    const { minLr, maxLr, numTraining, mode } = this.#options;
    const share = numTraining === 1 ? 1 : step / (numTraining - 1);
    return mode === "exponential" ? minLr * (maxLr / minLr) ** share : minLr + (maxLr - minLr) * share;
  }
}

const SMOOTHING = 0.98, ROUNDINGS = 1e-6;

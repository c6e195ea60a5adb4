import { checkNames } from "../../device/option_names.ts";
import { LRScheduler, type ScheduledOptimizer, type SchedulerState } from "./scheduler.ts";

/** Options of {@link ReduceLROnPlateau}. */
export interface ReduceLROnPlateauOptions {
  /** Whether the metric should fall or rise; default `"min"`. */
  mode?: "min" | "max";
  /** Factor of the rates when it does not; default 0.1. */
  factor?: number;
  /** Steps without improvement that are let pass; default 10. */
  patience?: number;
  /** What counts as an improvement; default 1e-4. */
  threshold?: number;
  /** Whether the threshold is a share of the best value (default) or a difference. */
  thresholdMode?: "rel" | "abs";
  /** Steps after a reduction in which nothing is counted; default 0. */
  cooldown?: number;
  /** The smallest rate, one for all groups or one for each; default 0. */
  minLr?: number | readonly number[];
  /** Smaller changes of a rate are not made; default 1e-8. */
  eps?: number;
}

/**
 * Reduces the rates when a metric stops improving. NaN is no improvement.
 *
 * @example
 * ```ts
 * import { init, zeros } from "@fulgurite/core";
 * import { ReduceLROnPlateau, SGD } from "@fulgurite/core/optim";
 *
 * await init();
 * const optimizer = new SGD([zeros([1], { requiresGrad: true })], { lr: 0.1 });
 * const scheduler = new ReduceLROnPlateau(optimizer, { patience: 1, factor: 0.5 });
 * for (const loss of [1, 0.5, 0.5, 0.5]) scheduler.step(loss);
 * console.log(scheduler.getLastLr()); // [0.05]
 * ```
 */
export class ReduceLROnPlateau extends LRScheduler {
  /** The best value so far. */
  best: number;
  /** Steps without improvement since the best value or the last reduction. */
  numBadEpochs = 0;
  /** Steps left in which nothing is counted. */
  cooldownCounter = 0;
  readonly #options: Required<Omit<ReduceLROnPlateauOptions, "minLr">>;
  readonly #minLrs: readonly number[];

  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer
   * @param options What to watch for, and what to do
   */
  constructor(optimizer: ScheduledOptimizer, options: ReduceLROnPlateauOptions = {}) {
    super(optimizer);
    checkNames("make ReduceLROnPlateau", options, {
      mode: true,
      factor: true,
      patience: true,
      threshold: true,
      thresholdMode: true,
      cooldown: true,
      minLr: true,
      eps: true,
    });
    const { mode = "min", factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = "rel" } = options;
    const { cooldown = 0, minLr = 0, eps = 1e-8 } = options;
    this.require(factor < 1, "factor", "less than 1", factor);
    this.require(mode === "min" || mode === "max", "mode", '"min" or "max"', mode);
    this.require(thresholdMode === "rel" || thresholdMode === "abs", "thresholdMode", '"rel" or "abs"', thresholdMode);
    this.#options = { mode, factor, patience, threshold, thresholdMode, cooldown, eps };
    this.#minLrs = this.perGroup(minLr, "minLr");
    this.best = mode === "min" ? Infinity : -Infinity;
    this.lastEpoch = 0;
    this.lastLr = this.current;
  }

  /**
   * Looks at the metric, and reduces the rates if it has not improved for too long.
   *
   * @param metric The metric's value
   * @throws {TypeError} If it is not given
   */
  override step(metric?: number): void {
    if (metric === undefined) throw new TypeError("Cannot step ReduceLROnPlateau: it needs the metric, got none");
    this.lastEpoch++;
    if (this.#improves(metric)) {
      this.best = metric;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > this.#options.patience) {
      this.apply(this.rates());
      this.cooldownCounter = this.#options.cooldown;
      this.numBadEpochs = 0;
    }
    this.lastLr = this.current;
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    return this.current.map((lr, i) => {
      const reduced = Math.max(lr * this.#options.factor, this.#minLrs[i]);
      return lr - reduced > this.#options.eps ? reduced : lr;
    });
  }

  #improves(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options;
    const { best } = this;
    if (mode === "min") return metric < (thresholdMode === "rel" ? best * (1 - threshold) : best - threshold);
    return metric > (thresholdMode === "rel" ? best * (1 + threshold) : best + threshold);
  }

  /** What is needed to go on from here; it can be written as JSON. */
  override stateDict(): SchedulerState {
    const { best, numBadEpochs, cooldownCounter } = this;
    return { ...super.stateDict(), best, numBadEpochs, cooldownCounter };
  }

  /** Goes on from what `stateDict` gave. */
  override loadStateDict(state: SchedulerState): void {
    super.loadStateDict(state);
    this.best = this.number(state, "best");
    this.numBadEpochs = this.number(state, "numBadEpochs");
    this.cooldownCounter = this.number(state, "cooldownCounter");
  }
}

import { checkNames } from "../../device/option_names.ts";
import { LRScheduler, type ScheduledOptimizer, type SchedulerState } from "./scheduler.ts";

/** Options of {@link CosineAnnealingLR}. */
export interface CosineAnnealingLROptions {
  /** Steps from the largest rate to the smallest. */
  tMax: number;
  /** The smallest rate; default 0. */
  etaMin?: number;
}

/**
 * Lets the rates fall along half a cosine, and rise again after `tMax` steps.
 *
 * lr(t) = etaMin + (lr₀ − etaMin)·(1 + cos(πt / tMax)) / 2 (Loshchilov and Hutter, "SGDR", 2016, without restarts).
 *
 * @example
 * ```ts
 * import { init, zeros } from "@fulgurite/core";
 * import { Adam, CosineAnnealingLR } from "@fulgurite/core/optim";
 *
 * await init();
 * const optimizer = new Adam([zeros([1], { requiresGrad: true })], { lr: 0.1 });
 * const scheduler = new CosineAnnealingLR(optimizer, { tMax: 10 });
 * for (let step = 0; step < 5; step++) scheduler.step();
 * console.log(scheduler.getLastLr()); // about [0.05]
 * ```
 */
export class CosineAnnealingLR extends LRScheduler {
  readonly #tMax: number;
  readonly #etaMin: number;

  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer
   * @param options How long and how far
   */
  constructor(optimizer: ScheduledOptimizer, options: CosineAnnealingLROptions) {
    super(optimizer);
    checkNames(`make ${this.constructor.name}`, options, { tMax: true, etaMin: true });
    const { tMax, etaMin = 0 } = options;
    this.require(tMax > 0, "tMax", "greater than 0", tMax);
    this.#tMax = tMax;
    this.#etaMin = etaMin;
    this.step();
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    const t = this.lastEpoch, tMax = this.#tMax, min = this.#etaMin;
    if (t === 0) return this.current;
    if (this.stepCount === 1) return this.closedForm();
    if ((t - 1 - tMax) % (2 * tMax) === 0) {
      // A group that was added later has no rate to begin from.
      const rise = (1 - Math.cos(Math.PI / tMax)) / 2;
      return this.current.map((lr, i) => lr + ((this.baseLrs[i] ?? min) - min) * rise);
    }
    const ratio = (1 + Math.cos(Math.PI * t / tMax)) / (1 + Math.cos(Math.PI * (t - 1) / tMax));
    return this.current.map((lr) => ratio * (lr - min) + min);
  }

  /** Rates by group for the present step, without those before. */
  protected override closedForm(): number[] {
    const wave = (1 + Math.cos(this.lastEpoch * Math.PI / this.#tMax)) / 2;
    return this.baseLrs.map((lr) => this.#etaMin + (lr - this.#etaMin) * wave);
  }
}

/** Options of {@link CosineAnnealingWarmRestarts}. */
export interface CosineAnnealingWarmRestartsOptions {
  /** Steps of the first period. */
  t0: number;
  /** How many times longer each period is than the one before, a whole number; default 1. */
  tMult?: number;
  /** The smallest rate; default 0. */
  etaMin?: number;
}

/** Lets the rates fall along half a cosine again and again (Loshchilov and Hutter, "SGDR", 2016). */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  readonly #t0: number;
  readonly #tMult: number;
  readonly #etaMin: number;
  #period: number;
  #place: number;

  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer
   * @param options Length of the periods, and how far
   */
  constructor(optimizer: ScheduledOptimizer, options: CosineAnnealingWarmRestartsOptions) {
    super(optimizer);
    checkNames(`make ${this.constructor.name}`, options, { t0: true, tMult: true, etaMin: true });
    const { t0, tMult = 1, etaMin = 0 } = options;
    this.require(Number.isInteger(t0) && t0 > 0, "t0", "a whole number from 1 on", t0);
    this.require(Number.isInteger(tMult) && tMult > 0, "tMult", "a whole number from 1 on", tMult);
    this.#t0 = t0;
    this.#tMult = tMult;
    this.#etaMin = etaMin;
    this.#period = t0;
    this.#place = -1;
    this.step();
  }

  /** Sets the rates of the next step. */
  override step(_metric?: number): void {
    this.#place++;
    if (this.#place >= this.#period) {
      this.#place %= this.#period;
      this.#period *= this.#tMult;
    }
    super.step();
  }

  /** Begins anew at step 0, in a sequence whose turn has come. */
  override restart(): void {
    this.#place = 0;
    this.#period = this.#t0;
    super.restart();
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    const wave = (1 + Math.cos(Math.PI * this.#place / this.#period)) / 2;
    return this.baseLrs.map((lr) => this.#etaMin + (lr - this.#etaMin) * wave);
  }

  /** What is needed to go on from here; it can be written as JSON. */
  override stateDict(): SchedulerState {
    return { ...super.stateDict(), tCur: this.#place, tI: this.#period };
  }

  /** Goes on from what `stateDict` gave. */
  override loadStateDict(state: SchedulerState): void {
    super.loadStateDict(state);
    this.#place = this.number(state, "tCur");
    this.#period = this.number(state, "tI");
  }
}

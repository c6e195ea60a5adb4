import { checkNames } from "../../device/option_names.ts";
import { LRScheduler, type ScheduledOptimizer } from "./scheduler.ts";
import { SequentialLR } from "./combined.ts";

/** Options of {@link ConstantLR}. */
export interface ConstantLROptions {
  /** Factor of the rates at first; default 1/3. */
  factor?: number;
  /** Steps after which they are whole; default 5. */
  totalIters?: number;
}

/** Reduces the rates by a factor for some steps. */
export class ConstantLR extends LRScheduler {
  readonly #factor: number;
  readonly #totalIters: number;

  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer
   * @param options By what and how long
   */
  constructor(optimizer: ScheduledOptimizer, options: ConstantLROptions = {}) {
    super(optimizer);
    checkNames(`make ${this.constructor.name}`, options, { factor: true, totalIters: true });
    const { factor = 1 / 3, totalIters = 5 } = options;
    this.require(factor >= 0 && factor <= 1, "factor", "from 0 to 1", factor);
    this.#factor = factor;
    this.#totalIters = totalIters;
    this.step();
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    if (this.lastEpoch === 0) return this.current.map((lr) => lr * this.#factor);
    return this.lastEpoch === this.#totalIters ? this.current.map((lr) => lr * (1 / this.#factor)) : this.current;
  }

  /** Rates by group for the present step, without those before. */
  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * (this.lastEpoch >= this.#totalIters ? 1 : this.#factor));
  }
}

/** Options of {@link LinearLR}. */
export interface LinearLROptions {
  /** Factor of the rates at first; default 1/3. */
  startFactor?: number;
  /** Factor at the end; default 1. */
  endFactor?: number;
  /** Steps from one to the other; default 5. */
  totalIters?: number;
}

/** Changes the rates linearly from one factor to another: a warm-up, or a decay. */
export class LinearLR extends LRScheduler {
  readonly #start: number;
  readonly #end: number;
  readonly #totalIters: number;

  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer
   * @param options From where, to where, and how long
   */
  constructor(
    optimizer: ScheduledOptimizer,
    options: LinearLROptions = {},
  ) {
    super(optimizer);
    checkNames(`make ${this.constructor.name}`, options, { startFactor: true, endFactor: true, totalIters: true });
    const { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = options;
    this.require(startFactor > 0 && startFactor <= 1, "startFactor", "greater than 0 and at most 1", startFactor);
    this.require(endFactor >= 0 && endFactor <= 1, "endFactor", "from 0 to 1", endFactor);
    this.require(totalIters > 0, "totalIters", "greater than 0", totalIters);
    this.#start = startFactor;
    this.#end = endFactor;
    this.#totalIters = totalIters;
    this.step();
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    const t = this.lastEpoch, total = this.#totalIters, rise = this.#end - this.#start;
    if (t === 0) return this.current.map((lr) => lr * this.#start);
    if (t > total) return this.current;
    return this.current.map((lr) => lr * (1 + rise / (total * this.#start + (t - 1) * rise)));
  }

  /** Rates by group for the present step, without those before. */
  protected override closedForm(): number[] {
    const part = Math.min(this.#totalIters, this.lastEpoch) / this.#totalIters;
    return this.baseLrs.map((lr) => lr * (this.#start + (this.#end - this.#start) * part));
  }
}

/** Options of {@link linearWarmup}. */
export interface LinearWarmupOptions {
  /** Steps until the rates are whole. */
  steps: number;
  /** Factor of the rates at first; default 1 / steps. */
  startFactor?: number;
  /** Makes the schedule that follows; it begins at its own step 0 when the warm-up is over. */
  then?: (optimizer: ScheduledOptimizer) => LRScheduler;
}

/**
 * A warm-up: the rates rise linearly, then another schedule takes over, if there is one.
 *
 * @param optimizer The optimizer
 * @param options How long, from where, and what follows
 * @returns The scheduler to step
 *
 * @example
 * ```ts
 * import { init, zeros } from "@fulgurite/core";
 * import { Adam, CosineAnnealingLR, linearWarmup } from "@fulgurite/core/optim";
 *
 * await init();
 * const optimizer = new Adam([zeros([1], { requiresGrad: true })], { lr: 0.1 });
 * const scheduler = linearWarmup(optimizer, {
 *   steps: 10,
 *   then: (optimizer) => new CosineAnnealingLR(optimizer, { tMax: 90 }),
 * });
 * for (let step = 0; step < 10; step++) scheduler.step();
 * console.log(scheduler.getLastLr()); // [0.1]
 * ```
 */
export function linearWarmup(
  optimizer: ScheduledOptimizer,
  { steps, startFactor = 1 / steps, then }: LinearWarmupOptions,
): LRScheduler {
  const warmup = new LinearLR(optimizer, { startFactor, totalIters: steps });
  if (then === undefined) return warmup;
  return new SequentialLR(optimizer, { schedulers: [warmup, then(optimizer)], milestones: [steps] });
}

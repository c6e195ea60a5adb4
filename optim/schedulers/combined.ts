import { LRScheduler, type ScheduledOptimizer, type SchedulerState } from "./scheduler.ts";

/** Options of {@link SequentialLR}. */
export interface SequentialLROptions {
  /** The schedules, one after the other, all on the same optimizer. */
  schedulers: readonly LRScheduler[];
  /** Steps at which the next one takes over; one less than there are schedules. */
  milestones: readonly number[];
}

/** A scheduler made of others. */
export abstract class CombinedLR extends LRScheduler {
  /** The parts. */
  protected readonly schedulers: readonly LRScheduler[];

  /**
   * Takes over the parts.
   *
   * @param optimizer The optimizer
   * @param schedulers The parts
   */
  constructor(optimizer: ScheduledOptimizer, schedulers: readonly LRScheduler[]) {
    super(optimizer);
    this.require(schedulers.length > 0, "schedulers", "a list with at least one", "none");
    for (const scheduler of schedulers) {
      this.require(scheduler.optimizer === optimizer, "schedulers", "on the same optimizer", "one on another");
    }
    this.schedulers = [...schedulers];
  }

  /** Takes back that the schedule has begun. */
  override unstart(): void {
    for (const scheduler of this.schedulers) scheduler.unstart();
    super.unstart();
  }

  /** What is needed to go on from here; it can be written as JSON. */
  override stateDict(): SchedulerState {
    return { ...super.stateDict(), schedulers: this.schedulers.map((scheduler) => scheduler.stateDict()) };
  }

  /** Goes on from what `stateDict` gave. */
  override loadStateDict(state: SchedulerState): void {
    const parts = state.schedulers;
    if (!Array.isArray(parts) || parts.length !== this.schedulers.length) {
      throw new TypeError(
        `Cannot load the state of ${this.constructor.name}: schedulers must be a list of ${this.schedulers.length} states`,
      );
    }
    super.loadStateDict(state);
    this.schedulers.forEach((scheduler, i) => scheduler.loadStateDict(parts[i]));
  }
}

/**
 * One schedule after the other: each begins at its own step 0 when its turn comes.
 *
 * @example
 * ```ts
 * import { init, zeros } from "@fulgurite/core";
 * import { ConstantLR, ExponentialLR, SequentialLR, SGD } from "@fulgurite/core/optim";
 *
 * await init();
 * const optimizer = new SGD([zeros([1], { requiresGrad: true })], { lr: 0.1 });
 * const schedulers = [
 *   new ConstantLR(optimizer, { factor: 0.1, totalIters: 5 }),
 *   new ExponentialLR(optimizer, { gamma: 0.9 }),
 * ];
 * const scheduler = new SequentialLR(optimizer, { schedulers, milestones: [5] });
 * console.log(scheduler.getLastLr()); // about [0.01]
 * ```
 */
export class SequentialLR extends CombinedLR {
  readonly #milestones: readonly number[];

  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer
   * @param options The schedules, and when each takes over
   */
  constructor(optimizer: ScheduledOptimizer, { schedulers, milestones }: SequentialLROptions) {
    super(optimizer, schedulers);
    this.require(
      milestones.length === schedulers.length - 1,
      "milestones",
      "one less than there are schedulers",
      `${milestones.length} for ${schedulers.length}`,
    );
    this.#milestones = [...milestones];
    // Each part has set the rates of its own step 0: take that back, and begin with the first alone.
    for (const group of optimizer.paramGroups) group.lr = group.initialLr!;
    for (const scheduler of schedulers) scheduler.unstart();
    this.lastEpoch = 0;
    schedulers[0].step();
    this.lastLr = schedulers[0].getLastLr();
  }

  /** Sets the rates of the next step. */
  override step(_metric?: number): void {
    this.lastEpoch++;
    this.#advance();
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    return this.current;
  }

  #advance(): void {
    const turn = this.#milestones.filter((step) => step <= this.lastEpoch).length;
    const scheduler = this.schedulers[turn];
    if (turn > 0 && this.#milestones[turn - 1] === this.lastEpoch) scheduler.restart();
    else scheduler.step();
    this.lastLr = scheduler.getLastLr();
  }
}

/** Options of {@link ChainedScheduler}. */
export interface ChainedSchedulerOptions {
  /** The schedules, all on the same optimizer. */
  schedulers: readonly LRScheduler[];
}

/** Several schedules at once: all step together, and their factors multiply. */
export class ChainedScheduler extends CombinedLR {
  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer
   * @param options The schedules
   */
  constructor(optimizer: ScheduledOptimizer, { schedulers }: ChainedSchedulerOptions) {
    super(optimizer, schedulers);
    this.lastEpoch = 0;
    this.lastLr = this.current;
  }

  /** Sets the rates of the next step. */
  override step(_metric?: number): void {
    this.lastEpoch++;
    for (const scheduler of this.schedulers) scheduler.step();
    this.lastLr = this.current;
  }

  /** Begins anew at step 0, in a sequence whose turn has come. */
  override restart(): void {
    for (const scheduler of this.schedulers) scheduler.restart();
    this.lastEpoch = 0;
    this.lastLr = this.current;
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    return this.current;
  }
}

/** What a scheduler needs of a parameter group: its rate, and what may be cycled. */
export interface ScheduledGroup {
  /** Learning rate. */
  lr: number;
  /** The rate before any scheduler changed it. */
  initialLr?: number;
  /** Momentum, where the optimizer has it. */
  momentum?: number;
  /** Decay rates, where the optimizer has them. */
  betas?: readonly [number, number];
}

/** What a scheduler needs of an optimizer: every {@link Optimizer} has it. */
export interface ScheduledOptimizer {
  /** The groups whose rates are set. */
  readonly paramGroups: readonly ScheduledGroup[];
}

/** The state of a scheduler: numbers, lists of numbers, and states of parts; it can be written as JSON. */
export type SchedulerState = { [key: string]: unknown };

/**
 * Sets the learning rates of an optimizer as training goes on. Call {@link step} after the optimizer's own step, once a
 * batch or once an epoch, as the schedule is meant.
 *
 * Rates are computed from the ones before, as PyTorch does, so that several schedulers can act on one optimizer.
 */
export abstract class LRScheduler {
  /** The optimizer whose rates are set. */
  readonly optimizer: ScheduledOptimizer;
  /** Rates that the schedule starts from, by group. */
  baseLrs: number[];
  /** Steps made; 0 after construction. */
  lastEpoch: number = -1;
  /** Calls of {@link step}, the one of the construction included. */
  protected stepCount: number = 0;
  /** Rates that the last step set. */
  protected lastLr: number[] = [];

  /**
   * Remembers the rates that the schedule starts from.
   *
   * @param optimizer The optimizer; its groups remember their rate as `initialLr`, unless an earlier scheduler wrote it
   *   down
   */
  constructor(optimizer: ScheduledOptimizer) {
    this.optimizer = optimizer;
    for (const group of optimizer.paramGroups) group.initialLr ??= group.lr;
    this.baseLrs = optimizer.paramGroups.map((group) => group.initialLr!);
  }

  /**
   * Sets the rates of the next step.
   *
   * @param _metric For schedulers that react to a metric; others ignore it
   */
  step(_metric?: number): void {
    this.stepCount++;
    this.lastEpoch++;
    this.apply(this.rates());
  }

  /** Rates by group that the last step set. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** What is needed to go on from here; it can be written as JSON. */
  stateDict(): SchedulerState {
    const { lastEpoch, stepCount } = this;
    return { lastEpoch, stepCount, baseLrs: [...this.baseLrs], lastLr: [...this.lastLr] };
  }

  /**
   * Goes on from what {@link stateDict} gave. The optimizer's own state must be loaded too: it holds the rates.
   *
   * @param state The state
   * @throws {TypeError} If a value is missing
   */
  loadStateDict(state: SchedulerState): void {
    this.lastEpoch = this.number(state, "lastEpoch");
    this.stepCount = this.number(state, "stepCount");
    this.baseLrs = this.numbers(state, "baseLrs");
    this.lastLr = this.numbers(state, "lastLr");
  }

  /**
   * Sets the rates of step 0 where another scheduler takes its place in a sequence; `undefined` means {@link rates}.
   */
  protected closedForm?(): number[];

  /** Rates by group for `lastEpoch`, from those the groups have now. */
  protected abstract rates(): number[];

  /** Takes back that the schedule has begun: in a sequence, it begins when its turn comes. */
  unstart(): void {
    this.lastEpoch--;
  }

  /** Begins anew at step 0, in a sequence whose turn has come. */
  restart(): void {
    this.stepCount++;
    this.lastEpoch = 0;
    this.apply(this.closedForm?.() ?? this.rates());
  }

  /** Sets rates. */
  protected apply(rates: readonly number[]): void {
    rates.forEach((lr, i) => this.optimizer.paramGroups[i].lr = lr);
    this.lastLr = this.optimizer.paramGroups.map((group) => group.lr);
  }

  /** Present rates by group. */
  protected get current(): number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }

  /** A number of a state. */
  protected number(state: SchedulerState, key: string): number {
    const value = state[key];
    if (typeof value !== "number") {
      throw new TypeError(`Cannot load the state of ${this.constructor.name}: ${key} must be a number, got ${value}`);
    }
    return value;
  }

  /** A list of numbers of a state. */
  protected numbers(state: SchedulerState, key: string): number[] {
    const value = state[key];
    if (!Array.isArray(value) || value.some((item) => typeof item !== "number")) {
      throw new TypeError(
        `Cannot load the state of ${this.constructor.name}: ${key} must be a list of numbers, got ${value}`,
      );
    }
    return [...value];
  }

  /** Throws unless an option satisfies a rule. */
  protected require(holds: boolean, option: string, rule: string, value: unknown): void {
    if (!holds) throw new RangeError(`Cannot make ${this.constructor.name}: ${option} must be ${rule}, got ${value}`);
  }

  /** One value for all groups, or one for each. */
  protected perGroup(value: number | readonly number[], option: string): number[] {
    const groups = this.optimizer.paramGroups.length;
    if (typeof value === "number") return new Array(groups).fill(value);
    this.require(value.length === groups, option, `one number, or one for each of the ${groups} groups`, `[${value}]`);
    return [...value];
  }
}

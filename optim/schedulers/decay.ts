import { checkNames } from "../../device/option_names.ts";
import { LRScheduler, type ScheduledOptimizer } from "./scheduler.ts";

/** Options of {@link StepLR}. */
export interface StepLROptions {
  /** Steps between two decays. */
  stepSize: number;
  /** Factor of each decay; default 0.1. */
  gamma?: number;
}

/**
 * Multiplies the rates by `gamma` every `stepSize` steps.
 *
 * @example
 * ```ts
 * import { init, zeros } from "@fulgurite/core";
 * import { SGD, StepLR } from "@fulgurite/core/optim";
 *
 * await init();
 * const optimizer = new SGD([zeros([1], { requiresGrad: true })], { lr: 0.1 });
 * const scheduler = new StepLR(optimizer, { stepSize: 2, gamma: 0.5 });
 * for (let epoch = 0; epoch < 4; epoch++) {
 *   optimizer.step();
 *   scheduler.step();
 * }
 * console.log(scheduler.getLastLr()); // [0.025]
 * ```
 */
export class StepLR extends LRScheduler {
  readonly #stepSize: number;
  readonly #gamma: number;

  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer
   * @param options When and by what
   */
  constructor(optimizer: ScheduledOptimizer, options: StepLROptions) {
    super(optimizer);
    checkNames(`make ${this.constructor.name}`, options, { stepSize: true, gamma: true });
    const { stepSize, gamma = 0.1 } = options;
    this.require(Number.isInteger(stepSize) && stepSize > 0, "stepSize", "a whole number from 1 on", stepSize);
    this.#stepSize = stepSize;
    this.#gamma = gamma;
    this.step();
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    const { lastEpoch } = this;
    const due = lastEpoch !== 0 && lastEpoch % this.#stepSize === 0;
    return this.current.map((lr) => due ? lr * this.#gamma : lr);
  }

  /** Rates by group for the present step, without those before. */
  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * this.#gamma ** Math.floor(this.lastEpoch / this.#stepSize));
  }
}

/** Options of {@link MultiStepLR}. */
export interface MultiStepLROptions {
  /** Steps after which the rates decay; one that stands twice decays twice. */
  milestones: readonly number[];
  /** Factor of each decay; default 0.1. */
  gamma?: number;
}

/** Multiplies the rates by `gamma` at given steps. */
export class MultiStepLR extends LRScheduler {
  readonly #milestones: readonly number[];
  readonly #gamma: number;

  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer
   * @param options When and by what
   */
  constructor(optimizer: ScheduledOptimizer, options: MultiStepLROptions) {
    super(optimizer);
    checkNames(`make ${this.constructor.name}`, options, { milestones: true, gamma: true });
    const { milestones, gamma = 0.1 } = options;
    this.#milestones = [...milestones];
    this.#gamma = gamma;
    this.step();
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    const times = this.#milestones.filter((step) => step === this.lastEpoch).length;
    return this.current.map((lr) => lr * this.#gamma ** times);
  }

  /** Rates by group for the present step, without those before. */
  protected override closedForm(): number[] {
    const times = this.#milestones.filter((step) => step <= this.lastEpoch).length;
    return this.baseLrs.map((lr) => lr * this.#gamma ** times);
  }
}

/** Options of {@link ExponentialLR}. */
export interface ExponentialLROptions {
  /** Factor of each step. */
  gamma: number;
}

/** Multiplies the rates by `gamma` at every step. */
export class ExponentialLR extends LRScheduler {
  readonly #gamma: number;

  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer
   * @param options By what
   */
  constructor(optimizer: ScheduledOptimizer, options: ExponentialLROptions) {
    super(optimizer);
    checkNames(`make ${this.constructor.name}`, options, { gamma: true });
    const { gamma } = options;
    this.require(typeof gamma === "number", "gamma", "a number", gamma);
    this.#gamma = gamma;
    this.step();
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    return this.current.map((lr) => this.lastEpoch === 0 ? lr : lr * this.#gamma);
  }

  /** Rates by group for the present step, without those before. */
  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * this.#gamma ** this.lastEpoch);
  }
}

/** Options of {@link PolynomialLR}. */
export interface PolynomialLROptions {
  /** Steps until the rates are 0; default 5. */
  totalIters?: number;
  /** Exponent; default 1. */
  power?: number;
}

/** Lets the rates fall to 0 as (1 − t / totalIters)^power. */
export class PolynomialLR extends LRScheduler {
  readonly #totalIters: number;
  readonly #power: number;

  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer
   * @param options How long and how steep
   */
  constructor(optimizer: ScheduledOptimizer, options: PolynomialLROptions = {}) {
    super(optimizer);
    checkNames(`make ${this.constructor.name}`, options, { totalIters: true, power: true });
    const { totalIters = 5, power = 1 } = options;
    this.require(totalIters > 0, "totalIters", "greater than 0", totalIters);
    this.#totalIters = totalIters;
    this.#power = power;
    this.step();
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    const t = this.lastEpoch, total = this.#totalIters;
    if (t === 0 || t > total) return this.current;
    const factor = ((1 - t / total) / (1 - (t - 1) / total)) ** this.#power;
    return this.current.map((lr) => lr * factor);
  }

  /** Rates by group for the present step, without those before. */
  protected override closedForm(): number[] {
    const left = 1 - Math.min(this.#totalIters, this.lastEpoch) / this.#totalIters;
    return this.baseLrs.map((lr) => lr * left ** this.#power);
  }
}

/** A factor of the rates in dependence on the step. */
export type LrLambda = (epoch: number) => number;

/** Options of {@link LambdaLR} and {@link MultiplicativeLR}. */
export interface LambdaLROptions {
  /** The factor as a function of the step, one for all groups or one for each. */
  lrLambda: LrLambda | readonly LrLambda[];
}

/** Rates as a function of the step: the first rate times `lrLambda(step)`. The function is not part of the state. */
export class LambdaLR extends LRScheduler {
  readonly #lambdas: readonly LrLambda[];

  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer
   * @param options The function
   *
   * @example
   * ```ts
   * import { init, zeros } from "@fulgurite/core";
   * import { LambdaLR, SGD } from "@fulgurite/core/optim";
   *
   * await init();
   * const optimizer = new SGD([zeros([1], { requiresGrad: true })], { lr: 0.1 });
   * const warmup = new LambdaLR(optimizer, { lrLambda: (step) => Math.min(1, (step + 1) / 100) });
   * console.log(warmup.getLastLr()); // [0.001]
   * ```
   */
  constructor(optimizer: ScheduledOptimizer, options: LambdaLROptions) {
    super(optimizer);
    checkNames(`make ${this.constructor.name}`, options, { lrLambda: true });
    const { lrLambda } = options;
    this.#lambdas = lambdasOf(this, optimizer, lrLambda);
    this.step();
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    return this.baseLrs.map((lr, i) => lr * this.#lambdas[i](this.lastEpoch));
  }
}

/** Multiplies the rates by `lrLambda(step)` at every step from 1 on. The function is not part of the state. */
export class MultiplicativeLR extends LRScheduler {
  readonly #lambdas: readonly LrLambda[];

  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer
   * @param options The function
   */
  constructor(optimizer: ScheduledOptimizer, options: LambdaLROptions) {
    super(optimizer);
    checkNames(`make ${this.constructor.name}`, options, { lrLambda: true });
    const { lrLambda } = options;
    this.#lambdas = lambdasOf(this, optimizer, lrLambda);
    this.step();
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    const { current, lastEpoch } = this;
    return this.#lambdas.map((lambda, i) => lastEpoch > 0 ? current[i] * lambda(lastEpoch) : current[i]);
  }
}

function lambdasOf(
  scheduler: LRScheduler,
  { paramGroups }: ScheduledOptimizer,
  given: LrLambda | readonly LrLambda[],
): readonly LrLambda[] {
  if (typeof given === "function") return paramGroups.map(() => given);
  if (given.length !== paramGroups.length) {
    throw new RangeError(
      `Cannot make ${scheduler.constructor.name}: lrLambda must be one function, or one for each of the ` +
        `${paramGroups.length} groups, got ${given.length}`,
    );
  }
  return [...given];
}

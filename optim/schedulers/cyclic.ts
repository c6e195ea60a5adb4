import { checkNames } from "../../device/option_names.ts";
import { LRScheduler, type ScheduledGroup, type ScheduledOptimizer, type SchedulerState } from "./scheduler.ts";

/** Options of {@link OneCycleLR}. */
export interface OneCycleLROptions {
  /** The largest rate, one for all groups or one for each. */
  maxLr: number | readonly number[];
  /** Steps in all; else `epochs` times `stepsPerEpoch`. */
  totalSteps?: number;
  /** Epochs in all. */
  epochs?: number;
  /** Steps in an epoch. */
  stepsPerEpoch?: number;
  /** Share of the steps in which the rate rises; default 0.3. */
  pctStart?: number;
  /** Shape of rise and fall; default `"cos"`. */
  annealStrategy?: "cos" | "linear";
  /** Whether momentum (or the first beta) moves the other way; default true. */
  cycleMomentum?: boolean;
  /** Smallest momentum, at the largest rate; default 0.85. */
  baseMomentum?: number | readonly number[];
  /** Largest momentum; default 0.95. */
  maxMomentum?: number | readonly number[];
  /** The first rate is maxLr / divFactor; default 25. */
  divFactor?: number;
  /** The last rate is the first / finalDivFactor; default 1e4. */
  finalDivFactor?: number;
  /** Whether the rate falls symmetrically first, then to its last value; default false. */
  threePhase?: boolean;
}

type Anneal = (from: number, to: number, part: number) => number;

const ANNEAL: Record<string, Anneal> = {
  cos: (from, to, part) => to + (from - to) / 2 * (1 + Math.cos(Math.PI * part)),
  linear: (from, to, part) => (to - from) * part + from,
};

interface Phase {
  end: number;
  from: "initial" | "max" | "min";
  to: "initial" | "max" | "min";
  momentumUp: boolean | null;
}

/** Sets momentum, or the first beta, of a group. */
function setMomentum(group: ScheduledGroup, momentum: number): void {
  if (group.betas !== undefined) group.betas = [momentum, group.betas[1]];
  else group.momentum = momentum;
}

/** Throws unless the groups have something to cycle. */
function momentaOf(name: string, optimizer: ScheduledOptimizer): void {
  for (const { betas, momentum } of optimizer.paramGroups) {
    if (betas === undefined && momentum === undefined) {
      throw new RangeError(
        `Cannot make ${name}: cycleMomentum must be false for an optimizer without momentum or betas`,
      );
    }
  }
}

/**
 * One cycle: the rates rise from low to `maxLr`, then fall far below where they started; momentum moves the other way
 * (Smith and Topin, "Super-convergence", 2017). Step it after every batch.
 */
export class OneCycleLR extends LRScheduler {
  readonly #totalSteps: number;
  readonly #phases: readonly Phase[];
  readonly #anneal: Anneal;
  readonly #cycleMomentum: boolean;
  readonly #rates: { initial: number; max: number; min: number; baseMomentum: number; maxMomentum: number }[];

  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer; its own rates do not matter
   * @param options The cycle
   */
  constructor(optimizer: ScheduledOptimizer, options: OneCycleLROptions) {
    super(optimizer);
    const { epochs, stepsPerEpoch, pctStart = 0.3, annealStrategy = "cos", divFactor = 25 } = options;
    const { cycleMomentum = true, finalDivFactor = 1e4, threePhase = false } = options;
    const total = options.totalSteps ?? (epochs ?? NaN) * (stepsPerEpoch ?? NaN);
    this.require(
      Number.isInteger(total) && total > 0,
      "totalSteps",
      "a whole number from 1 on, or epochs and stepsPerEpoch given",
      total,
    );
    this.require(pctStart >= 0 && pctStart <= 1, "pctStart", "from 0 to 1", pctStart);
    this.require(annealStrategy in ANNEAL, "annealStrategy", '"cos" or "linear"', annealStrategy);
    this.#totalSteps = total;
    this.#anneal = ANNEAL[annealStrategy];
    this.#cycleMomentum = cycleMomentum;
    this.#phases = threePhase
      ? [
        { end: pctStart * total - 1, from: "initial", to: "max", momentumUp: false },
        { end: 2 * pctStart * total - 2, from: "max", to: "initial", momentumUp: true },
        { end: total - 1, from: "initial", to: "min", momentumUp: null },
      ]
      : [
        { end: pctStart * total - 1, from: "initial", to: "max", momentumUp: false },
        { end: total - 1, from: "max", to: "min", momentumUp: true },
      ];
    const max = this.perGroup(options.maxLr, "maxLr");
    const base = this.perGroup(options.baseMomentum ?? 0.85, "baseMomentum");
    const most = this.perGroup(options.maxMomentum ?? 0.95, "maxMomentum");
    if (cycleMomentum) momentaOf(this.constructor.name, optimizer);
    this.#rates = max.map((lr, i) => ({
      initial: lr / divFactor,
      max: lr,
      min: lr / divFactor / finalDivFactor,
      baseMomentum: base[i],
      maxMomentum: most[i],
    }));
    optimizer.paramGroups.forEach((group, i) => {
      group.initialLr = this.#rates[i].initial;
      if (cycleMomentum) setMomentum(group, most[i]);
    });
    this.baseLrs = this.#rates.map((rates) => rates.initial);
    this.step();
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    const t = this.lastEpoch;
    if (t > this.#totalSteps) {
      throw new RangeError(
        `Cannot step OneCycleLR: the cycle has ${this.#totalSteps} steps, this would be step ${t + 1}`,
      );
    }
    let start = 0;
    const at = this.#phases.findIndex((phase, i) => {
      if (t <= phase.end || i === this.#phases.length - 1) return true;
      start = phase.end;
      return false;
    });
    const { end, from, to, momentumUp } = this.#phases[at];
    const part = (t - start) / (end - start);
    return this.#rates.map((rates, i) => {
      if (this.#cycleMomentum) {
        const { baseMomentum: low, maxMomentum: high } = rates;
        setMomentum(
          this.optimizer.paramGroups[i],
          momentumUp === null ? high : momentumUp ? this.#anneal(low, high, part) : this.#anneal(high, low, part),
        );
      }
      return this.#anneal(rates[from], rates[to], part);
    });
  }
}

/** Options of {@link CyclicLR}. */
export interface CyclicLROptions {
  /** The smallest rate, one for all groups or one for each. */
  baseLr: number | readonly number[];
  /** The largest rate. */
  maxLr: number | readonly number[];
  /** Steps of the rising half; default 2000. */
  stepSizeUp?: number;
  /** Steps of the falling half; default as many. */
  stepSizeDown?: number;
  /** How the cycles' heights change: not, halved every cycle, or by `gamma` at every step; default `"triangular"`. */
  mode?: "triangular" | "triangular2" | "exp_range";
  /** Factor of a step in mode `"exp_range"`; default 1. */
  gamma?: number;
  /** The height as a function of the cycle (from 1) or the step, in place of `mode`. */
  scaleFn?: (x: number) => number;
  /** Whether `scaleFn` takes the cycle or the step; default `"cycle"`. */
  scaleMode?: "cycle" | "iterations";
  /** Whether momentum (or the first beta) moves the other way; default true. */
  cycleMomentum?: boolean;
  /** Smallest momentum, at the largest rate; default 0.8. */
  baseMomentum?: number | readonly number[];
  /** Largest momentum; default 0.9. */
  maxMomentum?: number | readonly number[];
}

/** Lets the rates rise and fall between two values, again and again (Smith, "Cyclical learning rates", 2015). */
export class CyclicLR extends LRScheduler {
  readonly #maxLrs: readonly number[];
  readonly #totalSize: number;
  readonly #ratio: number;
  readonly #scale: (x: number) => number;
  readonly #scaleByCycle: boolean;
  readonly #momenta: { base: number; max: number }[] | null;

  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer; its own rates do not matter
   * @param options The cycle
   */
  constructor(optimizer: ScheduledOptimizer, options: CyclicLROptions) {
    super(optimizer);
    const { stepSizeUp = 2000, mode = "triangular", gamma = 1, cycleMomentum = true } = options;
    const { stepSizeDown = stepSizeUp, scaleFn, scaleMode = "cycle" } = options;
    this.require(stepSizeUp > 0, "stepSizeUp", "greater than 0", stepSizeUp);
    this.require(stepSizeDown > 0, "stepSizeDown", "greater than 0", stepSizeDown);
    this.#totalSize = stepSizeUp + stepSizeDown;
    this.#ratio = stepSizeUp / this.#totalSize;
    const scales: Record<string, (x: number) => number> = {
      triangular: () => 1,
      triangular2: (cycle) => 1 / 2 ** (cycle - 1),
      exp_range: (step) => gamma ** step,
    };
    this.require(mode in scales, "mode", Object.keys(scales).map((name) => `"${name}"`).join(" or "), mode);
    this.#scale = scaleFn ?? scales[mode];
    this.#scaleByCycle = scaleFn !== undefined ? scaleMode === "cycle" : mode !== "exp_range";
    const base = this.perGroup(options.baseLr, "baseLr");
    this.#maxLrs = this.perGroup(options.maxLr, "maxLr");
    if (cycleMomentum) momentaOf(this.constructor.name, optimizer);
    const low = this.perGroup(options.baseMomentum ?? 0.8, "baseMomentum");
    const high = this.perGroup(options.maxMomentum ?? 0.9, "maxMomentum");
    this.#momenta = cycleMomentum ? low.map((value, i) => ({ base: value, max: high[i] })) : null;
    optimizer.paramGroups.forEach((group, i) => {
      group.lr = group.initialLr = base[i];
      if (cycleMomentum) setMomentum(group, high[i]);
    });
    this.baseLrs = base;
    this.step();
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    const t = this.lastEpoch;
    const cycle = Math.floor(1 + t / this.#totalSize);
    const x = 1 + t / this.#totalSize - cycle;
    const part = x <= this.#ratio ? x / this.#ratio : (x - 1) / (this.#ratio - 1);
    const scale = this.#scale(this.#scaleByCycle ? cycle : t);
    this.#momenta?.forEach(({ base, max }, i) =>
      setMomentum(this.optimizer.paramGroups[i], max - (max - base) * part * scale)
    );
    return this.baseLrs.map((base, i) => base + (this.#maxLrs[i] - base) * part * scale);
  }
}

/** Options of {@link SWALR}. */
export interface SWALROptions {
  /** The rate at the end, one for all groups or one for each. */
  swaLr: number | readonly number[];
  /** Steps until it is reached; default 10. */
  annealEpochs?: number;
  /** Shape of the way; default `"cos"`. */
  annealStrategy?: "cos" | "linear";
}

/** Leads the rates to a constant, for the last phase of training with averaged weights (Izmailov and others 2018). */
export class SWALR extends LRScheduler {
  readonly #swaLrs: readonly number[];
  readonly #epochs: number;
  readonly #shape: (part: number) => number;

  /**
   * Begins the schedule: the groups get the rates of step 0.
   *
   * @param optimizer The optimizer
   * @param options Where to and how
   */
  constructor(optimizer: ScheduledOptimizer, options: SWALROptions) {
    super(optimizer);
    checkNames(`make ${this.constructor.name}`, options, { swaLr: true, annealEpochs: true, annealStrategy: true });
    const { swaLr, annealEpochs = 10, annealStrategy = "cos" } = options;
    this.require(Number.isInteger(annealEpochs) && annealEpochs >= 0, "annealEpochs", "a whole number", annealEpochs);
    this.require(annealStrategy in ANNEAL, "annealStrategy", '"cos" or "linear"', annealStrategy);
    this.#swaLrs = this.perGroup(swaLr, "swaLr");
    this.#epochs = annealEpochs;
    this.#shape = annealStrategy === "linear" ? (part) => part : (part) => (1 - Math.cos(Math.PI * part)) / 2;
    this.step();
  }

  /** Rates by group for the present step. */
  protected override rates(): number[] {
    let t = this.stepCount - 1;
    if (this.#epochs === 0) t = Math.max(1, t);
    const share = (step: number) => this.#shape(Math.max(0, Math.min(1, step / Math.max(1, this.#epochs))));
    const before = share(t - 1), now = share(t);
    // Groups that were added later are not annealed, nor in a run that resumes with them.
    return this.current.slice(0, this.baseLrs.length).map((lr, i) => {
      const end = this.#swaLrs[i];
      const first = before === 1 ? end : (lr - before * end) / (1 - before);
      return end * now + first * (1 - now);
    });
  }

  /** What is needed to go on from here; it can be written as JSON. */
  override stateDict(): SchedulerState {
    return { ...super.stateDict(), swaLrs: [...this.#swaLrs] };
  }
}

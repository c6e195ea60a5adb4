import { Callback, type StateDict, type Trainer } from "../trainer/mod.ts";

/** When {@link EarlyStopping} stops. */
export interface EarlyStoppingOptions {
  /** The metric to watch. */
  monitor: string;
  /** What a value must differ by to count as better; default 0. */
  minDelta?: number;
  /** Checks without improvement before it stops; default 3. */
  patience?: number;
  /** Whether less (default) or more is better. */
  mode?: "min" | "max";
  /** Whether a missing metric is an error; default true. */
  strict?: boolean;
  /** Stop when the metric is NaN or infinite; default true. */
  checkFinite?: boolean;
  /** Stop once the metric is better than this. */
  stoppingThreshold?: number;
  /** Stop once the metric is worse than this. */
  divergenceThreshold?: number;
  /** Check at the end of training epochs; default: when validation is once an epoch, else after validation. */
  checkOnTrainEpochEnd?: boolean;
  /** Say why it stopped; default false. */
  verbose?: boolean;
}

/** Why training was stopped. */
export type StoppingReason = "not stopped" | "not finite" | "threshold" | "divergence" | "patience";

/**
 * Stops training when a metric does not improve any more.
 *
 * @example
 * ```ts
 * import { EarlyStopping } from "@fulgurite/core/callbacks";
 *
 * const stopping = new EarlyStopping({ monitor: "val_loss", patience: 5, minDelta: 0.001 });
 * console.log(stopping.stoppingReason); // "not stopped"
 * ```
 */
export class EarlyStopping extends Callback {
  /** Why training was stopped. */
  stoppingReason: StoppingReason = "not stopped";
  /** The epoch in which it was, −1 before. */
  stoppedEpoch = -1;
  /** The best value so far. */
  bestScore: number;
  /** Checks since then. */
  waitCount = 0;
  readonly #options:
    & Required<Omit<EarlyStoppingOptions, "stoppingThreshold" | "divergenceThreshold" | "checkOnTrainEpochEnd">>
    & {
      stoppingThreshold: number | null;
      divergenceThreshold: number | null;
      checkOnTrainEpochEnd: boolean | null;
    };

  /** @param options What to watch and when to stop */
  constructor(options: EarlyStoppingOptions) {
    super();
    const mode = options.mode ?? "min";
    if (mode !== "min" && mode !== "max") {
      throw new TypeError(`Cannot make an EarlyStopping: mode must be "min" or "max", got ${JSON.stringify(mode)}`);
    }
    this.#options = {
      monitor: options.monitor,
      minDelta: Math.abs(options.minDelta ?? 0),
      patience: options.patience ?? 3,
      mode,
      strict: options.strict ?? true,
      checkFinite: options.checkFinite ?? true,
      stoppingThreshold: options.stoppingThreshold ?? null,
      divergenceThreshold: options.divergenceThreshold ?? null,
      checkOnTrainEpochEnd: options.checkOnTrainEpochEnd ?? null,
      verbose: options.verbose ?? false,
    };
    this.bestScore = mode === "min" ? Infinity : -Infinity;
  }

  override get stateKey(): string {
    const { monitor, mode } = this.#options;
    return `EarlyStopping${JSON.stringify({ monitor, mode })}`;
  }

  override get monitoring(): boolean {
    return true;
  }

  override onTrainEpochEnd(trainer: Trainer): void {
    if (this.#checksAtEpochEnd(trainer)) this.#check(trainer);
  }

  override onValidationEnd(trainer: Trainer): void {
    if (trainer.sanityChecking || trainer.stage !== "fit" || this.#checksAtEpochEnd(trainer)) return;
    this.#check(trainer);
  }

  override stateDict(): StateDict {
    return {
      waitCount: this.waitCount,
      stoppedEpoch: this.stoppedEpoch,
      bestScore: this.bestScore,
      patience: this.#options.patience,
    };
  }

  override loadStateDict(state: StateDict): void {
    this.waitCount = state.waitCount as number;
    this.stoppedEpoch = state.stoppedEpoch as number;
    this.bestScore = state.bestScore as number;
    this.#options.patience = state.patience as number;
  }

  #checksAtEpochEnd(trainer: Trainer): boolean {
    return this.#options.checkOnTrainEpochEnd ?? (!trainer.hasValidation || !trainer.validatesWithinEpochs);
  }

  #check(trainer: Trainer): void {
    if (trainer.options.fastDevRun !== false) return;
    const { monitor, strict, verbose } = this.#options;
    const value = trainer.callbackMetrics[monitor];
    if (value === undefined) {
      const known = Object.keys(trainer.callbackMetrics).join(", ") || "none";
      const message = `Cannot decide whether to stop early: there is no metric ${monitor}, known are ${known}`;
      if (strict) throw new Error(message);
      console.warn(message);
      return;
    }
    const reason = this.#judge(value);
    if (reason === "not stopped") return;
    this.stoppingReason = reason;
    this.stoppedEpoch = trainer.currentEpoch;
    trainer.shouldStop = true;
    if (verbose) console.log(`Stopping early (${reason}): ${monitor} is ${value}, the best was ${this.bestScore}`);
  }

  #judge(value: number): StoppingReason {
    const { checkFinite, stoppingThreshold, divergenceThreshold, minDelta, patience, mode } = this.#options;
    const better = (a: number, b: number) => mode === "min" ? a < b : a > b;
    if (checkFinite && !Number.isFinite(value)) return "not finite";
    if (stoppingThreshold !== null && better(value, stoppingThreshold)) return "threshold";
    if (divergenceThreshold !== null && better(divergenceThreshold, value)) return "divergence";
    if (better(mode === "min" ? value + minDelta : value - minDelta, this.bestScore)) {
      this.bestScore = value;
      this.waitCount = 0;
      return "not stopped";
    }
    return ++this.waitCount >= patience ? "patience" : "not stopped";
  }
}

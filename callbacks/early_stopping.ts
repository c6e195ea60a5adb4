import * as z from "zod";
import { writeErr } from "../platform/mod.ts";
import { checkOptions } from "../trainer/check_options.ts";
import { checkState } from "../trainer/check_state.ts";
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

const flag = (preset: boolean) => [z.boolean().default(preset), "true or false"] as const;
const threshold = [z.number().nullable().default(null), "a number"] as const;

const rules = {
  monitor: [z.string().min(1), "the name of a metric"],
  minDelta: [z.number().default(0), "a number"],
  patience: [z.number().int().min(0).default(3), "a whole number from 0 on"],
  mode: [z.enum(["min", "max"]).default("min"), '"min" or "max"'],
  strict: flag(true),
  checkFinite: flag(true),
  stoppingThreshold: threshold,
  divergenceThreshold: threshold,
  checkOnTrainEpochEnd: [z.boolean().nullable().default(null), "true or false"],
  verbose: flag(false),
} as const;

const savedState = z.object({
  waitCount: z.int().min(0),
  stoppedEpoch: z.int().min(-1),
  bestScore: z.number().or(z.nan()).or(z.literal([Infinity, -Infinity])),
  patience: z.int().min(0),
});

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
  stoppedEpoch: number = -1;
  /** The best value so far. */
  bestScore: number;
  /** Checks since then. */
  waitCount: number = 0;
  readonly #options: ReturnType<typeof checkOptions<typeof rules>>;
  #patience: number;

  /**
   * Makes the callback.
   *
   * @param options What to watch and when to stop
   * @throws {TypeError} Naming each option that is wrong, what it got and what is allowed
   */
  constructor(options: EarlyStoppingOptions) {
    super();
    this.#options = checkOptions("an EarlyStopping", rules, options);
    this.#patience = this.#options.patience;
    this.bestScore = this.#options.mode === "min" ? Infinity : -Infinity;
  }

  /** Tells callbacks with different metrics apart. */
  override get stateKey(): string {
    const { monitor, mode } = this.#options;
    return `EarlyStopping${JSON.stringify({ monitor, mode })}`;
  }

  /** It reads what other callbacks logged. */
  override get monitoring(): boolean {
    return true;
  }

  /** Checks once an epoch. */
  override onTrainEpochEnd(trainer: Trainer): void {
    if (this.#checksAtEpochEnd(trainer)) this.#check(trainer);
  }

  /** Checks after each validation, where these come within epochs. */
  override onValidationEnd(trainer: Trainer): void {
    if (trainer.sanityChecking || trainer.interrupted || trainer.stage !== "fit" || this.#checksAtEpochEnd(trainer)) {
      return;
    }
    this.#check(trainer);
  }

  /** The best value, and how long it has stood. */
  override stateDict(): StateDict {
    return {
      waitCount: this.waitCount,
      stoppedEpoch: this.stoppedEpoch,
      bestScore: this.bestScore,
      patience: this.#patience,
    };
  }

  /** Takes them back. */
  override loadStateDict(state: StateDict): void {
    const { waitCount, stoppedEpoch, bestScore, patience } = checkState("the EarlyStopping", savedState, state);
    this.waitCount = waitCount;
    this.stoppedEpoch = stoppedEpoch;
    this.bestScore = bestScore;
    this.#patience = patience;
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
      const message = `Cannot decide whether to stop early: there must be a metric ${monitor}, known are ${known}`;
      if (strict) throw new Error(message);
      writeErr(`${message}\n`);
      return;
    }
    const reason = this.#judge(value);
    if (reason === "not stopped") return;
    this.stoppingReason = reason;
    this.stoppedEpoch = trainer.currentEpoch;
    trainer.shouldStop = true;
    if (verbose) writeErr(`Stopping early (${reason}): ${monitor} is ${value}, the best was ${this.bestScore}\n`);
  }

  #judge(value: number): StoppingReason {
    const { checkFinite, stoppingThreshold, divergenceThreshold, minDelta, mode } = this.#options;
    const better = (a: number, b: number) => mode === "min" ? a < b : a > b;
    if (checkFinite && !Number.isFinite(value)) return "not finite";
    if (stoppingThreshold !== null && better(value, stoppingThreshold)) return "threshold";
    if (divergenceThreshold !== null && better(divergenceThreshold, value)) return "divergence";
    const delta = Math.abs(minDelta);
    if (better(mode === "min" ? value + delta : value - delta, this.bestScore)) {
      this.bestScore = value;
      this.waitCount = 0;
      return "not stopped";
    }
    return ++this.waitCount >= this.#patience ? "patience" : "not stopped";
  }
}

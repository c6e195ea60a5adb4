import * as z from "zod";
import { show } from "../device/option_names.ts";
import { writeErr } from "../platform/mod.ts";
import { checkOptions } from "../trainer/check_options.ts";
import { checkState } from "../trainer/check_state.ts";
import { DURATION, duration, secondsOf } from "../trainer/duration.ts";
import { Callback, type Duration, type StateDict, type Trainer } from "../trainer/mod.ts";

/** When a {@link Timer} stops training. */
export interface TimerOptions {
  /** Time of training, over all runs that a resumed one goes on; default: no limit. */
  duration?: Duration | null;
  /** Whether it looks after every batch (default) or every epoch. */
  interval?: "step" | "epoch";
  /** Say that the time is up; default true. */
  verbose?: boolean;
}

const rules = {
  duration: [duration.nullable().default(null), DURATION],
  interval: [z.enum(["step", "epoch"]).default("step"), '"step" or "epoch"'],
  verbose: [z.boolean().default(true), "true or false"],
} as const;

const seconds = z.number().min(0);
const savedState = z.object({
  elapsed: z.object({
    fit: seconds,
    validate: seconds,
    test: seconds,
    predict: seconds,
    sanityCheck: seconds.default(0),
  }),
});

/** What a {@link Timer} measures: `"fit"` is training with all that is within it, `"train"` Lightning's name for it. */
export type TimedStage = "fit" | "train" | "validate" | "test" | "predict" | "sanityCheck";

type Measured = Exclude<TimedStage, "train">;

/**
 * Measures how long training, validation, test and prediction take, from their start hooks to their end hooks, and ends
 * training when its time is up.
 *
 * @example
 * ```ts
 * import { Timer } from "@fulgurite/core/callbacks";
 *
 * const timer = new Timer({ duration: "00:08:00:00" }); // eight hours
 * console.log(timer.timeRemaining()); // 28800
 * ```
 */
export class Timer extends Callback {
  readonly #limit: number;
  readonly #options: ReturnType<typeof checkOptions<typeof rules>>;
  readonly #elapsed: Record<Measured, number> = { fit: 0, validate: 0, test: 0, predict: 0, sanityCheck: 0 };
  readonly #started: Partial<Record<Measured, number>> = {};

  /**
   * Makes the callback.
   *
   * @param options The time, and how often it is looked at
   * @throws {TypeError} Naming each option that is wrong
   */
  constructor(options: TimerOptions = {}) {
    super();
    this.#options = checkOptions("a Timer", rules, options);
    this.#limit = this.#options.duration === null ? Infinity : secondsOf(this.#options.duration);
  }

  /** Tells timers with different intervals apart. */
  override get stateKey(): string {
    return `Timer${JSON.stringify({ interval: this.#options.interval })}`;
  }

  /** With a limit it ends training by itself. */
  override get endsTraining(): boolean {
    return Number.isFinite(this.#limit);
  }

  /**
   * Seconds that a stage has taken, those before a resume included.
   *
   * @param stage Which; default `"train"`, of which validations within it are a part, as they are of `"validate"`
   * @throws {RangeError} If there is no such stage
   */
  timeElapsed(stage: TimedStage = "train"): number {
    const measured = stage === "train" ? "fit" : stage, elapsed = this.#elapsed[measured];
    if (elapsed === undefined) {
      const names = ["train", ...Object.keys(this.#elapsed)].join(", ");
      throw new RangeError(`Cannot tell the time of a stage: it must be one of ${names}, got ${show(stage)}`);
    }
    const started = this.#started[measured];
    return elapsed + (started === undefined ? 0 : (performance.now() - started) / 1000);
  }

  /** Seconds left for training, or `null` without a limit. */
  timeRemaining(): number | null {
    return Number.isFinite(this.#limit) ? Math.max(0, this.#limit - this.timeElapsed()) : null;
  }

  /** Stops the clocks of what did not come to its end. */
  override teardown(): void {
    for (const stage of Object.keys(this.#started)) this.#stop(stage as Measured);
  }

  /** Starts the clock of the trial before training. */
  override onSanityCheckStart(): void {
    this.#start("sanityCheck");
  }

  /** Stops it. */
  override onSanityCheckEnd(): void {
    this.#stop("sanityCheck");
  }

  /** Starts the clock of validation, within training and by itself. */
  override onValidationStart(trainer: Trainer): void {
    if (!trainer.sanityChecking) this.#start("validate");
  }

  /** Stops it. */
  override onValidationEnd(trainer: Trainer): void {
    if (!trainer.sanityChecking) this.#stop("validate");
  }

  /** Starts the clock of a test. */
  override onTestStart(): void {
    this.#start("test");
  }

  /** Stops it. */
  override onTestEnd(): void {
    this.#stop("test");
  }

  /** Starts the clock of a prediction. */
  override onPredictStart(): void {
    this.#start("predict");
  }

  /** Stops it. */
  override onPredictEnd(): void {
    this.#stop("predict");
  }

  /** Starts the clock of training. */
  override onTrainStart(trainer: Trainer): void {
    this.#start("fit");
    this.#check(trainer);
  }

  /** Stops it. */
  override onTrainEnd(): void {
    this.#stop("fit");
  }

  /** Looks at the clock. */
  override onTrainBatchEnd(trainer: Trainer): void {
    if (this.#options.interval === "step") this.#check(trainer);
  }

  /** Looks at the clock. */
  override onTrainEpochEnd(trainer: Trainer): void {
    if (this.#options.interval === "epoch") this.#check(trainer);
  }

  /** Seconds that were taken. */
  override stateDict(): StateDict {
    const elapsed = Object.fromEntries(
      Object.keys(this.#elapsed).map((stage) => [stage, this.timeElapsed(stage as Measured)]),
    );
    return { elapsed };
  }

  /** Takes them back. */
  override loadStateDict(state: StateDict): void {
    Object.assign(this.#elapsed, checkState("the Timer", savedState, state).elapsed);
  }

  #start(stage: Measured): void {
    this.#started[stage] = performance.now();
  }

  #stop(stage: Measured): void {
    this.#elapsed[stage] = this.timeElapsed(stage);
    delete this.#started[stage];
  }

  #check(trainer: Trainer): void {
    if (this.timeElapsed() < this.#limit || trainer.shouldStop) return;
    trainer.shouldStop = true;
    if (this.#options.verbose) writeErr(`The time is up after ${Math.round(this.timeElapsed())} s of training\n`);
  }
}

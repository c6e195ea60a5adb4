import type { Stage } from "../../data/mod.ts";
import { fiveDigits, textTable } from "./_table.ts";
import { checkProfiler, Profiler, PROFILER_OPTIONS, type ProfilerOptions } from "./profiler.ts";

/** Options of a {@link SimpleProfiler}. */
export interface SimpleProfilerOptions extends ProfilerOptions {
  /** Show calls and shares, too; default true. */
  extended?: boolean;
}

/** What an action has cost so far. */
export interface ActionTime {
  /** How often it ran. */
  readonly calls: number;
  /** Seconds in all, those of what ran within it included. */
  readonly seconds: number;
}

/**
 * Tells how long each action took: mean, calls, total and share of the run.
 *
 * These are times of the host. Work for the device is only recorded there, and waited for in few places: a
 * {@link TraceProfiler} shows what the device does.
 *
 * @example
 * ```ts
 * import { SimpleProfiler } from "@fulgurite/core/trainer";
 *
 * const profiler = new SimpleProfiler();
 * profiler.profile("sum", () => [1, 2, 3].reduce((a, b) => a + b));
 * console.log(profiler.actions.get("sum")?.calls); // 1
 * ```
 */
export class SimpleProfiler extends Profiler {
  readonly #extended: boolean;
  readonly #actions = new Map<string, { calls: number; seconds: number }>();
  #started = performance.now();

  /**
   * Makes the profiler.
   *
   * @param options Where its report goes, and how much it shows
   * @throws {TypeError} If an option does not exist, or is of another type
   */
  constructor(options: SimpleProfilerOptions = {}) {
    checkProfiler("make a SimpleProfiler", options, { ...PROFILER_OPTIONS, extended: true }, ["extended"]);
    super(options);
    this.#extended = options.extended ?? true;
  }

  /** What each action has cost in the present entry point, or the one before. */
  get actions(): ReadonlyMap<string, ActionTime> {
    return this.#actions;
  }

  /** Begins anew: each entry point has a report of its own. */
  override open(_stage: Stage): void {
    this.#actions.clear();
    this.#started = performance.now();
  }

  /** Starts the clock. */
  override begin(action: string): () => void {
    const started = performance.now();
    return () => {
      let entry = this.#actions.get(action);
      if (entry === undefined) this.#actions.set(action, entry = { calls: 0, seconds: 0 });
      entry.calls++;
      entry.seconds += (performance.now() - started) / 1000;
    };
  }

  /** The table, the longest action first. */
  override summary(): string {
    const total = (performance.now() - this.#started) / 1000;
    const actions = [...this.#actions].sort(([, a], [, b]) => b.seconds - a.seconds);
    const calls = actions.reduce((sum, [, action]) => sum + action.calls, 0);
    const row = (name: string, mean: string, calls: number, seconds: number) =>
      this.#extended
        ? [name, mean, String(calls), fiveDigits(seconds), fiveDigits(100 * seconds / total)]
        : [name, mean, fiveDigits(seconds)];
    return textTable(
      this.#extended ? ["Action", "Mean (s)", "Calls", "Total (s)", "%"] : ["Action", "Mean (s)", "Total (s)"],
      [
        row("Total", "-", calls, total),
        ...actions.map(([name, { calls, seconds }]) => row(name, fiveDigits(seconds / calls), calls, seconds)),
      ],
    );
  }
}

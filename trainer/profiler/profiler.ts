import type { Awaitable, Stage } from "../../data/mod.ts";
import { joinPath, makeDir, writeErr, writeFile } from "../../platform/mod.ts";
import { lastly } from "../_then.ts";

/** Where a profiler's report goes. */
export interface ProfilerOptions {
  /** The folder; default: the trainer's folder for logs. Without `filename` nothing is written. */
  dirpath?: string | null;
  /** The report is written to `fit-<filename>.txt` and so on, instead of to the error stream. */
  filename?: string | null;
}

/**
 * Measures what the parts of a run cost: the trainer calls {@link profile} around every hook, every step and every wait, and
 * asks for the report at the end of an entry point. A trainer without a profiler calls nothing.
 *
 * @example
 * ```ts
 * import { Profiler, Trainer } from "@fulgurite/core/trainer";
 *
 * class Counter extends Profiler {
 *   readonly calls = new Map<string, number>();
 *   override begin(action: string): () => void {
 *     this.calls.set(action, (this.calls.get(action) ?? 0) + 1);
 *     return () => {};
 *   }
 *   override summary(): string {
 *     return [...this.calls].map(([action, calls]) => `${calls} × ${action}`).join("\n");
 *   }
 * }
 * const trainer = new Trainer({ profiler: new Counter(), logger: false });
 * trainer.profiler?.profile("my own part", () => 6 * 7); // 42
 * ```
 */
export abstract class Profiler {
  readonly #dirpath: string | null;
  readonly #filename: string | null;

  /**
   * Makes the profiler.
   *
   * @param options Where its report goes
   */
  constructor({ dirpath = null, filename = null }: ProfilerOptions = {}) {
    this.#dirpath = dirpath;
    this.#filename = filename;
  }

  /**
   * Notes that something begins.
   *
   * @param action What it is called
   * @returns What has to be called at its end
   */
  abstract begin(action: string): () => void;

  /** What was measured, as a text for people. */
  abstract summary(): string;

  /** Called before an entry point does anything. */
  open?(stage: Stage): Awaitable<void>;

  /** Called when an entry point has ended, before the report: what is left to be read or written. */
  close?(stage: Stage, logDir: string): Awaitable<void>;

  /** A training batch is done; what profiles only some of them counts here. */
  step?(): Awaitable<void>;

  /**
   * Measures a function.
   *
   * @param action What it is called in the report
   * @param fn What to run; if it is asynchronous, until its promise settles
   * @returns What it gave
   */
  profile<T>(action: string, fn: () => T): T {
    return lastly(fn, this.begin(action));
  }

  /**
   * Gives the report: to a file if one is named, else to the error stream.
   *
   * @param stage The entry point that has ended
   * @param logDir The trainer's folder for logs
   */
  async report(stage: Stage, logDir: string): Promise<void> {
    await this.close?.(stage, logDir);
    const text = `${stage.toUpperCase()} Profiler Report\n\n${this.summary()}\n`;
    if (this.#filename === null) return writeErr(text);
    const folder = this.folder(logDir);
    await makeDir(folder);
    await writeFile(joinPath(folder, `${stage}-${this.#filename}.txt`), text);
  }

  /** The folder of its files. */
  protected folder(logDir: string): string {
    return this.#dirpath ?? logDir;
  }

  /** The name of its files, or `null`. */
  protected get filename(): string | null {
    return this.#filename;
  }
}

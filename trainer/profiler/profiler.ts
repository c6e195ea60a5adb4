import { checkNames, type OptionNames, show } from "../../device/option_names.ts";
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

/** The names of {@link ProfilerOptions}. */
export const PROFILER_OPTIONS: OptionNames<ProfilerOptions> = { dirpath: true, filename: true };

/**
 * Throws unless all options of a profiler exist, its places are texts, and flags are flags.
 *
 * @param task What is done with them: `"make a SimpleProfiler"`
 * @param options What was given
 * @param names The options that exist
 * @param flags Those of them that are true or false
 * @throws {TypeError} Naming the first that is wrong
 */
export function checkProfiler<O extends ProfilerOptions>(
  task: string,
  options: O,
  names: OptionNames<O>,
  flags: readonly (keyof O & string)[] = [],
): void {
  checkNames(task, options, names);
  const refuse = (name: string, rule: string, value: unknown): never => {
    throw new TypeError(`Cannot ${task}: ${name} must be ${rule}, got ${show(value)}`);
  };
  for (const name of ["dirpath", "filename"] as const) {
    const value = options[name];
    if (value !== undefined && value !== null && typeof value !== "string") refuse(name, "a text or null", value);
  }
  for (const name of flags) {
    if (options[name] !== undefined && typeof options[name] !== "boolean") refuse(name, "true or false", options[name]);
  }
}

/**
 * Measures what the parts of a run cost: the trainer calls {@link profile} around every hook, every step and every
 * wait, and asks for the report at the end of an entry point. A trainer without a profiler calls nothing.
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

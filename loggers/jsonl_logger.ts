import { checkNames } from "../device/option_names.ts";
import { appendFile, joinPath } from "../platform/mod.ts";
import type { Logger, LogPoint } from "../trainer/mod.ts";
import { RunFolder, type RunFolderOptions } from "./_run_folder.ts";

/** Where a {@link JSONLLogger} writes. */
export type JSONLLoggerOptions = RunFolderOptions;

/**
 * Writes metrics to `metrics.jsonl`: a JSON object a line, with step, batch, epoch, seconds and the metrics of that moment.
 * Numbers that JSON does not have are the texts `"NaN"`, `"Infinity"` and `"-Infinity"`. Hyperparameters are a line, too.
 *
 * @example
 * ```ts
 * import { JSONLLogger } from "@fulgurite/core/loggers";
 *
 * const logger = new JSONLLogger({ saveDir: "logs", name: "mnist", version: "first" });
 * console.log(logger.logDir); // "logs/mnist/first"
 * ```
 */
export class JSONLLogger implements Logger {
  readonly #folder: RunFolder;

  /**
   * Makes the logger; it writes nothing before training begins.
   *
   * @param options Where to write
   * @throws {TypeError} If an option does not exist
   */
  constructor(options: JSONLLoggerOptions = {}) {
    checkNames("make a JSONLLogger", options, { saveDir: true, name: true, version: true });
    this.#folder = new RunFolder(options);
  }

  /** The experiment. */
  get name(): string {
    return this.#folder.name;
  }

  /** The run. */
  get version(): string {
    return this.#folder.version;
  }

  /** The run's folder. */
  get logDir(): string {
    return this.#folder.path;
  }

  /** Chooses the run's folder and makes it. */
  async open(): Promise<void> {
    await this.#folder.open();
  }

  /** Writes a row. */
  async logMetrics(metrics: Readonly<Record<string, number>>, at: LogPoint): Promise<void> {
    await this.#append({ ...at, metrics });
  }

  /** Writes the hyperparameters. */
  async logHyperparams(params: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#append({ hparams: params });
  }

  async #append(row: unknown): Promise<void> {
    await this.open();
    const text = JSON.stringify(
      row,
      (_, value) => Number.isFinite(value) || typeof value !== "number" ? value : `${value}`,
    );
    await appendFile(joinPath(this.logDir, "metrics.jsonl"), `${text}\n`);
  }
}

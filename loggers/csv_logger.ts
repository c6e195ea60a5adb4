import { appendFile, exists, joinPath, listDir, makeDir, writeFileAtomic } from "../platform/mod.ts";
import type { Logger, LogPoint } from "../trainer/mod.ts";

/** Where a {@link CSVLogger} writes. */
export interface CSVLoggerOptions {
  /** The folder that holds all runs; default the current one. */
  saveDir?: string;
  /** The experiment, a folder in it; default `"fulgurite_logs"`. */
  name?: string;
  /** The run, a folder in that; default the next free of `version_0`, `version_1`, … */
  version?: string | number;
}

const AXES = ["step", "batch", "epoch", "seconds"];

/**
 * Writes metrics to `metrics.csv`: a row for each moment, a column for each metric, empty where there is none. Every row
 * carries step, batch, epoch and seconds. Hyperparameters go to `hparams.json`.
 *
 * @example
 * ```ts
 * import { CSVLogger } from "@fulgurite/core/loggers";
 *
 * const logger = new CSVLogger({ saveDir: "logs", name: "mnist", version: "first" });
 * console.log(logger.logDir); // "logs/mnist/first"
 * ```
 */
export class CSVLogger implements Logger {
  readonly name: string;
  readonly #root: string;
  #version: string | null;
  #columns: string[] = [...AXES];
  readonly #rows: Record<string, number>[] = [];
  #opened: Promise<void> | null = null;

  /** @param options Where to write */
  constructor({ saveDir = ".", name = "fulgurite_logs", version }: CSVLoggerOptions = {}) {
    this.name = name;
    this.#root = joinPath(saveDir, name);
    this.#version = version === undefined ? null : typeof version === "number" ? `version_${version}` : version;
  }

  get version(): string {
    return this.#version ?? "version_0";
  }

  get logDir(): string {
    return joinPath(this.#root, this.version);
  }

  /** Chooses the run's folder and makes it; called when training begins, so that every file of the run goes there. */
  async open(): Promise<void> {
    await (this.#opened ??= this.#prepare());
  }

  async logMetrics(metrics: Readonly<Record<string, number>>, at: LogPoint): Promise<void> {
    await this.open();
    const row: Record<string, number> = { ...metrics, ...at };
    const known = this.#columns.length;
    for (const name of Object.keys(metrics)) if (!this.#columns.includes(name)) this.#columns.push(name);
    this.#rows.push(row);
    const file = joinPath(this.logDir, "metrics.csv");
    // A new column changes the heading, and with it the file; otherwise a row is appended.
    if (this.#columns.length > known || this.#rows.length === 1) {
      await writeFileAtomic(
        file,
        [this.#columns.map(quote).join(","), ...this.#rows.map((r) => this.#line(r))].join("\n") + "\n",
      );
    } else await appendFile(file, this.#line(row) + "\n");
  }

  async logHyperparams(params: Readonly<Record<string, unknown>>): Promise<void> {
    await this.open();
    await writeFileAtomic(joinPath(this.logDir, "hparams.json"), JSON.stringify(params, null, 2) + "\n");
  }

  async #prepare(): Promise<void> {
    if (this.#version === null) {
      const names = await exists(this.#root) ? await listDir(this.#root) : [];
      const numbers = names.flatMap((name) => /^version_(\d+)$/.exec(name)?.[1] ?? []).map(Number);
      this.#version = `version_${Math.max(-1, ...numbers) + 1}`;
    }
    await makeDir(this.logDir);
  }

  #line(row: Record<string, number>): string {
    return this.#columns.map((name) => row[name] === undefined ? "" : String(row[name])).join(",");
  }
}

function quote(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

import { checkNames } from "../device/option_names.ts";
import { appendFile, exists, joinPath, listDir, makeDir, readText, writeFileAtomic } from "../platform/mod.ts";
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
 * carries step, batch, epoch and seconds. Hyperparameters go to `hparams.json`. A version that exists already is gone on
 * with: its rows stay.
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
  /** The experiment. */
  readonly name: string;
  readonly #root: string;
  #version: string | null;
  /** Columns of the file; `null` before the first row. */
  #columns: string[] | null = null;
  #opening: Promise<void> | null = null;

  /**
   * Makes the logger; it writes nothing before training begins.
   *
   * @param options Where to write
   * @throws {TypeError} If an option does not exist
   */
  constructor(options: CSVLoggerOptions = {}) {
    checkNames("make a CSVLogger", options, { saveDir: true, name: true, version: true });
    const { saveDir = ".", name = "fulgurite_logs", version } = options;
    this.name = name;
    this.#root = joinPath(saveDir, name);
    this.#version = version === undefined ? null : typeof version === "number" ? `version_${version}` : version;
  }

  /** The run. */
  get version(): string {
    return this.#version ?? "version_0";
  }

  /** The run's folder. */
  get logDir(): string {
    return joinPath(this.#root, this.version);
  }

  /** Chooses the run's folder and makes it; called when training begins, so that every file of the run goes there. */
  async open(): Promise<void> {
    await (this.#opening ??= this.#prepare());
  }

  /** Writes a row. */
  async logMetrics(metrics: Readonly<Record<string, number>>, at: LogPoint): Promise<void> {
    await this.open();
    const row: Readonly<Record<string, number>> = { ...metrics, ...at };
    const columns = await this.#columnsFor(Object.keys(metrics));
    await appendFile(this.#file, columns.map((name) => name in row ? String(row[name]) : "").join(",") + "\n");
  }

  /** Writes the hyperparameters. */
  async logHyperparams(params: Readonly<Record<string, unknown>>): Promise<void> {
    await this.open();
    await writeFileAtomic(joinPath(this.logDir, "hparams.json"), JSON.stringify(params, null, 2) + "\n");
  }

  get #file(): string {
    return joinPath(this.logDir, "metrics.csv");
  }

  async #prepare(): Promise<void> {
    if (this.#version === null) {
      const names = await exists(this.#root) ? await listDir(this.#root) : [];
      const numbers = names.flatMap((name) => /^version_(\d+)$/.exec(name)?.[1] ?? []).map(Number);
      this.#version = `version_${Math.max(-1, ...numbers) + 1}`;
    }
    await makeDir(this.logDir);
  }

  /** The file's columns, after those that are new have been added to its heading and to the rows before. */
  async #columnsFor(names: readonly string[]): Promise<readonly string[]> {
    const known = this.#columns;
    const missing = (columns: readonly string[]) => names.filter((name) => !columns.includes(name));
    if (known !== null && missing(known).length === 0) return known;
    const text = await exists(this.#file) ? await readText(this.#file) : "";
    // What follows the last line break is half a row of a process that was cut off.
    const [heading, ...rows] = text.split("\n").slice(0, -1);
    const before = known ?? (heading === undefined ? AXES : parseLine(heading));
    const added = missing(before);
    const columns = [...before, ...added];
    const empty = ",".repeat(added.length);
    const lines = [columns.map(quote).join(","), ...rows.map((row) => row + empty)];
    if (added.length > 0 || heading === undefined || !text.endsWith("\n")) {
      await writeFileAtomic(this.#file, lines.join("\n") + "\n");
    }
    this.#columns = columns;
    return columns;
  }
}

function quote(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""').replaceAll(/[\r\n]+/g, " ")}"` : text;
}

/** The cells of a line, unquoted. */
function parseLine(line: string): string[] {
  const cells = line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g);
  return [...cells].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain);
}

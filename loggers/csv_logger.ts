import { checkNames } from "../device/option_names.ts";
import { appendFile, exists, joinPath, readText, writeFileAtomic } from "../platform/mod.ts";
import type { Logger, LogPoint } from "../trainer/mod.ts";
import { RunFolder, type RunFolderOptions } from "./_run_folder.ts";

/** Where a {@link CSVLogger} writes. */
export type CSVLoggerOptions = RunFolderOptions;

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
  readonly #folder: RunFolder;
  /** Columns of the file; `null` before the first row. */
  #columns: string[] | null = null;

  /**
   * Makes the logger; it writes nothing before training begins.
   *
   * @param options Where to write
   * @throws {TypeError} If an option does not exist
   */
  constructor(options: CSVLoggerOptions = {}) {
    checkNames("make a CSVLogger", options, { saveDir: true, name: true, version: true });
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

  /** Chooses the run's folder and makes it; called when training begins, so that every file of the run goes there. */
  async open(): Promise<void> {
    await this.#folder.open();
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

import { exists, joinPath, readText, writeFileAtomic } from "../platform/mod.ts";
import type { LogPoint } from "../trainer/mod.ts";
import { GrowingFile } from "./_growing_file.ts";
import { Outlet } from "./_outlet.ts";
import { Rewind, type RowKey } from "./_rewind.ts";
import { checkKinds } from "./_kinds.ts";
import { RUN_FOLDER_OPTIONS, type RunFolderOptions } from "./_run_folder.ts";
import { json } from "./_values.ts";
import { FolderLogger } from "./folder_logger.ts";

/** Where a {@link CSVLogger} writes. */
export type CSVLoggerOptions = RunFolderOptions;

const AXES = ["step", "batch", "epoch", "seconds"];

type Row = Readonly<Record<string, number>>;
/** A row to write, or the batches after which rows are forgotten. */
type Item = { readonly row: Row; readonly names: readonly string[] } | { readonly rewindTo: number };

/**
 * Writes metrics to `metrics.csv`: a row for each moment, a column for each metric, empty where there is none. Every
 * row carries step, batch, epoch and seconds; NaN and infinities are `NaN`, `Infinity` and `-Infinity`. Hyperparameters
 * go to `hparams.json`, pictures and the like to files in `media`. A version that exists already is gone on with: its
 * rows stay, but for those that a run resumed from a checkpoint makes once more.
 *
 * @example
 * ```ts
 * import { CSVLogger } from "@fulgurite/core/loggers";
 *
 * const logger = new CSVLogger({ saveDir: "logs", name: "mnist", version: "first" });
 * console.log(logger.logDir); // "logs/mnist/first"
 * ```
 */
export class CSVLogger extends FolderLogger {
  readonly #rows: Outlet<Item> = new Outlet("CSVLogger", (items) => this.#write(items));
  readonly #params: Outlet<string> = new Outlet("CSVLogger", async (all) => {
    await this.open();
    await writeFileAtomic(joinPath(this.logDir, "hparams.json"), all.at(-1)!);
  });
  /** What the file holds; `null` before the first row. */
  #table: { readonly file: GrowingFile; columns: string[] } | null = null;
  #rewind: Rewind | null = null;

  /**
   * Makes the logger; it writes nothing before training begins.
   *
   * @param options Where to write
   * @throws {TypeError} If an option does not exist, or is of another type
   */
  constructor(options: CSVLoggerOptions = {}) {
    checkKinds("make a CSVLogger", options, RUN_FOLDER_OPTIONS);
    super(options);
  }

  /** Forgets the rows of a version that is gone on with which come after the checkpoint. */
  async resume({ batch }: LogPoint): Promise<void> {
    await this.#rows.give({ rewindTo: batch });
  }

  /** Writes a row. */
  override async logMetrics(metrics: Readonly<Record<string, number>>, at: LogPoint): Promise<void> {
    const named = this.prefixed(metrics);
    await this.#rows.give({ row: { ...named, ...at }, names: Object.keys(named) });
  }

  /** Writes the hyperparameters. */
  async logHyperparams(params: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#params.give(json(params, 2) + "\n");
  }

  /** Waits until everything is written. */
  override async save(): Promise<void> {
    await this.#params.flush();
    await this.#rows.flush();
    await super.save();
  }

  /** Ends the run. */
  override async finalize(status: string): Promise<void> {
    await this.#params.close();
    await this.#rows.close();
    await super.finalize(status);
  }

  async #write(items: readonly Item[]): Promise<void> {
    await this.open();
    const path = joinPath(this.logDir, "metrics.csv"),
      rewindTo = items.findLast((item) => "rewindTo" in item)?.rewindTo;
    if (rewindTo !== undefined) await this.#forget(path, rewindTo);
    const rows = items.filter((item) => "row" in item)
      .filter(({ row, names }) => !this.#rewind?.repeats({ batch: row.batch, names }));
    if (rows.length === 0) return;
    const { file, columns } = await this.#tableWith(path, rows.flatMap(({ names }) => names));
    const lines = rows.map(({ row }) => columns.map((name) => name in row ? String(row[name]) : "").join(",") + "\n");
    await file.append(lines.join(""));
  }

  /** The file with columns for all metrics: new ones are added to its heading and, empty, to the rows before. */
  async #tableWith(path: string, names: readonly string[]): Promise<{ file: GrowingFile; columns: readonly string[] }> {
    const missing = (columns: readonly string[]) => [...new Set(names)].filter((name) => !columns.includes(name));
    if (this.#table !== null && missing(this.#table.columns).length === 0) return this.#table;
    const { heading, rows, whole } = await readTable(path);
    const before = this.#table?.columns ?? heading ?? AXES, added = missing(before);
    const columns = [...before, ...added];
    if (added.length > 0 || heading === null || !whole) {
      const empty = ",".repeat(added.length);
      await writeFileAtomic(path, textOf(columns, rows.map((row) => row + empty)));
    }
    this.#table = { file: new GrowingFile(path), columns };
    return this.#table;
  }

  /** Removes the rows after a batch. */
  async #forget(path: string, batch: number): Promise<void> {
    const { heading, rows } = await readTable(path);
    if (heading === null) return;
    const keys = rows.map((row): RowKey => {
      const cells = row.split(",");
      const names = heading.filter((name, i) => !AXES.includes(name) && cells[i] !== "");
      return { batch: Number(cells[heading.indexOf("batch")]), names };
    });
    const rewind = this.#rewind = new Rewind(batch, keys);
    const kept = rows.filter((_, i) => rewind.keeps(keys[i]));
    if (kept.length < rows.length) await writeFileAtomic(path, textOf(heading, kept));
    this.#table = null;
  }
}

/** What a file holds. Behind the last line break is half a row of a process that was cut off. */
async function readTable(path: string): Promise<{ heading: string[] | null; rows: string[]; whole: boolean }> {
  const text = await exists(path) ? await readText(path) : "";
  const [heading, ...rows] = text.split("\n").slice(0, -1);
  return { heading: heading === undefined ? null : parseLine(heading), rows, whole: text.endsWith("\n") };
}

function textOf(columns: readonly string[], rows: readonly string[]): string {
  return [columns.map(quote).join(","), ...rows].join("\n") + "\n";
}

function quote(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""').replaceAll(/[\r\n]+/g, " ")}"` : text;
}

/** The cells of a line, unquoted. */
function parseLine(line: string): string[] {
  const cells = line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g);
  return [...cells].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain);
}

import { exists, joinPath, readText, writeFileAtomic } from "../platform/mod.ts";
import type { LogPoint } from "../trainer/mod.ts";
import { GrowingFile } from "./_growing_file.ts";
import { Outlet } from "./_outlet.ts";
import { Rewind, type RowKey } from "./_rewind.ts";
import { checkKinds } from "./_kinds.ts";
import { RUN_FOLDER_OPTIONS, type RunFolderOptions } from "./_run_folder.ts";
import { json } from "./_values.ts";
import { FolderLogger } from "./folder_logger.ts";

/** Where a {@link JSONLLogger} writes. */
export type JSONLLoggerOptions = RunFolderOptions;

/** A line to write, or the batches after which rows are forgotten. */
type Item = { readonly line: string; readonly key: RowKey | null } | { readonly rewindTo: number };

/**
 * Writes metrics to `metrics.jsonl`: a JSON object a line, with step, batch, epoch, seconds and the metrics of that
 * moment. Numbers that JSON does not have are the texts `"NaN"`, `"Infinity"` and `"-Infinity"`. Hyperparameters are a
 * line, too; pictures and the like go to files in `media`. A version that exists already is gone on with: its lines
 * stay, but for rows that a run resumed from a checkpoint makes once more.
 *
 * @example
 * ```ts
 * import { JSONLLogger } from "@fulgurite/core/loggers";
 *
 * const logger = new JSONLLogger({ saveDir: "logs", name: "mnist", version: "first" });
 * console.log(logger.logDir); // "logs/mnist/first"
 * ```
 */
export class JSONLLogger extends FolderLogger {
  readonly #lines: Outlet<Item> = new Outlet("JSONLLogger", (items) => this.#write(items));
  #file: GrowingFile | null = null;
  #rewind: Rewind | null = null;

  /**
   * Makes the logger; it writes nothing before training begins.
   *
   * @param options Where to write
   * @throws {TypeError} If an option does not exist, or is of another type
   */
  constructor(options: JSONLLoggerOptions = {}) {
    checkKinds("make a JSONLLogger", options, RUN_FOLDER_OPTIONS);
    super(options);
  }

  /** Forgets the rows of a version that is gone on with which come after the checkpoint. */
  async resume({ batch }: LogPoint): Promise<void> {
    await this.#lines.give({ rewindTo: batch });
  }

  /** Writes a row. */
  override async logMetrics(metrics: Readonly<Record<string, number>>, at: LogPoint): Promise<void> {
    const named = this.prefixed(metrics), key = { batch: at.batch, names: Object.keys(named) };
    await this.#lines.give({ line: json({ ...at, metrics: named }), key });
  }

  /** Writes the hyperparameters. */
  async logHyperparams(params: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#lines.give({ line: json({ hparams: params }), key: null });
  }

  /** Waits until everything is written. */
  override async save(): Promise<void> {
    await this.#lines.flush();
    await super.save();
  }

  /** Ends the run. */
  override async finalize(status: string): Promise<void> {
    await this.#lines.close();
    await super.finalize(status);
  }

  async #write(items: readonly Item[]): Promise<void> {
    await this.open();
    const path = joinPath(this.logDir, "metrics.jsonl"),
      rewindTo = items.findLast((item) => "rewindTo" in item)?.rewindTo;
    if (this.#file === null || rewindTo !== undefined) await this.#tidy(path, rewindTo ?? Infinity);
    const lines = items.filter((item) => "line" in item).filter(({ key }) => !(key && this.#rewind?.repeats(key)));
    if (lines.length > 0) await this.#file!.append(lines.map(({ line }) => `${line}\n`).join(""));
  }

  /** Removes the rows after a batch, and half a line that a process which was cut off left. */
  async #tidy(path: string, batch: number): Promise<void> {
    const text = await exists(path) ? await readText(path) : "", lines = text.split("\n").slice(0, -1);
    const keys = lines.map(keyOf), rewind = this.#rewind = new Rewind(batch, keys.filter((key) => key !== null));
    const kept = lines.filter((_, i) => keys[i] === null || rewind.keeps(keys[i])).map((line) => `${line}\n`).join("");
    if (kept !== text) await writeFileAtomic(path, kept);
    this.#file = new GrowingFile(path);
  }
}

/** What a line is about, or `null` where it is no row. */
function keyOf(line: string): RowKey | null {
  const { batch, metrics } = JSON.parse(line) as { batch?: number; metrics?: object };
  return batch === undefined || metrics === undefined ? null : { batch, names: Object.keys(metrics) };
}

import { dirname, joinPath, makeDir, writeFile } from "../platform/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Logger, LogPoint, MediaPoint, Table } from "../trainer/mod.ts";
import { checkedTable, histogramOf, mediaName, pixelsOf } from "./_media.ts";
import { Outlet } from "./_outlet.ts";
import { encodePng } from "./_png.ts";
import { RunFolder, type RunFolderOptions } from "./_run_folder.ts";
import { json, prefixed } from "./_values.ts";

/** A file below the run's folder. */
interface MediaFile {
  readonly path: string;
  readonly content: string | Uint8Array;
}

/**
 * A logger whose run is a folder: `saveDir/name/version`. Pictures, texts, histograms and tables go to files in its
 * folder `media`, named after their step; a logger that has a better place for them overrides these methods.
 */
export abstract class FolderLogger implements Logger {
  readonly #folder: RunFolder;
  readonly #prefix: string;
  readonly #media: Outlet<MediaFile>;

  /**
   * Makes the logger; it writes nothing before training begins.
   *
   * @param options Where the run's folder is, and what stands before the names of metrics
   */
  constructor(options: RunFolderOptions) {
    this.#folder = new RunFolder(options);
    this.#prefix = options.prefix ?? "";
    this.#media = new Outlet(new.target.name, (files) => this.#writeMedia(files));
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

  /** Has the run's folder lie below a trainer's, unless `saveDir` was given. */
  setRootDir(folder: string): void {
    this.#folder.setRootDir(folder);
  }

  /**
   * Chooses the run's folder and makes it; called when training begins, so that every file of the run goes there.
   *
   * @throws {FileError} If it cannot be made: nothing is trained in vain
   */
  async open(): Promise<void> {
    await this.#folder.open();
  }

  /** Metrics with the prefix before their names. */
  protected prefixed(metrics: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
    return prefixed(this.#prefix, metrics);
  }

  /** Writes a row. */
  abstract logMetrics(metrics: Readonly<Record<string, number>>, at: LogPoint): Promise<void>;

  /**
   * Writes a picture as `media/NAME_STEP.png`.
   *
   * @param name Its name; slashes make folders
   * @param image [C, H, W] with 1, 3 or 4 channels: floats from 0 to 1, or whole numbers from 0 to 255
   * @param at The step
   * @throws {TypeError} If it is no image
   */
  async logImage(name: string, image: Tensor, { step }: MediaPoint): Promise<void> {
    await this.#give(mediaName(name, `${step}.png`), await encodePng(await pixelsOf(name, image)));
  }

  /** Writes a text as `media/NAME_STEP.txt`. */
  async logText(name: string, text: string, { step }: MediaPoint): Promise<void> {
    await this.#give(mediaName(name, `${step}.txt`), text);
  }

  /**
   * Writes how the finite values of a tensor are distributed as `media/NAME_STEP.json`; they are counted on the device.
   */
  async logHistogram(name: string, values: Tensor, { step }: MediaPoint): Promise<void> {
    await this.#give(mediaName(name, `${step}.json`), json(await histogramOf(values)));
  }

  /**
   * Writes a table as `media/NAME_STEP.table.json`.
   *
   * @throws {TypeError} If a row is shorter or longer than the columns are many
   */
  async logTable(name: string, table: Table, { step }: MediaPoint): Promise<void> {
    await this.#give(mediaName(name, `${step}.table.json`), json(checkedTable(name, table)));
  }

  /** Waits until everything is written. */
  async save(): Promise<void> {
    await this.#media.flush();
  }

  /** Ends the run. */
  async finalize(_status: string): Promise<void> {
    await this.#media.close();
  }

  #give(path: string, content: string | Uint8Array): Promise<void> {
    return this.#media.give({ path, content });
  }

  async #writeMedia(files: readonly MediaFile[]): Promise<void> {
    await this.open();
    for (const { path, content } of files) {
      const whole = joinPath(this.logDir, "media", path);
      await makeDir(dirname(whole));
      await writeFile(whole, content);
    }
  }
}

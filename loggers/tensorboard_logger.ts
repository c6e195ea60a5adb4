import { joinPath, processId } from "../platform/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { LogPoint, MediaPoint, Table } from "../trainer/mod.ts";
import {
  frame,
  histogramValue,
  hparamsValues,
  imageValue,
  restartEvent,
  scalarValue,
  sessionEndValue,
  summaryEvent,
  textValue,
  versionEvent,
} from "./_events.ts";
import { GrowingFile, joined } from "./_growing_file.ts";
import { checkedTable, histogramOf, markdownOf, pixelsOf } from "./_media.ts";
import { Outlet } from "./_outlet.ts";
import { encodePng } from "./_png.ts";
import type { Message } from "./_protobuf.ts";
import { checkKinds } from "./_kinds.ts";
import { RUN_FOLDER_OPTIONS, type RunFolderOptions } from "./_run_folder.ts";
import { flattened } from "./_values.ts";
import { FolderLogger } from "./folder_logger.ts";

/** Where a {@link TensorBoardLogger} writes. */
export interface TensorBoardLoggerOptions extends RunFolderOptions {
  /** Whether a metric `hp_metric` stands for the run among the hyperparameters until one is logged; default true. */
  defaultHpMetric?: boolean;
}

let files = 0;

/**
 * Writes event files that TensorBoard shows: metrics of every row, hyperparameters, and, where you log them, pictures,
 * texts, histograms and tables (as Markdown). Every value is written as soon as it comes, in whole records. A run that
 * is resumed writes a file of its own, which tells TensorBoard to forget what comes after the checkpoint in those
 * before.
 *
 * @example
 * ```ts
 * import { TensorBoardLogger } from "@fulgurite/core/loggers";
 *
 * const logger = new TensorBoardLogger({ saveDir: "logs", name: "mnist", version: "first" });
 * console.log(logger.logDir); // "logs/mnist/first", for tensorboard --logdir logs
 * ```
 */
export class TensorBoardLogger extends FolderLogger {
  readonly #defaultHpMetric: boolean;
  readonly #events: Outlet<Uint8Array> = new Outlet("TensorBoardLogger", (events) => this.#append(events));
  #file: GrowingFile | null = null;
  #configured = false;

  /**
   * Makes the logger; it writes nothing before training begins.
   *
   * @param options Where to write
   * @throws {TypeError} If an option does not exist, or is of another type
   */
  constructor(options: TensorBoardLoggerOptions = {}) {
    checkKinds("make a TensorBoardLogger", options, { ...RUN_FOLDER_OPTIONS, defaultHpMetric: "flag" });
    super(options);
    this.#defaultHpMetric = options.defaultHpMetric ?? true;
  }

  /** Has TensorBoard forget what other files of the run hold after a checkpoint. */
  async resume({ step, batch }: LogPoint): Promise<void> {
    await this.#events.give(restartEvent(Date.now() / 1000, batch === 0 ? 0 : step + 1));
  }

  /** Writes a row: each metric, and the epoch. */
  override async logMetrics(metrics: Readonly<Record<string, number>>, at: LogPoint): Promise<void> {
    const values = Object.entries(this.prefixed({ epoch: at.epoch, ...metrics }));
    await this.#write(at.step, values.map(([tag, value]) => scalarValue(tag, value)));
  }

  /**
   * Writes the hyperparameters; nested ones get names such as `optimizer/lr`.
   *
   * @param params What the run was configured with
   * @param metrics Names of the metrics that are shown beside them
   */
  async logHyperparams(params: Readonly<Record<string, unknown>>, metrics: readonly string[] = []): Promise<void> {
    const byDefault = metrics.length === 0 && this.#defaultHpMetric;
    const seconds = Date.now() / 1000, name = `${this.name}/${this.version}`;
    const values = hparamsValues(flattened(params), byDefault ? ["hp_metric"] : metrics, name, seconds);
    this.#configured = true;
    await this.#write(0, byDefault ? [scalarValue("hp_metric", -1), ...values] : values);
  }

  /**
   * Writes a picture.
   *
   * @param name Its name
   * @param image [C, H, W] with 1, 3 or 4 channels: floats from 0 to 1, or whole numbers from 0 to 255
   * @param at The step
   * @throws {TypeError} If it is no image
   */
  override async logImage(name: string, image: Tensor, { step }: MediaPoint): Promise<void> {
    const pixels = await pixelsOf(name, image);
    await this.#write(step, [imageValue(name, await encodePng(pixels), pixels)]);
  }

  /** Writes a text, shown as Markdown. */
  override async logText(name: string, text: string, { step }: MediaPoint): Promise<void> {
    await this.#write(step, [textValue(name, text)]);
  }

  /** Writes how the finite values of a tensor are distributed; they are counted on the device. */
  override async logHistogram(name: string, values: Tensor, { step }: MediaPoint): Promise<void> {
    await this.#write(step, [histogramValue(name, await histogramOf(values))]);
  }

  /**
   * Writes a table as a text in Markdown.
   *
   * @throws {TypeError} If a row is shorter or longer than the columns are many
   */
  override async logTable(name: string, table: Table, { step }: MediaPoint): Promise<void> {
    await this.#write(step, [textValue(name, markdownOf(checkedTable(name, table)))]);
  }

  /** Waits until everything is written. */
  override async save(): Promise<void> {
    await this.#events.flush();
  }

  /** Ends the run. */
  override async finalize(status: string): Promise<void> {
    if (this.#configured) await this.#write(0, [sessionEndValue(status === "success", Date.now() / 1000)]);
    await this.#events.close();
    await super.finalize(status);
  }

  #write(step: number, values: readonly Message[]): Promise<void> {
    return this.#events.give(summaryEvent(Date.now() / 1000, step, values));
  }

  async #append(events: readonly Uint8Array[]): Promise<void> {
    this.#file ??= await this.#begin();
    const before = await this.#file.size() === 0 ? [versionEvent(Date.now() / 1000)] : [];
    await this.#file.append(joined([...before, ...events].map(frame)));
  }

  /** A file whose name no other has. */
  async #begin(): Promise<GrowingFile> {
    await this.open();
    const seconds = Math.floor(Date.now() / 1000);
    return new GrowingFile(joinPath(this.logDir, `events.out.tfevents.${seconds}.fulgurite.${processId()}.${files++}`));
  }
}

import { dirname, env, exists, joinPath, makeDir, sha256, writeFile } from "../platform/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Logger, LogPoint, MediaPoint, Table } from "../trainer/mod.ts";
import { addressOf } from "./_address.ts";
import { GrowingFile, joined } from "./_growing_file.ts";
import { sender } from "./_http.ts";
import { checkKinds } from "./_kinds.ts";
import { checkedTable, histogramOf, mediaName, pixelsOf } from "./_media.ts";
import { checkSeconds, Outbox } from "./_outbox.ts";
import { Outlet } from "./_outlet.ts";
import { encodePng } from "./_png.ts";
import { Message } from "./_protobuf.ts";
import { json, prefixed } from "./_values.ts";
import { type OnlineItem, WandbService } from "./_wandb_online.ts";
import {
  axisRecord,
  chunks,
  configRecord,
  exitRecord,
  HEADER,
  headerRecord,
  historyRecord,
  mediaRecord,
  type RunInfo,
  runRecord,
  summaryRecord,
} from "./_wandb_file.ts";

/** What a {@link WandbLogger} writes, and where. */
export interface WandbLoggerOptions {
  /** The folder that gets a folder `wandb`; default the trainer's `defaultRootDir`. */
  saveDir?: string;
  /** The project; default `"fulgurite_logs"`. */
  project?: string;
  /** The team or user; default that of who synchronises. */
  entity?: string;
  /** The run's name as it is shown; default one that the service chooses. */
  name?: string;
  /** The run's id, letters and digits; default a random one. */
  id?: string;
  /** Tags of the run. */
  tags?: readonly string[];
  /** What the run was configured with. */
  config?: Readonly<Record<string, unknown>>;
  /** Stands before the name of each metric; default nothing. */
  prefix?: string;
  /**
   * Whether nothing leaves the machine; default true. `false` is experimental: rows, configuration, files and the end
   * of the run are also sent to the service, with the key in `WANDB_API_KEY`, by the protocol of W&B's own client,
   * which may change.
   */
  offline?: boolean;
  /**
   * Seconds without progress for which the end of training waits for the service; default 10. Progress is an entry that
   * it has taken, so a slow one gets everything, however long that takes; a wait of more than 5 seconds is told. When
   * the time is over, the request under way is broken off, and a warning says how `wandb sync` uploads what is missing:
   * the run's folder has everything; 0 waits for none, infinity for all.
   */
  flushSeconds?: number;
}

/** A record, and the file that it speaks of. */
interface Entry {
  readonly record: Message;
  readonly file?: { readonly path: string; readonly bytes: Uint8Array };
}

/**
 * Writes a run of Weights & Biases offline: a folder `wandb/offline-run-…` that `wandb sync` uploads. Nothing leaves
 * the machine unless `offline: false` says so, which is experimental. The format is W&B's own, as wandb 0.30.0 writes
 * it.
 *
 * Every row counts a step of its own, as W&B wants it; `trainer/global_step` is the x axis of all metrics. Texts are
 * tables with one cell, as Lightning logs them.
 *
 * @example
 * ```ts
 * import { WandbLogger } from "@fulgurite/core/loggers";
 *
 * const logger = new WandbLogger({ saveDir: "logs", project: "mnist", id: "first", config: { lr: 0.1 } });
 * console.log(logger.version); // "first"
 * ```
 */
export class WandbLogger implements Logger {
  readonly #run: RunInfo;
  readonly #saveDir: string | null;
  #rootDir = ".";
  readonly #folderName: string;
  readonly #prefix: string;
  /** `null` before the run begins. */
  #file: GrowingFile | null = null;
  readonly #entries: Outlet<Entry> = new Outlet("WandbLogger", (entries) => this.#write(entries));
  readonly #outbox: Outbox<OnlineItem> | null;
  readonly #flushSeconds: number;
  readonly #summary: Record<string, unknown> = {};
  #records = 0;
  #rows = 0;
  #opening: Promise<void> | null = null;

  /**
   * Makes the logger; it writes nothing before training begins.
   *
   * @param options What is written, and where
   * @throws {TypeError} If an option does not exist or is of another type, or an id could be no part of a path
   */
  constructor(options: WandbLoggerOptions = {}) {
    checkKinds("make a WandbLogger", options, {
      ...{
        saveDir: "text",
        project: "text",
        entity: "text",
        name: "text",
        id: "text",
        tags: "texts",
        config: "record",
      },
      ...{ prefix: "text", offline: "flag", flushSeconds: "checked" },
    });
    const { saveDir = null, project = "fulgurite_logs", entity = null, name = null, tags = [], config = {} } = options;
    const id = options.id ?? randomId();
    if (!/^[\w-]{1,64}$/.test(id)) {
      throw new TypeError(`Cannot make a WandbLogger: id must have letters, digits, "_" and "-" only, got "${id}"`);
    }
    const now = new Date();
    this.#run = { id, project, entity, displayName: name, tags, config, started: now.getTime() / 1000 };
    this.#prefix = options.prefix ?? "";
    const time = now.toISOString().replace(/[-:]/g, "").replace("T", "_").slice(0, 15);
    const { offline = true, flushSeconds = 10 } = options;
    checkSeconds("make a WandbLogger", "flushSeconds", flushSeconds);
    this.#saveDir = saveDir;
    this.#folderName = `${offline ? "offline-run" : "run"}-${time}-${id}`;
    this.#flushSeconds = flushSeconds;
    this.#outbox = offline ? null : outboxOf(this.#run, () => this.logDir);
  }

  /** The project. */
  get name(): string {
    return this.#run.project;
  }

  /** The run's id. */
  get version(): string {
    return this.#run.id;
  }

  /** The run's folder. */
  get logDir(): string {
    return joinPath(this.#saveDir ?? this.#rootDir, "wandb", this.#folderName);
  }

  /** Has the run's folder lie below a trainer's, unless `saveDir` was given. */
  setRootDir(folder: string): void {
    if (this.#opening === null) this.#rootDir = folder;
  }

  /**
   * Makes the run's folder and begins its file.
   *
   * @throws {FileError} If it cannot be made: nothing is trained in vain
   * @throws {Error} If the run exists already
   */
  async open(): Promise<void> {
    await (this.#opening ??= this.#begin());
  }

  /** Writes a row, and the latest values of all metrics. */
  async logMetrics(metrics: Readonly<Record<string, number>>, at: LogPoint): Promise<void> {
    const { step, epoch } = at;
    await this.#row({ ...prefixed(this.#prefix, metrics), epoch, "trainer/global_step": step });
  }

  /** Writes what the run was configured with. */
  async logHyperparams(params: Readonly<Record<string, unknown>>): Promise<void> {
    await this.open();
    this.#outbox?.put({ kind: "config", config: params });
    await this.#entries.give({ record: configRecord(params) });
  }

  /**
   * Writes a picture.
   *
   * @param name Its name
   * @param image [C, H, W] with 1, 3 or 4 channels: floats from 0 to 1, or whole numbers from 0 to 255
   * @param at The step, and a caption
   * @throws {TypeError} If it is no image
   */
  async logImage(name: string, image: Tensor, at: MediaPoint): Promise<void> {
    const pixels = await pixelsOf(name, image), { width, height } = pixels;
    const caption = at.caption === undefined ? {} : { caption: at.caption };
    const facts = { _type: "image-file", width, height, format: "png", ...caption };
    await this.#media(name, facts, "images", await encodePng(pixels), "png", at.step);
  }

  /** Writes a text, as a table with one cell. */
  async logText(name: string, text: string, at: MediaPoint): Promise<void> {
    await this.logTable(name, { columns: ["text"], rows: [[text]] }, at);
  }

  /** Writes how the finite values of a tensor are distributed; they are counted on the device. */
  async logHistogram(name: string, values: Tensor, { step }: MediaPoint): Promise<void> {
    const { min, limits, counts } = await histogramOf(values);
    const histogram = { _type: "histogram", values: counts, bins: [min, ...limits] };
    await this.#row({ [name]: histogram, "trainer/global_step": step });
  }

  /**
   * Writes a table.
   *
   * @throws {TypeError} If a row is shorter or longer than the columns are many
   */
  async logTable(name: string, table: Table, { step }: MediaPoint): Promise<void> {
    const { columns, rows } = checkedTable(name, table);
    const content = new TextEncoder().encode(json({ columns, data: rows }));
    const facts = { _type: "table-file", ncols: columns.length, nrows: rows.length };
    await this.#media(name, facts, "table", content, "table.json", step);
  }

  /** Waits until everything is written. */
  async save(): Promise<void> {
    await this.#entries.flush();
  }

  /** Ends the run. */
  async finalize(status: string): Promise<void> {
    if (this.#opening === null) return;
    const code = status === "success" ? 0 : 1;
    void this.#entries.give(
      { record: summaryRecord(this.#summary) },
      { record: exitRecord(code, Date.now() / 1000 - this.#run.started) },
    );
    await this.#entries.close();
    this.#outbox?.put({ kind: "end", code });
    await this.#outbox?.close(this.#flushSeconds);
  }

  async #begin(): Promise<void> {
    const path = joinPath(this.logDir, `run-${this.version}.wandb`);
    await makeDir(joinPath(this.logDir, "files"));
    if (await exists(path)) throw new Error(`Cannot begin a run in ${this.logDir}: there is one already`);
    this.#file = new GrowingFile(path);
    void this.#entries.give(
      { record: headerRecord() },
      { record: runRecord(this.#run) },
      { record: axisRecord("*", "trainer/global_step") },
    );
  }

  async #row(values: Readonly<Record<string, unknown>>, file?: Entry["file"]): Promise<void> {
    await this.open();
    const now = Date.now() / 1000;
    const row = { ...values, _step: this.#rows, _timestamp: now, _runtime: now - this.#run.started };
    Object.assign(this.#summary, row);
    this.#outbox?.put({ kind: "row", row });
    const about = file === undefined ? [] : [{ record: mediaRecord(file.path), file }];
    await this.#entries.give(
      ...about,
      { record: historyRecord(this.#rows++, row) },
      { record: summaryRecord(row) },
    );
    if (file === undefined) return;
    const { path: name, bytes: { length: size } } = file;
    this.#outbox?.put({ kind: "file", name, path: joinPath(this.logDir, "files", name), size });
  }

  /** Writes a file, and the row that shows it. */
  async #media(
    name: string,
    facts: Readonly<Record<string, unknown>>,
    kind: string,
    bytes: Uint8Array,
    ending: string,
    step: number,
  ): Promise<void> {
    const hash = await sha256(bytes);
    const path = `media/${kind}/${mediaName(name, `${step}_${hash.slice(0, 20)}.${ending}`)}`;
    const shown = { ...facts, path, sha256: hash, size: bytes.length };
    await this.#row({ [name]: shown, "trainer/global_step": step }, { path, bytes });
  }

  /** Writes records; each has a number, which none loses and none gets twice. */
  async #write(entries: readonly Entry[]): Promise<void> {
    const out = this.#file!; // records come when the run has begun
    const size = await out.size(), pieces = size === 0 ? [HEADER] : [];
    let offset = size === 0 ? HEADER.length : size, number = this.#records;
    for (const { record, file } of entries) {
      if (file !== undefined) await this.#writeFile(file);
      const bytes = chunks(joined([new Message().integer(1, ++number).encode(), record.encode()]), offset);
      pieces.push(bytes);
      offset += bytes.length;
    }
    await out.append(joined(pieces));
    this.#records = number;
  }

  async #writeFile({ path, bytes }: NonNullable<Entry["file"]>): Promise<void> {
    const whole = joinPath(this.logDir, "files", path);
    await makeDir(dirname(whole));
    await writeFile(whole, bytes);
  }
}

/**
 * What sends a run to the service. It needs no spool: the run's own file holds everything.
 *
 * @throws {TypeError} If there is no key in the environment
 */
function outboxOf(run: RunInfo, folder: () => string): Outbox<OnlineItem> {
  const task = "make a WandbLogger with offline: false";
  if (!env("WANDB_API_KEY")) throw new TypeError(`Cannot ${task}: set WANDB_API_KEY in the environment`);
  const base = addressOf(task, "WANDB_BASE_URL", env("WANDB_BASE_URL") || "https://api.wandb.ai", "WANDB_API_KEY");
  const service = new WandbService(base, run, folder), abort = new AbortController();
  return new Outbox(service, sender(base, () => service.headers(), abort.signal), abort, null);
}

/** Eight letters and digits, as W&B's own ids. */
function randomId(): string {
  const digits = "abcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => digits[byte % 36]).join("");
}

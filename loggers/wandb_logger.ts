import { checkNames } from "../device/option_names.ts";
import { appendFile, exists, joinPath, makeDir } from "../platform/mod.ts";
import type { Logger, LogPoint } from "../trainer/mod.ts";
import type { Message } from "./_protobuf.ts";
import {
  axisRecord,
  chunks,
  configRecord,
  exitRecord,
  HEADER,
  headerRecord,
  historyRecord,
  type RunInfo,
  runRecord,
  summaryRecord,
} from "./_wandb_file.ts";

/** What a {@link WandbLogger} writes, and where. */
export interface WandbLoggerOptions {
  /** The folder that gets a folder `wandb`; default the current one. */
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
}

/**
 * Writes a run of Weights & Biases offline: a folder `wandb/offline-run-…` that `wandb sync` uploads. Nothing leaves the
 * machine here. The format is W&B's own, as wandb 0.30.0 reads it.
 *
 * Every row counts a step of its own, as W&B wants it; `trainer/global_step` is the x axis of all metrics.
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
  readonly #folder: string;
  readonly #summary: Record<string, unknown> = {};
  #offset = 0;
  #records = 0;
  #rows = 0;
  #opening: Promise<void> | null = null;
  /** Records are appended one after the other. */
  #writing: Promise<void> = Promise.resolve();

  /**
   * Makes the logger; it writes nothing before training begins.
   *
   * @param options What is written, and where
   * @throws {TypeError} If an option does not exist, or an id could be no part of a path
   */
  constructor(options: WandbLoggerOptions = {}) {
    checkNames("make a WandbLogger", options, {
      ...{ saveDir: true, project: true, entity: true, name: true, id: true, tags: true, config: true },
    });
    const { saveDir = ".", project = "fulgurite_logs", entity = null, name = null, tags = [], config = {} } = options;
    const id = options.id ?? randomId();
    if (!/^[\w-]{1,64}$/.test(id)) {
      throw new TypeError(`Cannot make a WandbLogger: id must have letters, digits, "_" and "-" only, got "${id}"`);
    }
    const now = new Date();
    this.#run = { id, project, entity, displayName: name, tags, config, started: now.getTime() / 1000 };
    const time = now.toISOString().replace(/[-:]/g, "").replace("T", "_").slice(0, 15);
    this.#folder = joinPath(saveDir, "wandb", `offline-run-${time}-${id}`);
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
    return this.#folder;
  }

  /** Makes the run's folder and begins its file. */
  async open(): Promise<void> {
    await (this.#opening ??= this.#begin());
  }

  /** Writes a row, and the latest values of all metrics. */
  async logMetrics(metrics: Readonly<Record<string, number>>, at: LogPoint): Promise<void> {
    await this.open();
    const now = Date.now() / 1000, { step, epoch } = at;
    const row = { ...metrics, epoch, "trainer/global_step": step };
    const times = { _step: this.#rows, _timestamp: now, _runtime: now - this.#run.started };
    const records = [historyRecord(this.#rows++, { ...row, ...times }), summaryRecord({ ...row, ...times })];
    Object.assign(this.#summary, row);
    await this.#write(records);
  }

  /** Writes what the run was configured with. */
  async logHyperparams(params: Readonly<Record<string, unknown>>): Promise<void> {
    await this.open();
    await this.#write([configRecord(params)]);
  }

  /** Waits until everything is written. */
  async save(): Promise<void> {
    await this.#writing;
  }

  /** Ends the run. */
  async finalize(status: string): Promise<void> {
    if (this.#opening === null) return;
    await this.open();
    await this.#write([
      summaryRecord(this.#summary),
      exitRecord(status === "success" ? 0 : 1, Date.now() / 1000 - this.#run.started),
    ]);
  }

  get #file(): string {
    return joinPath(this.#folder, `run-${this.#run.id}.wandb`);
  }

  async #begin(): Promise<void> {
    await makeDir(joinPath(this.#folder, "files"));
    if (await exists(this.#file)) throw new Error(`Cannot begin a run in ${this.#folder}: there is one already`);
    await appendFile(this.#file, HEADER);
    this.#offset = HEADER.length;
    await this.#write([headerRecord(), runRecord(this.#run), axisRecord("*", "trainer/global_step")]);
  }

  #write(records: readonly Message[]): Promise<void> {
    const before = this.#writing;
    const written = (async () => {
      await before.catch(() => {}); // told to whom it happened
      for (const record of records) {
        const bytes = chunks(record.integer(1, ++this.#records).encode(), this.#offset);
        await appendFile(this.#file, bytes);
        this.#offset += bytes.length;
      }
    })();
    this.#writing = written;
    return written;
  }
}

/** Eight letters and digits, as W&B's own ids. */
function randomId(): string {
  const digits = "abcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => digits[byte % 36]).join("");
}

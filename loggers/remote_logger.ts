import {
  basename,
  exists,
  joinPath,
  linkFile,
  listDir,
  makeDir,
  processId,
  remove,
  runtime,
  stat,
  writeErr,
} from "../platform/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Logger, LogPoint, MediaPoint, Table } from "../trainer/mod.ts";
import { sender } from "./_http.ts";
import type { OptionKinds } from "./_kinds.ts";
import { base64Of, type FileItem, type FileKind, type Item, sendable } from "./_item.ts";
import { checkedTable, histogramOf, mediaName, pixelsOf } from "./_media.ts";
import { checkSeconds, Outbox } from "./_outbox.ts";
import { encodePng } from "./_png.ts";
import type { RunService } from "./_run_service.ts";
import { Spool } from "./_spool.ts";
import { flattened, json } from "./_values.ts";

/** What all loggers that send to a service have in common. */
export interface RemoteLoggerOptions {
  /** The folder for what could not be sent; default `fulgurite_logs` in the trainer's `defaultRootDir`. */
  saveDir?: string;
  /** Stands before the name of each metric; default nothing. */
  prefix?: string;
  /**
   * Which checkpoints are sent: `false` (default) none, `true` those that are left when training ends, `"all"` each
   * when it is saved.
   */
  logModel?: boolean | "all";
  /**
   * Seconds without progress for which the end of training waits for the server; default 10. Progress is an entry that
   * it has taken, so a slow one gets everything, however long that takes; a wait of more than 5 seconds is told. When
   * the time is over, the request under way is broken off, and what is left stays in a file below `saveDir/unsent`,
   * which a warning names and {@link replaySpool} sends; a file that is uploaded has as long as its size wants; 0 waits
   * for none, infinity for all.
   */
  flushSeconds?: number;
}

/** What {@link RemoteLoggerOptions} must be. */
export const REMOTE_OPTIONS: OptionKinds<RemoteLoggerOptions> = {
  ...{ saveDir: "text", prefix: "text", logModel: "checked", flushSeconds: "checked" },
};

let spools = 0;

/**
 * A logger that sends to a service over HTTP. Rows go into a queue and are sent in the background in batches; training
 * never waits for a server and never fails with it. While one is away, rows are kept in a file below
 * `saveDir/unsent` and sent when it is back, or later by {@link replaySpool}. What answers but is not the service, such
 * as a login page, ends sending: it is told once, and all that comes goes to that file.
 */
export abstract class RemoteLogger implements Logger {
  readonly #service: RunService;
  readonly #saveDir: string | null;
  #rootDir = ".";
  /** `null` before the run begins. */
  #outbox: Outbox<Item> | null = null;
  readonly #prefix: string;
  readonly #logModel: boolean | "all";
  readonly #flushSeconds: number;
  readonly #params = new Map<string, string>();
  readonly #checkpoints = new Set<string>();
  #ended = false;

  /**
   * Makes the logger; it sends nothing before training begins.
   *
   * @param service Where items go
   * @param options What all loggers of services have in common
   * @throws {TypeError} If an option is wrong
   */
  constructor(service: RunService, options: RemoteLoggerOptions) {
    const { saveDir = null, prefix = "", logModel = false, flushSeconds = 10 } = options;
    if (logModel !== "all" && typeof logModel !== "boolean") {
      throw new TypeError(`Cannot make a ${new.target.name}: logModel must be true, false or "all", got ${logModel}`);
    }
    checkSeconds(`make a ${new.target.name}`, "flushSeconds", flushSeconds);
    this.#service = service;
    this.#prefix = prefix;
    this.#logModel = logModel;
    this.#flushSeconds = flushSeconds;
    this.#saveDir = saveDir;
  }

  /** The experiment or project. */
  get name(): string {
    return this.#service.name;
  }

  /** The run: its id, once the service has given one, before that its name. */
  get version(): string {
    return this.#service.version;
  }

  /** There is no folder for files of the run. */
  get logDir(): null {
    return null;
  }

  /** Entries that are not sent yet. */
  get unsent(): number {
    return this.#outbox?.left ?? 0;
  }

  get #unsent(): string {
    return joinPath(this.#saveDir ?? joinPath(this.#rootDir, "fulgurite_logs"), "unsent");
  }

  /** Has what could not be sent lie below a trainer's folder, unless `saveDir` was given. */
  setRootDir(folder: string): void {
    if (this.#outbox === null) this.#rootDir = folder;
  }

  /** Begins the run; it does not wait for the server. */
  open(): void {
    this.#begun();
  }

  /** Sends a row, in the background. */
  logMetrics(metrics: Readonly<Record<string, number>>, { step, epoch }: LogPoint): void {
    const time = Date.now(), withEpoch = this.#service.epochIsMetric ? { epoch, ...metrics } : metrics;
    this.#put(
      ...Object.entries(withEpoch).map(([name, value]): Item => ({
        ...{ kind: "metric", name: this.#service.metricName(this.#prefix + name), value: sendable(value) },
        ...{ step, epoch, time },
      })),
    );
  }

  /**
   * Sends the hyperparameters; nested ones get names such as `optimizer/lr`. One that was sent before with the same
   * value is left out.
   */
  logHyperparams(params: Readonly<Record<string, unknown>>): void {
    const all = Object.entries(flattened(params)).map(([name, value]) => this.#service.param(name, String(value)));
    const fresh = all.filter(({ name, value }) => this.#params.get(name) !== value);
    for (const { name, value } of fresh) this.#params.set(name, value);
    const time = Date.now();
    this.#put(...fresh.map((param) => ({ ...param, time })));
  }

  /**
   * Sends a picture as PNG.
   *
   * @param name Its name; slashes make folders
   * @param image [C, H, W] with 1, 3 or 4 channels: floats from 0 to 1, or whole numbers from 0 to 255
   * @param at The step, and a caption
   * @throws {TypeError} If it is no image
   */
  async logImage(name: string, image: Tensor, at: MediaPoint): Promise<void> {
    this.#file("image", name, at, "png", await encodePng(await pixelsOf(name, image)));
  }

  /** Sends a text. */
  logText(name: string, text: string, at: MediaPoint): void {
    this.#file("text", name, at, "txt", new TextEncoder().encode(text));
  }

  /** Sends how the finite values of a tensor are distributed, as JSON; they are counted on the device. */
  async logHistogram(name: string, values: Tensor, at: MediaPoint): Promise<void> {
    this.#file("histogram", name, at, "histogram.json", new TextEncoder().encode(json(await histogramOf(values))));
  }

  /**
   * Sends a table, as JSON with `columns` and `data`.
   *
   * @throws {TypeError} If a row is shorter or longer than the columns are many
   */
  logTable(name: string, table: Table, at: MediaPoint): void {
    const { columns, rows } = checkedTable(name, table);
    this.#file("table", name, at, "json", new TextEncoder().encode(json({ columns, data: rows })));
  }

  /** Takes a checkpoint to be sent, as `logModel` says. Its files are linked, not copied, and nothing is waited for. */
  async afterSaveCheckpoint(path: string): Promise<void> {
    if (this.#logModel === "all") await this.#sendCheckpoint(path, true);
    else if (this.#logModel) this.#checkpoints.add(path);
  }

  /**
   * Sends what is left, and says how the run ended. It waits as long as the server takes something at least every
   * `flushSeconds`; what it did not take then stays in the file that a warning names.
   */
  async finalize(status: string): Promise<void> {
    if (this.#outbox === null || this.#ended) return;
    this.#ended = true;
    for (const path of this.#checkpoints) await this.#sendCheckpoint(path, false);
    this.#put({ kind: "end", status, time: Date.now() });
    await this.#outbox.close(this.#flushSeconds);
  }

  #put(...items: readonly Item[]): void {
    this.#begun().put(...items);
  }

  #begun(): Outbox<Item> {
    if (this.#outbox !== null) return this.#outbox;
    const service = this.#service, abort = new AbortController();
    const path = joinPath(this.#unsent, `${service.kind}-${Date.now()}-${processId()}-${spools++}.jsonl`);
    const spool = runtime === "browser"
      ? null
      : new Spool<Item>(path, () => ({ service: service.kind, run: service.run }));
    const send = sender(service.base, () => service.headers(), abort.signal);
    this.#outbox = new Outbox(service, send, abort, spool);
    this.#outbox.put(...service.opening());
    return this.#outbox;
  }

  #file(what: FileKind, name: string, { step, caption }: MediaPoint, ending: string, bytes: Uint8Array): void {
    const folder = { image: "images", text: "texts", histogram: "histograms", table: "tables", checkpoint: "" }[what];
    this.#put({
      ...{
        kind: "file",
        what,
        name: `${folder}/${mediaName(name, `${step}.${ending}`)}`,
        step,
        caption: caption ?? null,
      },
      ...{ content: { base64: base64Of(bytes) }, size: bytes.length, ours: false },
    });
  }

  /** Puts a checkpoint's files into the queue; `held` ones have second names of ours, as the folder may be removed. */
  async #sendCheckpoint(path: string, held: boolean): Promise<void> {
    try {
      if (!await exists(path)) return; // it was not among the best for long
      this.#put(...await filesOf(path, held ? joinPath(this.#unsent, "checkpoints", crypto.randomUUID()) : null));
    } catch (error) {
      writeErr(`Warning: ${this.#service.title} does not get checkpoint ${path}: ${(error as Error).message}\n`);
    }
  }
}

/** The files of a checkpoint folder, each as an item. */
async function filesOf(folder: string, linkedIn: string | null): Promise<FileItem[]> {
  if (linkedIn !== null) await makeDir(linkedIn);
  const items: FileItem[] = [];
  for (const name of await listDir(folder)) {
    const from = joinPath(folder, name), path = linkedIn === null ? from : joinPath(linkedIn, name);
    const { size, isDirectory } = await stat(from);
    if (isDirectory) continue;
    if (linkedIn !== null) await linkFile(from, path);
    items.push({
      ...{
        kind: "file",
        what: "checkpoint",
        name: `checkpoints/${basename(folder)}/${name}`,
        step: null,
        caption: null,
      },
      ...{ content: { path }, size, ours: linkedIn !== null },
    });
  }
  return items;
}

/** Removes a file of ours that was sent, and its folder with the last one. */
export async function forget({ content, ours }: FileItem): Promise<void> {
  if (!ours || !("path" in content)) return;
  const folder = joinPath(content.path, "..");
  await remove(content.path);
  if ((await listDir(folder)).length === 0) await remove(folder);
}

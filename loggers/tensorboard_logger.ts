import { checkNames } from "../device/option_names.ts";
import {
  amax,
  amin,
  bincount,
  clamp,
  div,
  floor,
  isfinite,
  square,
  stack,
  sub,
  sum,
  to,
  where,
} from "../kernels/mod.ts";
import { appendFile, joinPath, processId } from "../platform/mod.ts";
import { noGrad } from "../tensor/grad_mode.ts";
import { scope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { toHost, toHostAll } from "../tensor/to_host.ts";
import type { Logger, LogPoint } from "../trainer/mod.ts";
import {
  frame,
  type Histogram,
  histogramValue,
  hparamsValues,
  type Hyperparameters,
  imageValue,
  scalarValue,
  sessionEndValue,
  summaryEvent,
  textValue,
  versionEvent,
} from "./_events.ts";
import { encodePng } from "./_png.ts";
import type { Message } from "./_protobuf.ts";
import { RunFolder, type RunFolderOptions } from "./_run_folder.ts";

/** Where a {@link TensorBoardLogger} writes. */
export interface TensorBoardLoggerOptions extends RunFolderOptions {
  /** Stands before the name of each metric; default nothing. */
  prefix?: string;
  /** Whether a metric `hp_metric` stands for the run among the hyperparameters until one is logged; default true. */
  defaultHpMetric?: boolean;
}

const BINS = 30;
let files = 0;

/**
 * Writes event files that TensorBoard shows: metrics of every row, hyperparameters, and, where you add them, texts, images
 * and histograms. Every value is written as soon as it comes, in whole records.
 *
 * @example
 * ```ts
 * import { TensorBoardLogger } from "@fulgurite/core/loggers";
 *
 * const logger = new TensorBoardLogger({ saveDir: "logs", name: "mnist", version: "first" });
 * console.log(logger.logDir); // "logs/mnist/first", for tensorboard --logdir logs
 * ```
 */
export class TensorBoardLogger implements Logger {
  readonly #folder: RunFolder;
  readonly #prefix: string;
  readonly #defaultHpMetric: boolean;
  #file: Promise<string> | null = null;
  /** Records are appended one after the other. */
  #writing: Promise<void> = Promise.resolve();
  #configured = false;

  /**
   * Makes the logger; it writes nothing before training begins.
   *
   * @param options Where to write
   * @throws {TypeError} If an option does not exist
   */
  constructor(options: TensorBoardLoggerOptions = {}) {
    const names = { saveDir: true, name: true, version: true, prefix: true, defaultHpMetric: true } as const;
    checkNames("make a TensorBoardLogger", options, names);
    this.#folder = new RunFolder(options);
    this.#prefix = options.prefix ?? "";
    this.#defaultHpMetric = options.defaultHpMetric ?? true;
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

  /** Chooses the run's folder and makes it. */
  async open(): Promise<void> {
    await this.#folder.open();
  }

  /** Writes a row: each metric, and the epoch. */
  async logMetrics(metrics: Readonly<Record<string, number>>, at: LogPoint): Promise<void> {
    const values = Object.entries({ epoch: at.epoch, ...metrics });
    await this.#write(at.step, values.map(([tag, value]) => scalarValue(this.#prefix + tag, value)));
  }

  /**
   * Writes the hyperparameters; nested ones get names such as `optimizer/lr`.
   *
   * @param params What the run was configured with
   * @param metrics Names of the metrics that are shown beside them
   */
  async logHyperparams(params: Readonly<Record<string, unknown>>, metrics: readonly string[] = []): Promise<void> {
    const shown = metrics.length > 0 ? metrics : this.#defaultHpMetric ? ["hp_metric"] : [];
    if (metrics.length === 0 && this.#defaultHpMetric) await this.addScalar("hp_metric", -1, 0);
    const seconds = Date.now() / 1000, name = `${this.name}/${this.version}`;
    await this.#write(0, hparamsValues(flattened(params), shown, name, seconds));
    this.#configured = true;
  }

  /** Writes a number. */
  async addScalar(tag: string, value: number, step: number): Promise<void> {
    await this.#write(step, [scalarValue(tag, value)]);
  }

  /** Writes a text, shown as Markdown. */
  async addText(tag: string, text: string, step: number): Promise<void> {
    await this.#write(step, [textValue(tag, text)]);
  }

  /**
   * Writes an image.
   *
   * @param tag Its name
   * @param image [C, H, W] with 1, 3 or 4 channels: floats from 0 to 1, or whole numbers from 0 to 255
   * @param step The step
   * @throws {TypeError} If it is no image
   */
  async addImage(tag: string, image: Tensor, step: number): Promise<void> {
    const [channels, height, width] = image.shape;
    if (image.ndim !== 3 || (channels !== 1 && channels !== 3 && channels !== 4)) {
      throw new TypeError(
        `Cannot add image ${tag}: it must be [C, H, W] with 1, 3 or 4 channels, its shape is [${
          image.shape.join(", ")
        }]`,
      );
    }
    const { reading } = scope(() => noGrad(() => ({ reading: toHost(to(image.permute([1, 2, 0]), "f32")) })));
    const scale = image.dtype === "i32" || image.dtype === "u32" ? 1 : 255;
    const data = Uint8ClampedArray.from((await reading).data as Float32Array, (value) => Math.round(value * scale));
    const pixels = { width, height, channels, data: new Uint8Array(data.buffer) } as const;
    await this.#write(step, [imageValue(tag, await encodePng(pixels), pixels)]);
  }

  /**
   * Writes how the finite values of a tensor are distributed. They are counted on the device.
   *
   * @param tag Its name
   * @param values Any shape, numbers
   * @param step The step
   */
  async addHistogram(tag: string, values: Tensor, step: number): Promise<void> {
    await this.#write(step, [histogramValue(tag, await histogramOf(values))]);
  }

  /** Waits until everything is written. */
  async save(): Promise<void> {
    await this.#writing;
  }

  /** Ends the run. */
  async finalize(status: string): Promise<void> {
    if (this.#configured) await this.#write(0, [sessionEndValue(status === "success", Date.now() / 1000)]);
    await this.save();
  }

  #write(step: number, values: readonly Message[]): Promise<void> {
    const event = frame(summaryEvent(Date.now() / 1000, step, values));
    const before = this.#writing;
    const written = (async () => {
      await before.catch(() => {}); // told to whom it happened
      await appendFile(await (this.#file ??= this.#begin()), event);
    })();
    this.#writing = written;
    return written;
  }

  /** Begins a file whose name no other has. */
  async #begin(): Promise<string> {
    await this.open();
    const seconds = Math.floor(Date.now() / 1000);
    const path = joinPath(this.logDir, `events.out.tfevents.${seconds}.fulgurite.${processId()}.${files++}`);
    await appendFile(path, frame(versionEvent(Date.now() / 1000)));
    return path;
  }
}

/** Nested objects as one, their names joined; what is no number, text or truth value as its text. */
function flattened(params: Readonly<Record<string, unknown>>, prefix = ""): Hyperparameters {
  const flat: Record<string, string | number | boolean> = {};
  for (const [key, value] of Object.entries(params)) {
    const name = prefix + key;
    if (typeof value === "number" || typeof value === "boolean" || typeof value === "string") flat[name] = value;
    else if (value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
      Object.assign(flat, flattened(value as Record<string, unknown>, `${name}/`));
    } else flat[name] = Array.isArray(value) ? JSON.stringify(value) : String(value);
  }
  return flat;
}

async function histogramOf(values: Tensor): Promise<Histogram> {
  const nothing = { min: 0, max: 0, count: 0, sum: 0, sumSquares: 0, limits: [0], counts: [0] };
  if (values.numel === 0) return nothing;
  const { reading } = scope(() =>
    noGrad(() => {
      const x = to(values, "f32"), known = isfinite(x);
      const least = amin(where(known, x, Infinity)), most = amax(where(known, x, -Infinity));
      const width = div(sub(most, least), BINS);
      const bin = clamp(floor(div(sub(x, least), where(width.eq(0), 1, width))), { min: 0, max: BINS - 1 });
      const counts = bincount(where(known, to(bin, "i32"), -1), { numBins: BINS });
      const kept = where(known, x, 0);
      const facts = stack([least, most, sum(kept), sum(square(kept)), to(sum(known), "f32")]);
      return { reading: toHostAll([facts, counts]) };
    })
  );
  const [facts, counts] = await reading;
  const [min, max, total, sumSquares, count] = facts.data as Float32Array;
  if (count === 0) return nothing;
  const limits = Array.from({ length: BINS }, (_, i) => i === BINS - 1 ? max : min + (max - min) * (i + 1) / BINS);
  const filled = Array.from(counts.data as Int32Array);
  return { min, max, count: filled.reduce((a, b) => a + b), sum: total, sumSquares, limits, counts: filled };
}

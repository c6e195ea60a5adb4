import * as z from "zod";
import { checkOptions } from "../trainer/check_options.ts";
import { Callback, type LightningModule, type Trainer } from "../trainer/mod.ts";

/** What a {@link ThroughputMonitor} measures. */
export interface ThroughputMonitorOptions {
  /** Samples in a batch. */
  batchSizeFn: (batch: unknown) => number;
  /** Items in one sample of a batch, such as its tokens; default: items are not told. */
  lengthFn?: ((batch: unknown) => number) | null;
  /**
   * Floating-point operations of a training batch, backward included; default: the module's `flopsPerBatch`, if any.
   */
  flopsPerBatch?: number | null;
  /** What the hardware can do in a second: with it the share that is used is told (MFU). */
  availableFlops?: number | null;
  /** Batches that rates are taken over; default 100. */
  windowSize?: number;
  /** What stands between the stage and the name; default `"|"`. */
  separator?: string;
}

const fn = z.custom<(batch: unknown) => number>((value) => typeof value === "function");
const positive = z.number().positive().nullable().default(null);
const rules = {
  batchSizeFn: [fn, "a function of the batch"],
  lengthFn: [fn.nullable().default(null), "a function of the batch or null"],
  flopsPerBatch: [positive, "a number above 0 or null"],
  availableFlops: [positive, "a number above 0 or null"],
  windowSize: [z.int().min(2).default(100), "a whole number from 2 on"],
  separator: [z.string().default("|"), "a text"],
} as const;

/** A moment between two batches, with what was done until then. */
interface Mark {
  readonly seconds: number;
  readonly batches: number;
  readonly samples: number;
  readonly items: number;
}

const NONE: Mark = { seconds: 0, batches: 0, samples: 0, items: 0 };

/**
 * Logs with each row of steps how much is done: batches, samples, items and floating-point operations a second over the
 * last batches, and the share of the hardware's peak that this is (`train|device/samples_per_sec`, …,
 * `train|device/mfu`).
 *
 * The host runs at most a few batches ahead of the device, so over a window its clock tells the device's pace.
 *
 * @example
 * ```ts
 * import { ThroughputMonitor } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 * import type { Tensor } from "@fulgurite/core";
 *
 * const monitor = new ThroughputMonitor({
 *   batchSizeFn: (batch) => (batch as { x: Tensor }).x.shape[0],
 *   lengthFn: (batch) => (batch as { x: Tensor }).x.shape[1], // tokens
 *   flopsPerBatch: 3.2e9,
 *   availableFlops: 60e12,
 * });
 * new Trainer({ callbacks: monitor, logEveryNSteps: 10 });
 * ```
 */
export class ThroughputMonitor extends Callback {
  readonly #options: ReturnType<typeof checkOptions<typeof rules>>;
  #marks: Mark[] = [];
  #started = 0;
  #due = false;

  /**
   * Makes the callback.
   *
   * @param options What it measures
   * @throws {TypeError} Naming each option that is wrong
   */
  constructor(options: ThroughputMonitorOptions) {
    super();
    this.#options = checkOptions("a ThroughputMonitor", rules, options);
  }

  /** Rates over the window, by name; none before there were two batches. */
  rates(flopsPerBatch: number | null = this.#options.flopsPerBatch): Record<string, number> {
    const last = this.#marks.at(-1), first = this.#marks[0];
    if (last === undefined || last === first) return {};
    const { availableFlops, lengthFn } = this.#options;
    const seconds = last.seconds - first.seconds, batches = last.batches - first.batches;
    const flops = flopsPerBatch === null ? null : flopsPerBatch * batches / seconds;
    return {
      "device/batches_per_sec": batches / seconds,
      "device/samples_per_sec": (last.samples - first.samples) / seconds,
      ...lengthFn === null ? {} : { "device/items_per_sec": (last.items - first.items) / seconds },
      ...flops === null ? {} : { "device/flops_per_sec": flops },
      ...flops === null || availableFlops === null ? {} : { "device/mfu": flops / availableFlops },
    };
  }

  /** Starts the clock. */
  override onTrainStart(): void {
    this.#start();
  }

  /** Sees whether the batch ends with a row. */
  override onTrainBatchStart(trainer: Trainer): void {
    this.#due = trainer.logsThisBatch;
  }

  /** Counts the batch, and logs. */
  override onTrainBatchEnd(_trainer: Trainer, module: LightningModule, _outputs: unknown, batch: unknown): void {
    this.#count(batch);
    if (this.#due) this.#log(module, "train", { onStep: true, onEpoch: false });
  }

  /** Starts the clock of a validation by itself; one within fit is left out of training's time. */
  override onValidationStart(trainer: Trainer): void {
    if (trainer.stage === "fit") this.#paused = performance.now();
    else this.#start();
  }
  #paused = 0;

  /** Counts a batch of it. */
  override onValidationBatchEnd(trainer: Trainer, _module: LightningModule, _outputs: unknown, batch: unknown): void {
    if (trainer.stage !== "fit") this.#count(batch);
  }

  /** Logs a validation by itself. */
  override onValidationEpochEnd(trainer: Trainer, module: LightningModule): void {
    if (trainer.stage !== "fit") this.#log(module, "validate", { onEpoch: true });
  }

  /** Lets training's clock go on. */
  override onValidationEnd(trainer: Trainer): void {
    if (trainer.stage === "fit") this.#started += performance.now() - this.#paused;
  }

  /** Starts the clock of a test. */
  override onTestStart(): void {
    this.#start();
  }

  /** Counts a batch of it. */
  override onTestBatchEnd(_trainer: Trainer, _module: LightningModule, _outputs: unknown, batch: unknown): void {
    this.#count(batch);
  }

  /** Logs a test. */
  override onTestEpochEnd(_trainer: Trainer, module: LightningModule): void {
    this.#log(module, "test", { onEpoch: true });
  }

  #start(): void {
    this.#started = performance.now();
    this.#marks = [NONE];
  }

  #count(batch: unknown): void {
    const { batchSizeFn, lengthFn, windowSize } = this.#options;
    const { batches, samples, items } = this.#marks.at(-1) ?? NONE, size = batchSizeFn(batch);
    this.#marks.push({
      seconds: (performance.now() - this.#started) / 1000,
      batches: batches + 1,
      samples: samples + size,
      items: items + (lengthFn === null ? 0 : size * lengthFn(batch)),
    });
    if (this.#marks.length > windowSize + 1) this.#marks.shift();
  }

  #log(module: LightningModule, stage: string, when: { onStep?: boolean; onEpoch: boolean }): void {
    const { flopsPerBatch, separator, lengthFn } = this.#options,
      { flopsPerBatch: own } = module as { flopsPerBatch?: unknown };
    const { seconds, batches, samples, items } = this.#marks.at(-1) ?? NONE;
    const told = {
      time: seconds,
      batches,
      samples,
      ...lengthFn === null ? {} : { lengths: items },
      ...this.rates(flopsPerBatch ?? (typeof own === "number" ? own : null)),
    };
    for (const [name, value] of Object.entries(told)) {
      module.log(`${stage}${separator}${name}`, value, { ...when, batchSize: 1 });
    }
  }
}

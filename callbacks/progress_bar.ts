import * as z from "zod";
import { drawErr, endErr, env, eraseErr, isTerminal, terminalColumns, writeErr } from "../platform/mod.ts";
import { columnsOf, fitted } from "../trainer/_columns.ts";
import { checkOptions } from "../trainer/check_options.ts";
import { Callback, type LightningModule, type Trainer } from "../trainer/mod.ts";

/** How a {@link ProgressBar} shows itself. */
export interface ProgressBarOptions {
  /** Batches between two drawings at least; 0: it shows nothing. Default 1. */
  refreshRate?: number;
  /** Least milliseconds between two drawings in a terminal; default 100. */
  refreshMilliseconds?: number;
  /** Least seconds between two lines where there is no terminal, as in a log file; default 10. */
  lineSeconds?: number;
}

const pause = z.number().min(0);
const rules = {
  refreshMilliseconds: [pause.default(100), "a number from 0 on"],
  refreshRate: [z.int().min(0).default(1), "a whole number from 0 on"],
  lineSeconds: [pause.default(10), "a number from 0 on"],
} as const;

/** A part of the line, and how a terminal that knows colours shows it (codes of ECMA-48). */
interface Segment {
  readonly text: string;
  readonly style?: string;
}

/** Least milliseconds between two looks at logged values, which have to be read from the device. */
const LEAST_BETWEEN_READS = 1000;

/** A loop that is being shown. */
interface Task {
  readonly title: string;
  /** Batches in all, `Infinity` if unknown. */
  readonly total: number;
  /** Batches that were done before, in an epoch that is resumed. */
  readonly before: number;
  readonly started: number;
  done: number;
}

/**
 * Shows how far training is. In a terminal one line is drawn over and over, and each epoch leaves one; elsewhere lines
 * follow each other at a calm pace, so that a log file stays readable. It writes to the error stream, and reads nothing
 * from the device.
 *
 * @example
 * ```ts
 * import { ProgressBar } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * const trainer = new Trainer({ callbacks: new ProgressBar({ lineSeconds: 60 }), logger: false });
 * console.log(trainer.callbacks.length); // 2: this one, and a ModelCheckpoint
 * ```
 */
export class ProgressBar extends Callback {
  readonly #batches: number;
  readonly #refresh: number;
  readonly #line: number;
  readonly #terminal: boolean;
  /** The loops that run, the innermost last: validation within training. */
  readonly #tasks: Task[] = [];
  #lastShown = -Infinity;
  #lastRead = -Infinity;
  /** The line of an epoch that was not shown, since the one before had just been. */
  #held: string | null = null;
  /** Whether parts of the line have colours. */
  protected readonly colored: boolean = false;

  /**
   * Makes the callback.
   *
   * @param options How often it draws
   * @throws {TypeError} Naming each option that is wrong
   */
  constructor(options: ProgressBarOptions = {}) {
    super();
    const { refreshRate, refreshMilliseconds, lineSeconds } = checkOptions(`a ${new.target.name}`, rules, options);
    this.#batches = refreshRate;
    this.#refresh = refreshMilliseconds;
    this.#line = 1000 * lineSeconds;
    this.#terminal = isTerminal("stderr");
  }

  /** Begins the bar of an epoch. */
  override onTrainEpochStart(trainer: Trainer): void {
    this.#beginEpoch(trainer, 0);
  }

  /** Moves the bar. */
  override onTrainBatchEnd(
    trainer: Trainer,
    _module: LightningModule,
    _outputs: unknown,
    _batch: unknown,
    batchIdx: number,
  ): void {
    // The start of an epoch that is resumed in its middle was in another process.
    if (this.#tasks.length === 0) this.#beginEpoch(trainer, batchIdx);
    this.#advance(trainer, batchIdx + 1);
  }

  /** Leaves the bar as a line. */
  override onTrainEpochEnd(trainer: Trainer): void {
    this.#end(trainer, trainer.currentEpoch + 1 >= trainer.maxEpochs);
  }

  /** Shows the last line if it was held back. */
  override onTrainEnd(trainer: Trainer): void {
    while (this.#tasks.length > 0) this.#end(trainer, true);
    if (this.#held !== null) writeErr(this.#held + "\n");
    this.#held = null;
  }

  /** Shows a validation in place of the epoch. */
  override onValidationStart(trainer: Trainer): void {
    this.#begin(trainer.sanityChecking ? "Sanity check" : "Validation", sum(trainer.numEvalBatches));
  }

  /** Moves the validation's bar. */
  override onValidationBatchEnd(trainer: Trainer): void {
    this.#step(trainer);
  }

  /** Goes back to the epoch; a validation by itself leaves a line. */
  override onValidationEnd(trainer: Trainer): void {
    if (trainer.stage === "validate") return this.#end(trainer, true);
    this.#tasks.pop();
    eraseErr();
  }

  /** Begins the test's bar. */
  override onTestStart(trainer: Trainer): void {
    this.#begin("Test", sum(trainer.numEvalBatches));
  }

  /** Moves the test's bar. */
  override onTestBatchEnd(trainer: Trainer): void {
    this.#step(trainer);
  }

  /** Leaves the test's bar as a line. */
  override onTestEnd(trainer: Trainer): void {
    this.#end(trainer, true);
  }

  /** Begins the prediction's bar. */
  override onPredictStart(trainer: Trainer): void {
    this.#begin("Prediction", sum(trainer.numEvalBatches));
  }

  /** Moves the prediction's bar. */
  override onPredictBatchEnd(trainer: Trainer): void {
    this.#step(trainer);
  }

  /** Leaves the prediction's bar as a line. */
  override onPredictEnd(trainer: Trainer): void {
    this.#end(trainer, true);
  }

  /** Leaves the bar where it is, so that the error stands below it. */
  override onException(): void {
    endErr();
    this.#tasks.length = 0;
    this.#held = null;
  }

  #beginEpoch(trainer: Trainer, done: number): void {
    this.#begin(`Epoch ${trainer.currentEpoch}`, trainer.numTrainingBatches, done);
  }

  #begin(title: string, total: number, before = 0): void {
    if (this.#batches === 0) return;
    this.#tasks.push({ title, total, before, started: performance.now(), done: before });
  }

  #step(trainer: Trainer): void {
    const task = this.#tasks.at(-1);
    if (task !== undefined) this.#advance(trainer, task.done + 1);
  }

  #advance(trainer: Trainer, done: number): void {
    const task = this.#tasks.at(-1);
    if (task === undefined) return;
    task.done = done;
    if (done % this.#batches !== 0 && done !== task.total) return;
    const now = performance.now();
    if (now - this.#lastShown < (this.#terminal ? this.#refresh : this.#line)) return;
    // A log file is not told of the first batches of what may be over at once.
    if (!this.#terminal && now - this.#tasks[0].started < this.#line) return;
    this.#lastShown = now;
    // Values of now are shown by the next drawing: nothing waits for them here.
    if (now - this.#lastRead >= LEAST_BETWEEN_READS) {
      this.#lastRead = now;
      trainer.readProgressBarMetrics();
    }
    if (this.#terminal) this.#draw(segmentsOf(task, trainer));
    else writeErr(textOf(task, trainer) + "\n");
  }

  /** The end of a loop. In a log file a line is held back while the one before is young, unless it is the last. */
  #end(trainer: Trainer, last: boolean): void {
    const task = this.#tasks.pop();
    if (task === undefined) return;
    const text = textOf(task, trainer);
    this.#held = null;
    if (this.#terminal) {
      this.#draw(segmentsOf(task, trainer));
      endErr();
    } else if (last || performance.now() - this.#lastShown >= Math.min(this.#line, 1000)) {
      writeErr(text + "\n");
      this.#lastShown = performance.now();
    } else this.#held = text;
  }

  /** Draws the line, no wider than the terminal. */
  #draw(segments: readonly Segment[]): void {
    const columns = Math.max(1, terminalColumns() - 1);
    let width = 0, line = "";
    for (const { text, style } of segments) {
      const shown = fitted(text, columns - width);
      width += columnsOf(shown);
      line += this.colored && style !== undefined ? `\x1b[${style}m${shown}\x1b[0m` : shown;
    }
    drawErr(line, width);
  }
}

/**
 * A {@link ProgressBar} whose parts have colours in a terminal: what is done green, times dim, metrics cyan. Where
 * there is no terminal, or the variable `NO_COLOR` is set, it is the plain one.
 *
 * @example
 * ```ts
 * import { RichProgressBar } from "@fulgurite/core/callbacks";
 * import { Trainer } from "@fulgurite/core/trainer";
 *
 * new Trainer({ callbacks: new RichProgressBar({ refreshMilliseconds: 50 }), logger: false });
 * ```
 */
export class RichProgressBar extends ProgressBar {
  /** Whether parts of the line have colours. */
  protected override readonly colored: boolean = !env("NO_COLOR");
}

function textOf(task: Task, trainer: Trainer): string {
  return segmentsOf(task, trainer).map(({ text }) => text).join("");
}

const BOLD = "1", DIM = "2", GREEN = "32", CYAN = "36";

function segmentsOf({ title, total, before, started, done }: Task, trainer: Trainer): Segment[] {
  const seconds = (performance.now() - started) / 1000;
  const rate = seconds > 0 ? (done - before) / seconds : 0;
  const pace = rate >= 1 || rate === 0 ? `${rate.toFixed(1)} it/s` : `${(1 / rate).toFixed(1)} s/it`;
  const metrics = Object.entries(trainer.progressBarMetrics).map(([name, value]): Segment => ({
    text: ` ${name}=${shortNumber(value)}`,
    style: CYAN,
  }));
  const head = { text: title, style: BOLD };
  if (!Number.isFinite(total) || total === 0) {
    return [head, { text: `: ${done} ` }, { text: `[${clock(seconds)}, ${pace}]`, style: DIM }, ...metrics];
  }
  const left = rate > 0 ? clock((total - done) / rate) : "?";
  const percent = `${Math.floor(100 * done / total)}%`.padStart(4);
  const bar = bars(done / total, 20);
  return [
    head,
    { text: `: ${percent} |` },
    { text: bar, style: GREEN },
    { text: `| ${done}/${total} ` },
    { text: `[${clock(seconds)}<${left}, ${pace}]`, style: DIM },
    ...metrics,
  ];
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

function bars(share: number, width: number): string {
  const eighths = Math.round(Math.max(0, Math.min(1, share)) * width * 8);
  return ("█".repeat(eighths >> 3) + EIGHTHS[eighths & 7]).padEnd(width);
}

function clock(seconds: number): string {
  const s = Math.round(seconds);
  const parts = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
  return (parts[0] > 0 ? parts : parts.slice(1)).map((part) => String(part).padStart(2, "0")).join(":");
}

function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return String(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : value.toPrecision(4);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}

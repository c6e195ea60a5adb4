import { isTerminal, terminalColumns, writeErr } from "../platform/mod.ts";
import { Callback, type LightningModule, type Trainer } from "../trainer/mod.ts";

/** How a {@link ProgressBar} shows itself. */
export interface ProgressBarOptions {
  /** Least milliseconds between two drawings in a terminal; default 100. */
  refreshMilliseconds?: number;
  /** Least seconds between two lines where there is no terminal, as in a log file; default 10. */
  lineSeconds?: number;
}

/** What is being shown: a loop with its count. */
interface Task {
  readonly title: string;
  readonly total: number;
  readonly started: number;
  done: number;
}

/**
 * Shows how far training is. In a terminal one line is drawn over and over; elsewhere lines follow each other at a calm
 * pace, so that a log file stays readable. It writes to the error stream, and reads nothing from the device.
 */
export class ProgressBar extends Callback {
  readonly #refresh: number;
  readonly #line: number;
  #task: Task | null = null;
  #outer: Task | null = null;
  #lastDrawn = 0;
  #width = 0;

  /** @param options How often it draws */
  constructor({ refreshMilliseconds = 100, lineSeconds = 10 }: ProgressBarOptions = {}) {
    super();
    this.#refresh = refreshMilliseconds;
    this.#line = 1000 * lineSeconds;
  }

  override onTrainEpochStart(trainer: Trainer): void {
    this.#begin(`Epoch ${trainer.currentEpoch}`, trainer.numTrainingBatches, trainer.batchIdx);
  }

  override onTrainBatchEnd(
    trainer: Trainer,
    _module: LightningModule,
    _outputs: unknown,
    _batch: unknown,
    batchIdx: number,
  ): void {
    this.#advance(trainer, batchIdx + 1);
  }

  override onTrainEpochEnd(trainer: Trainer): void {
    this.#end(trainer);
  }

  override onValidationStart(trainer: Trainer): void {
    this.#outer = this.#task;
    const total = trainer.numValBatches.reduce((sum, batches) => sum + batches, 0);
    this.#begin(trainer.sanityChecking ? "Sanity check" : "Validation", total);
  }

  override onValidationBatchEnd(trainer: Trainer): void {
    this.#advance(trainer, (this.#task?.done ?? 0) + 1);
  }

  override onValidationEnd(): void {
    this.#erase();
    this.#task = this.#outer;
    this.#outer = null;
  }

  override onTestStart(): void {
    this.#begin("Test", Infinity);
  }

  override onTestBatchEnd(trainer: Trainer): void {
    this.#advance(trainer, (this.#task?.done ?? 0) + 1);
  }

  override onTestEnd(trainer: Trainer): void {
    this.#end(trainer);
  }

  override onPredictStart(): void {
    this.#begin("Prediction", Infinity);
  }

  override onPredictBatchEnd(trainer: Trainer): void {
    this.#advance(trainer, (this.#task?.done ?? 0) + 1);
  }

  override onPredictEnd(trainer: Trainer): void {
    this.#end(trainer);
  }

  override onException(): void {
    if (this.#width > 0) writeErr("\n");
    this.#width = 0;
    this.#task = null;
  }

  #begin(title: string, total: number, done = 0): void {
    this.#task = { title, total, started: performance.now(), done };
    this.#lastDrawn = performance.now();
  }

  #advance(trainer: Trainer, done: number): void {
    const task = this.#task;
    if (task === null) return;
    task.done = done;
    const now = performance.now();
    const terminal = isTerminal();
    if (now - this.#lastDrawn < (terminal ? this.#refresh : this.#line)) return;
    this.#lastDrawn = now;
    if (terminal) this.#draw(this.#text(trainer, task));
    else writeErr(this.#text(trainer, task) + "\n");
  }

  #end(trainer: Trainer): void {
    const task = this.#task;
    if (task === null) return;
    const text = this.#text(trainer, task);
    if (isTerminal()) this.#draw(text);
    writeErr(isTerminal() ? "\n" : text + "\n");
    this.#width = 0;
    this.#task = null;
  }

  #draw(text: string): void {
    const columns = terminalColumns() - 1;
    const line = text.length > columns ? text.slice(0, columns) : text;
    writeErr("\r" + line.padEnd(Math.min(this.#width, columns)));
    this.#width = line.length;
  }

  #erase(): void {
    if (this.#width > 0) writeErr("\r" + " ".repeat(this.#width) + "\r");
    this.#width = 0;
  }

  #text(trainer: Trainer, { title, total, started, done }: Task): string {
    const seconds = (performance.now() - started) / 1000;
    const rate = seconds > 0 ? done / seconds : 0;
    const metrics = Object.entries(trainer.progressBarMetrics).map(([name, value]) => `${name}=${shortNumber(value)}`);
    const pace = `${rate >= 1 || rate === 0 ? `${rate.toFixed(1)} it/s` : `${(1 / rate).toFixed(1)} s/it`}`;
    if (!Number.isFinite(total) || total === 0) {
      return [`${title}: ${done}`, `[${clock(seconds)}, ${pace}]`, ...metrics].join(" ");
    }
    const left = rate > 0 ? clock((total - done) / rate) : "?";
    const bar = bars(done / total, 20);
    const percent = `${Math.floor(100 * done / total)}%`.padStart(4);
    return [`${title}: ${percent} |${bar}| ${done}/${total}`, `[${clock(seconds)}<${left}, ${pace}]`, ...metrics].join(
      " ",
    );
  }
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
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : value.toPrecision(4);
}

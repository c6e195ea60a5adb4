import type { StateDict } from "../data/mod.ts";
import type { Metric } from "../metrics/mod.ts";
import type { Every } from "./amounts.ts";
import { Interval } from "./interval.ts";
import type { Loggable, LogOptions } from "./log.ts";
import type { Logger, LogPoint, MediaPoint } from "./logger.ts";
import { LoggerLine } from "./logger_line.ts";
import { type LoaderPlace, MetricStore } from "./metric_store.ts";
import { type ReadValue, readValues } from "./named_values.ts";
import { type FitProgress, rowStep } from "./progress.ts";
import { batchSizeOf } from "./transfer.ts";

/** The loops that log, each into a store of its own. */
export type Phase = "fit" | "validate" | "test" | "predict";

/** Where logged values go at present. */
interface Target {
  readonly store: MetricStore;
  readonly phase: Phase | null;
}

const NO_LOADER: LoaderPlace = { suffix: "" };

/**
 * What becomes of logged values: it knows in which hook of which batch `log` was called, and turns stores into rows for
 * loggers and into numbers for callbacks. Step rows are read in the background and given to the loggers in order,
 * without waiting for these.
 */
export class Reporter {
  /** Latest values under all names that callbacks may watch. */
  callbackMetrics: Record<string, number> = {};
  /** For each of them the optimizer step at which it was made. */
  metricSteps: Record<string, number> = {};
  /** Latest values sent to loggers. */
  readonly loggedMetrics: Record<string, number> = {};
  /** Latest values for the progress bar. */
  progressBarMetrics: Record<string, number> = {};
  /** What training has logged in the running epoch. */
  readonly fitStore: MetricStore = new MetricStore();
  readonly #lines: readonly LoggerLine[];
  readonly #every: number | Interval;
  readonly #progress: FitProgress;
  #target: Target = { store: this.fitStore, phase: null };
  #hook = "";
  #batch: unknown = null;
  #batchSize: number | null = null;
  #place: LoaderPlace = NO_LOADER;
  /** The rows that are still being read, one after the other. */
  #reading: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | null = null;
  /** Numbers may arrive late; each name keeps the latest made. */
  #made = 0;
  readonly #madeLast = new Map<string, number>();
  #readingBar = false;
  #seconds = 0;
  #started = 0;

  /**
   * @param loggers Who takes rows
   * @param every When step rows come: after so many optimizer steps, 0 for none, or at the ends of an interval
   * @param progress The trainer's counters
   */
  constructor(loggers: readonly Logger[], every: number | Every, progress: FitProgress) {
    this.#lines = loggers.map((logger) => new LoggerLine(logger, (error) => this.#failure ??= { error }));
    this.#every = typeof every === "number" ? every : new Interval(every);
    this.#progress = progress;
  }

  /** The loop that logs now, or `null`. */
  get phase(): Phase | null {
    return this.#target.phase;
  }

  /** The metric objects that the running evaluation has logged, and resets when it is over. */
  get evaluatedMetrics(): Metric[] {
    const { store, phase } = this.#target;
    return phase === null || phase === "fit" ? [] : store.metrics;
  }

  /** Empties the progress bar: what a run shows is its own. */
  clearProgressBar(): void {
    this.progressBarMetrics = {};
  }

  /** Starts the clock of rows, which goes on from the seconds of training before. */
  startClock(seconds: number): void {
    this.#seconds = seconds;
    this.#started = performance.now();
    if (this.#every instanceof Interval) this.#every.restart();
  }

  /** Seconds of training until now. */
  get seconds(): number {
    return this.#seconds + (performance.now() - this.#started) / 1000;
  }

  /** Goes on with the metrics of a checkpoint; metric objects are found by their names in the module. */
  restore(state: {
    readonly callbackMetrics: Readonly<Record<string, number>>;
    readonly metricSteps: Readonly<Record<string, number>>;
    readonly logged: StateDict;
    readonly progress: { readonly seconds: number };
  }, metrics: ReadonlyMap<string, Metric>): void {
    this.callbackMetrics = { ...state.callbackMetrics };
    this.metricSteps = { ...state.metricSteps };
    this.fitStore.loadStateDict(state.logged, metrics);
    this.startClock(state.progress.seconds);
    const at = { ...this.#point(), seconds: state.progress.seconds };
    for (const line of this.#lines) line.give((logger) => logger.resume?.(at));
  }

  /** Whether a hook or a step runs. */
  get inHook(): boolean {
    return this.#hook !== "";
  }

  /** The hook or step that runs. */
  get hook(): string {
    return this.#hook;
  }

  /** Notes which hook runs. Returns the one before. */
  enterHook(name: string): string {
    const before = this.#hook;
    this.#hook = name;
    return before;
  }

  /** Back to the hook before. */
  leaveHook(before: string): void {
    this.#hook = before;
  }

  /** Notes the batch that runs, and of which loader it is, where there are several. */
  enterBatch(batch: unknown, place: LoaderPlace = NO_LOADER): void {
    this.#batch = batch;
    this.#batchSize = null;
    this.#place = place;
  }

  /** No batch runs any more. */
  leaveBatch(): void {
    this.enterBatch(null);
  }

  /** Has values logged into a store. Returns the function that goes back to the one before. */
  use(store: MetricStore, phase: Phase | null): () => void {
    const before = this.#target;
    this.#target = { store, phase };
    return () => void (this.#target = before);
  }

  /** Takes a value that a module or a callback logs. */
  log(name: string, value: Loggable, options: LogOptions): void {
    const place = options.addDataloaderIdx === false ? { ...this.#place, suffix: "" } : this.#place;
    const size = () => this.#batchSize ??= this.#batch === null ? 1 : batchSizeOf(this.#batch);
    this.#target.store.log(name, value, options, this.#hook, place, size);
  }

  /** Reads what was logged in the running loop, so that callbacks can look at numbers. */
  async refresh(): Promise<void> {
    const { store } = this.#target, { globalStep } = this.#progress, made = ++this.#made;
    this.#publish(await readValues(() => store.callbackValues()), globalStep, made);
  }

  /**
   * After a batch: begins to write a row of step metrics when one is due. Throws what went wrong with an earlier row.
   */
  writeStepRow(): void {
    this.#throwFailure();
    const every = this.#every, { steppedBatches, windowBatches } = this.#progress;
    if (every instanceof Interval) {
      if (!every.isOver(this.#progress)) return;
      every.restart();
    } else if (every === 0 || windowBatches > 0 || steppedBatches % every !== 0) return;
    this.#writeLater(this.#point(), true);
  }

  /** Begins to read what the progress bar shows, unless that is under way; a failure shows at the next wait. */
  readProgressBar(): void {
    const { store } = this.#target;
    if (this.#readingBar || !store.hasProgressValues) return;
    this.#readingBar = true;
    const made = ++this.#made, shown = this.progressBarMetrics;
    readValues(() => store.progressValues()).then(
      (values) => {
        const latest = values.filter(({ name }) => made >= (this.#madeLast.get(name) ?? 0));
        for (const { name, value } of latest) shown[name] = value;
      },
      (error) => {
        this.#failure ??= { error };
      },
    ).finally(() => this.#readingBar = false);
  }

  /**
   * Whether the running window of batches ends with a step row.
   *
   * @param lastBatch Whether the running batch is the last of its epoch
   */
  stepRowComes(lastBatch: boolean): boolean {
    const every = this.#every;
    if (every instanceof Interval) return every.comes(this.#progress, lastBatch);
    return every > 0 && (this.#progress.steppedBatches + 1) % every === 0;
  }

  /** Writes a row of numbers that are known; its step is that of the running batch. */
  writeRow(metrics: Readonly<Record<string, number>>): void {
    const at = { ...this.#point(), step: this.#progress.steppedBatches };
    const values = Object.entries(metrics).map(([name, value]) => ({ name, value, progBar: false, logger: true }));
    this.#publish(values, this.#progress.globalStep, ++this.#made);
    this.#inTurn(() => this.#send(values, at));
  }

  /** Has every logger take something at the present step. What it needs of the device it reads at once. */
  show(something: (logger: Logger, at: MediaPoint) => void | Promise<void>, at: Partial<MediaPoint>): void {
    const point = { ...at, step: at.step ?? rowStep(this.#progress) };
    for (const line of this.#lines) line.giveNow((logger) => something(logger, point));
  }

  /** Begins to write a row of one evaluation batch; its step counts the batches of that loader over the whole run. */
  writeEvalRow(phase: Phase, dataloaderIdx: number): void {
    const { evalBatches } = this.#progress, key = `${phase} ${dataloaderIdx}`;
    const step = evalBatches[key] ?? 0;
    evalBatches[key] = step + 1;
    this.#writeLater({ ...this.#point(), step }, false);
  }

  /** Writes the row of an epoch or an evaluation, after those that are still being read. */
  async writeEpochRow(): Promise<void> {
    const { store } = this.#target, at = this.#point();
    const values = await readValues(() => store.epochValues());
    await this.flush();
    this.#send(values, at);
  }

  /** Makes the values of an evaluation visible to callbacks and writes their row. Returns them. */
  async finishEvaluation(): Promise<ReadValue[]> {
    const { store } = this.#target, at = this.#point(), { globalStep } = this.#progress, made = ++this.#made;
    const values = await readValues(() => store.callbackValues(false));
    await this.flush();
    this.#publish(values, globalStep, made);
    this.#send(values, at);
    return values.filter(({ alias }) => !alias);
  }

  /** Waits until all rows are read and given to the loggers. Throws what went wrong with one. */
  async flush(): Promise<void> {
    await this.#reading;
    this.#throwFailure();
  }

  /** Waits until the loggers have taken all rows, too. Throws what went wrong with one. */
  async settle(): Promise<void> {
    await this.#reading;
    for (const line of this.#lines) await line.settle();
    this.#throwFailure();
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure.error;
  }

  #point(): LogPoint {
    const { batchesSeen, epoch } = this.#progress;
    return { step: rowStep(this.#progress), batch: batchesSeen, epoch, seconds: this.seconds };
  }

  #publish(values: readonly ReadValue[], globalStep: number, made: number): void {
    for (const { name, value, logger, progBar } of values) {
      if (made < (this.#madeLast.get(name) ?? 0)) continue;
      this.#madeLast.set(name, made);
      if (logger) this.loggedMetrics[name] = value;
      if (progBar) this.progressBarMetrics[name] = value;
      this.callbackMetrics[name] = value;
      this.metricSteps[name] = globalStep;
    }
  }

  #writeLater(at: LogPoint, publish: boolean): void {
    const { store } = this.#target, { globalStep } = this.#progress, made = ++this.#made;
    if (!store.hasStepValues) return;
    const reading = readValues(() => store.stepValues());
    reading.catch(() => {}); // told when its turn comes
    this.#inTurn(async () => {
      const values = await reading;
      if (publish) this.#publish(values, globalStep, made);
      this.#send(values, at);
    });
  }

  /** Does something after the rows before; what goes wrong is told with the next row, or at the end. */
  #inTurn(write: () => void | Promise<void>): void {
    const before = this.#reading;
    this.#reading = (async () => {
      await before;
      try {
        await write();
      } catch (error) {
        this.#failure ??= { error };
      }
    })();
  }

  #send(values: readonly ReadValue[], at: LogPoint): void {
    const row: Record<string, number> = {};
    for (const { name, value, logger, progBar } of values) {
      if (progBar) this.progressBarMetrics[name] = value;
      if (logger) row[name] = value;
    }
    if (Object.keys(row).length === 0) return;
    Object.assign(this.loggedMetrics, row);
    // A metric of this name is the axis itself, as in Lightning.
    const { step = at.step, ...metrics } = row;
    for (const line of this.#lines) line.give((logger) => logger.logMetrics(metrics, { ...at, step }));
  }
}

import type { Awaitable } from "../data/mod.ts";

/** When a row was made: every row carries all four axes. */
export interface LogPoint {
  /** Optimizer-stepping batches so far, counted from zero: the usual x axis. */
  readonly step: number;
  /** Batches seen so far. */
  readonly batch: number;
  /** Epochs finished so far. */
  readonly epoch: number;
  /** Seconds since fit started. */
  readonly seconds: number;
}

/** Takes rows of metrics somewhere. A logger never throws into the training loop for trouble on its side. */
export interface Logger {
  /** A short name, for messages and folders. */
  readonly name: string;
  /** Which run this is, as a part of paths. */
  readonly version: string;
  /** The folder of this run's files, where there is one; checkpoints go below it. */
  readonly logDir: string | null;
  /** Called before training begins: chooses the run's folder, so that {@link logDir} is settled. */
  open?(): Awaitable<void>;
  /** One row of numbers. */
  logMetrics(metrics: Readonly<Record<string, number>>, at: LogPoint): Awaitable<void>;
  /** What the run was configured with. */
  logHyperparams?(params: Readonly<Record<string, unknown>>): Awaitable<void>;
  /** Writes what is still held. */
  save?(): Awaitable<void>;
  /** The end: `"success"`, `"failed"` or `"interrupted"`. */
  finalize?(status: string): Awaitable<void>;
  /** Told after a checkpoint is on disk. */
  afterSaveCheckpoint?(path: string): Awaitable<void>;
}

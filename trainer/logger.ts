import type { Awaitable } from "../data/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";

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

/** What stands in a table. */
export type Cell = string | number | boolean | null;

/** A table: names of its columns, and rows with a cell for each. */
export interface Table {
  /** Names of the columns. */
  readonly columns: readonly string[];
  /** Rows, each as long as the columns are many. */
  readonly rows: readonly (readonly Cell[])[];
}

/** Where a picture, a text or a table belongs. */
export interface MediaPoint {
  /** The step. */
  readonly step: number;
  /** What is said of it, where the logger has a place for that. */
  readonly caption?: string;
}

/**
 * Takes rows of metrics somewhere. The trainer gives a row when the one before is taken, and does not wait for that. An
 * error that a logger throws ends training; those of this package throw none for trouble on their side, but warn.
 */
export interface Logger {
  /** A short name, for messages and folders. */
  readonly name: string;
  /** Which run this is, as a part of paths. */
  readonly version: string;
  /** The folder of this run's files, where there is one; checkpoints go below it. */
  readonly logDir: string | null;
  /**
   * Told a trainer's `defaultRootDir` when it gets the logger: files go below it, unless the logger was given a folder.
   */
  setRootDir?(folder: string): void;
  /** Called before training begins: chooses the run's folder, so that {@link logDir} is settled. */
  open?(): Awaitable<void>;
  /**
   * Training goes on from a checkpoint that was saved at this point. Rows after it, if there are any, were written by a
   * process that did not get to save again; they are made once more.
   */
  resume?(at: LogPoint): Awaitable<void>;
  /** One row of numbers. */
  logMetrics(metrics: Readonly<Record<string, number>>, at: LogPoint): Awaitable<void>;
  /** What the run was configured with. */
  logHyperparams?(params: Readonly<Record<string, unknown>>): Awaitable<void>;
  /** A picture, [C, H, W] with 1, 3 or 4 channels: floats from 0 to 1, or whole numbers from 0 to 255. */
  logImage?(name: string, image: Tensor, at: MediaPoint): Awaitable<void>;
  /** A text. */
  logText?(name: string, text: string, at: MediaPoint): Awaitable<void>;
  /** How the finite values of a tensor are distributed. */
  logHistogram?(name: string, values: Tensor, at: MediaPoint): Awaitable<void>;
  /** A table. */
  logTable?(name: string, table: Table, at: MediaPoint): Awaitable<void>;
  /** Writes what is still held. */
  save?(): Awaitable<void>;
  /** The end: `"success"`, `"failed"` or `"interrupted"`. */
  finalize?(status: string): Awaitable<void>;
  /** Told after a checkpoint is on disk. */
  afterSaveCheckpoint?(path: string): Awaitable<void>;
}

/** Stands in for loggers in a trial run: what needs one finds one, and nothing is written. */
export class NoLogger implements Logger {
  /** No name. */
  readonly name: string = "";
  /** No run. */
  readonly version: string = "";
  /** No folder. */
  readonly logDir: null = null;
  /** Lets a row go. */
  logMetrics(): void {}
  /** Lets hyperparameters go. */
  logHyperparams(): void {}
}

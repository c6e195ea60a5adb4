/** Data that cannot be had or used: a damaged file, a source that does not answer; names the file or the data set. */
export class DataError extends Error {
  /** The error's name. */
  override readonly name: string = "DataError";
  /** Path or name of the file, or name of the data set, that it is about. */
  readonly file: string;

  /**
   * Makes the error.
   *
   * @param file Path or name of what it is about
   * @param message What was attempted, then the rule, then the values
   * @param options `cause`: the error behind it
   */
  constructor(file: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.file = file;
  }
}

/** A worker of a `DataLoader` failed; `cause` is what was thrown there, with its stack. */
export class WorkerError extends Error {
  /** The error's name. */
  override readonly name: string = "WorkerError";
  /** The worker's number, from 0 on. */
  readonly worker: number;
  /** The sample that could not be read, `null` where it is not the fault of one. */
  readonly index: number | null;

  /**
   * Makes the error.
   *
   * @param worker The worker's number
   * @param index The sample that could not be read, if it is the fault of one
   * @param what What it could not do: `"It cannot read sample 7"`
   * @param cause What was thrown there, or why it ended; `undefined` where there is nothing to tell
   */
  constructor(worker: number, index: number | null, what: string, cause: unknown) {
    const why = cause === undefined ? "" : `: ${cause instanceof Error ? cause.message : String(cause)}`;
    super(`Cannot read in worker ${worker} of a DataLoader: ${what[0].toLowerCase()}${what.slice(1)}${why}`, { cause });
    this.worker = worker;
    this.index = index;
  }
}

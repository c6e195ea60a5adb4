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

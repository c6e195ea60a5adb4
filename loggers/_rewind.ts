/** What a row is about, as far as a resumed run has to know. */
export interface RowKey {
  /** Batches seen when it was made. */
  readonly batch: number;
  /** Its metrics. */
  readonly names: readonly string[];
}

/**
 * The rows of a file that a resumed run goes on with: those after the checkpoint go, since they are made once more; of
 * those at the checkpoint's own moment some are made again, too, and are left out then.
 */
export class Rewind {
  readonly #batch: number;
  readonly #present: Set<string>;

  /**
   * @param batch Batches seen when the checkpoint was saved
   * @param rows The rows of the file
   */
  constructor(batch: number, rows: readonly RowKey[]) {
    this.#batch = batch;
    this.#present = new Set(rows.filter((row) => row.batch === batch).map(textOf));
  }

  /** Whether a row of the file stays. */
  keeps({ batch }: RowKey): boolean {
    return batch <= this.#batch;
  }

  /** Whether a new row is there already. */
  repeats(row: RowKey): boolean {
    return row.batch === this.#batch && this.#present.has(textOf(row));
  }
}

function textOf({ names }: RowKey): string {
  return JSON.stringify([...names].sort());
}

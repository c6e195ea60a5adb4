/** A value, or a promise of it: hooks may be synchronous or not, and only promises are awaited. */
export type Awaitable<T> = T | Promise<T>;

/** JSON that a callback, a data module or a loader keeps in a checkpoint; tensors are allowed as leaves. */
export type StateDict = { [key: string]: unknown };

/** Which entry point of the trainer runs. */
export type Stage = "fit" | "validate" | "test" | "predict";

/** A source of batches: a `DataLoader`, an array of batches, a generator, anything that can be walked. */
// deno-lint-ignore no-explicit-any -- a loader of any batches is a loader where nobody says which
export interface Loader<Batch = any> {
  /** Walks the batches, one after the other. */
  [Symbol.iterator]?(): Iterator<Batch>;
  /** Walks batches that have to be waited for. */
  [Symbol.asyncIterator]?(): AsyncIterator<Batch>;
  /** Number of batches, where it is known. */
  readonly length?: number;
  /** Told before each epoch, so that a shuffle differs from epoch to epoch and repeats from run to run. */
  setEpoch?(epoch: number): void;
  /** The same batches without a random order, for a model that is to learn a few by heart (`overfitBatches`). */
  sequential?(): Loader<Batch>;
  /** The same batches and a last one that is not full, for a prediction, which leaves out no sample. */
  whole?(): Loader<Batch>;
  /** The samples of each batch of an epoch, by their numbers in the data set, where that can be told. */
  batchIndices?(epoch: number): Iterable<ArrayLike<number>> | null;
  /** Where it stands, for a resume in the middle of an epoch. */
  stateDict?(): object;
  /** Goes on where {@link stateDict} was taken. */
  loadStateDict?(state: never): Awaitable<void>;
  /** Takes back the memory of a batch that it gave, which nobody reads any more: its arrays lie on the device. */
  recycle?(batch: Batch): void;
  /** Lets go of threads at the end of a run; it can be walked again. */
  release?(): Awaitable<void>;
}

/** One loader, several, or several with names. */
export type Loaders = Loader | readonly Loader[] | Readonly<Record<string, Loader>> | null | void;

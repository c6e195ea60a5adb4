import { collate as defaultCollate } from "./collate.ts";
import type { Dataset, IterableDataset, RecordDataset } from "./dataset.ts";
import type { ReadContext } from "./read_context.ts";

/** A sample could not be read: which one, and why. Only passes on the number; a loader throws the cause. */
export class SampleFailure {
  /** The sample's place in the batch, or its number in a walk. */
  readonly at: number;
  /** What was thrown. */
  readonly cause: unknown;

  constructor(at: number, cause: unknown) {
    this.at = at;
    this.cause = cause;
  }
}

/** What joins samples: the data set's own way, or `collate`. */
export function joinSamples(
  dataset: { collate?: Dataset<unknown, unknown>["collate"] },
  samples: unknown[],
  at: ReadContext,
): unknown {
  return dataset.collate === undefined ? defaultCollate(samples, at) : dataset.collate(samples, at);
}

/**
 * Reads samples, all at once where they are promises.
 *
 * @throws {SampleFailure} for the first that fails
 */
export function readSamples(count: number, get: (i: number) => unknown): unknown[] | Promise<unknown[]> {
  const samples: unknown[] = new Array(count);
  let pending = false;
  for (let i = 0; i < count; i++) {
    try {
      const sample = get(i);
      if (!(sample instanceof Promise)) samples[i] = sample;
      else {
        pending = true;
        samples[i] = sample.catch((cause) => {
          throw new SampleFailure(i, cause);
        });
      }
    } catch (cause) {
      throw new SampleFailure(i, cause);
    }
  }
  return pending ? Promise.all(samples) : samples;
}

/** Samples or records that come one after the other. */
export type AnyWalk = IterableDataset<unknown, unknown> | RecordDataset<unknown, unknown, unknown>;

/** Which batches of a walk are wanted. */
export interface WalkOptions {
  readonly batchSize: number;
  readonly dropLast: boolean;
  /** Samples to leave out at the start. */
  readonly skip: number;
  /** Every `stride`-th batch from this one on. */
  readonly first: number;
  readonly stride: number;
}

/**
 * Walks samples that come one after the other, batch by batch; records of batches that are not wanted are not prepared.
 */
export class BatchWalk {
  readonly #prepare: ((record: unknown, index: number) => unknown) | null;
  readonly #records: Iterator<unknown> | AsyncIterator<unknown>;
  readonly #options: WalkOptions;
  #index = 0;
  #turn: Promise<unknown> = Promise.resolve();

  /** Begins an epoch. */
  constructor(dataset: AnyWalk, context: ReadContext, options: WalkOptions) {
    if (!("records" in dataset)) dataset.setEpoch?.(context.epoch);
    const records = "records" in dataset ? dataset.records(context.epoch) : dataset;
    this.#prepare = "records" in dataset ? (record, index) => dataset.prepare(record, index, context) : null;
    this.#records = Symbol.asyncIterator in records ? records[Symbol.asyncIterator]() : records[Symbol.iterator]();
    this.#options = options;
  }

  /**
   * The samples of the next batch, `null` at the end; may be called before the one before has come.
   *
   * @throws {SampleFailure} if a record cannot be prepared
   */
  next(): Promise<unknown[] | null> {
    const batch = this.#turn.then(() => this.#read());
    this.#turn = batch.catch(() => {}); // who asked for the batch is told; here only its end counts
    return batch;
  }

  /** Ends it before its end. */
  async close(): Promise<void> {
    await this.#records.return?.();
  }

  async #read(): Promise<unknown[] | null> {
    const { batchSize, dropLast, skip, first, stride } = this.#options;
    const batch: unknown[] = [];
    while (batch.length < batchSize) {
      const { done, value } = await this.#records.next();
      if (done) break;
      const index = this.#index++;
      if (index < skip || Math.floor((index - skip) / batchSize) % stride !== first) continue;
      batch.push(this.#prepare === null ? value : await this.#sample(value, index));
    }
    return batch.length === 0 || (dropLast && batch.length < batchSize) ? null : batch;
  }

  async #sample(record: unknown, index: number): Promise<unknown> {
    try {
      return await this.#prepare!(record, index);
    } catch (cause) {
      throw new SampleFailure(index, cause);
    }
  }
}

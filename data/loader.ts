import { show } from "../device/option_names.ts";
import { defaultGenerator } from "../tensor/generator.ts";
import { batchSourceOf, reseeded, upcomingOf } from "./_batch_source.ts";
import { Prefetcher, type ProduceBatch, type ProducedBatch } from "./_prefetch.ts";
import { type AnyWalk, BatchWalk, readSamples, SampleFailure } from "./_read_batch.ts";
import { buffersIn, StagingPool } from "./_staging.ts";
import { WorkerPool } from "./_worker_pool.ts";
import { collate as defaultCollate, type Collated } from "./collate.ts";
import type { Dataset, IterableDataset, RecordDataset } from "./dataset.ts";
import { crossDataset, type CrossedDataset } from "./define_dataset.ts";
import { checkDataset, checkLoaderOptions, type DataLoaderOptions } from "./loader_options.ts";
import { SubsetRandomSampler, WeightedRandomSampler } from "./random_samplers.ts";
import { ReadContext } from "./read_context.ts";
import { BatchSampler, type BatchSource, RandomSampler } from "./sampler.ts";

/**
 * What a `DataLoader` reads: samples by number, an array of them, or samples or records that come one after the other.
 */
export type AnyDataset<T, C> =
  | Dataset<T, C>
  | IterableDataset<T, C>
  // deno-lint-ignore no-explicit-any -- what the records are is between the iteration and `prepare`
  | RecordDataset<T, any, C>
  | readonly T[];

/** Where a `DataLoader` stands in an epoch; JSON holds it. */
export interface DataLoaderState {
  /** The epoch whose order is read. */
  readonly epoch: number;
  /** Batches of it that were handed out. */
  readonly batches: number;
  /** Samples in them. */
  readonly samples: number;
  /** The seed that the order and the samples' random numbers depend on. */
  readonly seed: number;
}

/**
 * Reads a data set in batches, one pass an iteration, as PyTorch's `DataLoader` does.
 *
 * Batches are arrays on the host (`HostTensor` in the form of the samples); the trainer moves them to the GPU. The
 * order is a pure function of seed and epoch; without the option `seed` the seed is the global one when the epoch
 * begins. An iteration belongs to the epoch told to `setEpoch`, else to the one after the epoch of the iteration
 * before, counted from 0. Upcoming batches are made between the turns of the event loop in which the GPU is awaited, or
 * with `numWorkers` in other threads, with the same result.
 *
 * @typeParam T A sample
 * @typeParam C What samples become in a batch, before `transform`
 * @typeParam B What the loader yields
 *
 * @example
 * ```ts
 * import { hostTensor } from "@fulgurite/core";
 * import { ArrayDataset } from "@fulgurite/core/data";
 * import { DataLoader } from "@fulgurite/core/data";
 *
 * const data = new ArrayDataset({ x: hostTensor(new Float32Array(20), { dtype: "f32", shape: [10, 2] }) });
 * const loader = new DataLoader(data, { batchSize: 4, shuffle: true, seed: 1 });
 * console.assert(loader.length === 3);
 * for await (const { x } of loader) console.assert(x.shape[1] === 2);
 * ```
 */
export class DataLoader<T, C = Collated<T>, B = C> implements AsyncIterable<B> {
  /** What it reads. */
  readonly dataset: AnyDataset<T, C>;
  readonly #options: DataLoaderOptions<T, C, B>;
  readonly #batches: BatchSource | null;
  readonly #batchSize: number;
  readonly #crossed: CrossedDataset | null;
  /** Memory of batches that this thread makes, and of those that workers do. */
  readonly #staging: StagingPool = new StagingPool();
  readonly #workersStaging: StagingPool = new StagingPool();
  /** What was made on the way to a batch, and is no part of it. */
  readonly #joined: WeakMap<object, unknown> = new WeakMap();
  /** Workers at work, and those that wait for the next epoch. */
  readonly #pools: Set<WorkerPool> = new Set();
  #idle: WorkerPool | null = null;
  #nextEpoch = 0;
  #resume: DataLoaderState | null = null;
  #at: { -readonly [K in keyof DataLoaderState]: DataLoaderState[K] } | null = null;

  /**
   * Makes a loader that begins with epoch 0.
   *
   * @param dataset What it reads
   * @param options How it makes batches
   * @throws {TypeError} if options exclude each other, or one does not exist
   * @throws {RangeError} if one is out of range
   */
  constructor(dataset: AnyDataset<T, C>, options: DataLoaderOptions<T, C, B> = {}) {
    checkDataset(dataset);
    checkLoaderOptions(options as DataLoaderOptions<never, unknown, unknown>, isIndexed(dataset));
    this.dataset = dataset;
    this.#options = { ...options };
    this.#batchSize = options.batchSize ?? 1;
    this.#crossed = options.numWorkers ? crossDataset(dataset) : null;
    this.#batches = isIndexed(dataset) ? batchSourceOf(dataset.length, options, this.#batchSize) : null;
  }

  /** How many batches an epoch has; `Infinity` where the data set does not tell. */
  get length(): number {
    if (this.#batches !== null) return this.#batches.length;
    const samples = this.dataset.length ?? Infinity;
    return this.#options.dropLast ? Math.floor(samples / this.#batchSize) : Math.ceil(samples / this.#batchSize);
  }

  /** Samples in a batch; `undefined` where a batch sampler decides. */
  get batchSize(): number | undefined {
    return this.#options.batchSampler === undefined ? this.#batchSize : undefined;
  }

  /**
   * The same loader with some options changed; it begins anew.
   *
   * @param changes The options that change; `sampler: undefined` and the like take one back
   */
  with(changes: DataLoaderOptions<T, C, B>): DataLoader<T, C, B> {
    return new DataLoader<T, C, B>(this.dataset, { ...this.#options, ...changes });
  }

  /**
   * The same loader without a random order: in the order of the data set, where it shuffles or a random sampler
   * chooses.
   */
  sequential(): DataLoader<T, C, B> {
    const { shuffle, sampler } = this.#options;
    if (!shuffle && !RANDOM.some((kind) => sampler instanceof kind)) return this;
    return this.with({ shuffle: undefined, sampler: undefined });
  }

  /** The same loader with a last batch that is not full, where it leaves that out. */
  whole(): DataLoader<T, C, B> {
    const { dropLast, batchSampler } = this.#options;
    if (dropLast) return this.with({ dropLast: undefined });
    if (!(batchSampler instanceof BatchSampler) || !batchSampler.dropLast) return this;
    const { sampler, batchSize } = batchSampler;
    return this.with({ batchSampler: new BatchSampler(sampler, { batchSize }) });
  }

  /**
   * The samples of each batch of an epoch, by their numbers in the data set.
   *
   * @param epoch The epoch
   * @returns The batches in turn, or `null` for a data set that is walked in its own order
   */
  batchIndices(epoch: number): Iterable<ArrayLike<number>> | null {
    return this.#batches?.batches(epoch) ?? null;
  }

  /**
   * Tells the epoch of the next iteration. A state that was loaded stays if it is of the same epoch.
   *
   * @throws {RangeError} if it is no whole number from 0 on
   */
  setEpoch(epoch: number): void {
    if (!Number.isSafeInteger(epoch) || epoch < 0) {
      throw new RangeError(`Cannot set the epoch of a DataLoader: it must be a whole number from 0 on, is ${epoch}`);
    }
    this.#nextEpoch = epoch;
    if (this.#resume?.epoch !== epoch) this.#resume = null;
    // Where the epoch before has ended is no place in this one.
    if (this.#at?.epoch !== epoch) this.#at = null;
  }

  /** Where the latest iteration stands: batches made ahead but not handed out do not count. */
  stateDict(): DataLoaderState {
    return { ...(this.#resume ?? this.#at ?? this.#startOf(this.#nextEpoch)) };
  }

  /**
   * Makes the next iteration go on where a state was taken, with the sample after the last one handed out, and with the
   * seed that was used unless the loader has its own.
   *
   * @throws {TypeError} if it is no such state
   */
  loadStateDict(state: Omit<DataLoaderState, "seed"> & Partial<DataLoaderState>): void {
    if (typeof state !== "object" || state === null) {
      throw new TypeError(`Cannot load the state of a DataLoader: it must be what stateDict gave, got ${show(state)}`);
    }
    // States once held no seed: then it was 0 where the loader had none.
    const { epoch, batches, samples, seed = 0 } = state;
    for (const [key, value] of Object.entries({ epoch, batches, samples, seed })) {
      if (Number.isSafeInteger(value) && value >= 0) continue;
      throw new TypeError(
        `Cannot load the state of a DataLoader: ${key} must be a whole number from 0 on, is ${value}`,
      );
    }
    this.#resume = { epoch, batches, samples, seed: this.#options.seed ?? seed };
    this.#nextEpoch = epoch;
  }

  /** Begins an iteration over one epoch. */
  [Symbol.asyncIterator](): AsyncIterableIterator<B> {
    const start = this.#resume ?? this.#startOf(this.#nextEpoch);
    const place = { ...start };
    this.#resume = null;
    this.#nextEpoch = place.epoch + 1;
    this.#at = place;
    const { prefetch = 2, numWorkers = 0, prefetchFactor = 2 } = this.#options, { seed, epoch } = start;
    const at = new ReadContext({ seed, epoch, take: (bytes) => this.#staging.take(bytes) });
    const source = this.#options.shuffle && this.#batches !== null ? reseeded(this.#batches, seed) : this.#batches;
    const produce = this.#crossed !== null
      ? this.#inWorkers(this.#crossed, source, start, at)
      : source !== null && isIndexed(this.dataset)
      ? this.#byIndex(this.dataset, source, start, at)
      : this.#inOrder(start, at);
    const depth = numWorkers > 0 ? numWorkers * prefetchFactor : prefetch;
    return new Prefetcher<B>(produce, depth, (samples) => {
      place.batches++;
      place.samples += samples;
    });
  }

  /**
   * Takes back the memory of a batch that this loader gave, to use it for later ones: for a consumer that is done with
   * the batch, as the trainer is when it lies on the device. Nobody may read the batch's arrays afterwards.
   *
   * @param batch A batch of this loader; what is not is ignored
   */
  recycle(batch: B): void {
    const buffers = buffersIn(batch);
    if (typeof batch === "object" && batch !== null) {
      buffersIn(this.#joined.get(batch), buffers);
      this.#joined.delete(batch);
    }
    for (const buffer of buffers) {
      const from = [this.#staging, this.#workersStaging].find((pool) => pool.lends(buffer));
      from?.give(buffer);
    }
  }

  /** Stops the workers, also those that stay from epoch to epoch; the next iteration starts new ones. */
  async release(): Promise<void> {
    this.#idle = null;
    const pools = [...this.#pools];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.close()));
  }

  /** Stops the workers: `await using loader = new DataLoader(…)`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** Where an epoch begins. */
  #startOf(epoch: number): DataLoaderState {
    return { epoch, batches: 0, samples: 0, seed: this.#options.seed ?? defaultGenerator.seed };
  }

  /** Batches that other threads make, each apart from the others. */
  #inWorkers(
    dataset: CrossedDataset,
    source: BatchSource | null,
    start: DataLoaderState,
    at: ReadContext,
  ): ProduceBatch<B> {
    const { numWorkers = 0, persistentWorkers, dropLast = false, timeout = 0, worker } = this.#options;
    const pool = this.#idle?.alive
      ? this.#idle
      : new WorkerPool(dataset, { workers: numWorkers, staging: this.#workersStaging, start: worker });
    this.#idle = null;
    this.#pools.add(pool);
    const upcoming = source === null ? null : upcomingOf(source, start);
    if (upcoming === null) pool.walk(start, { batchSize: this.#batchSize, dropLast, skip: start.samples });
    let number = 0;
    const produce: ProduceBatch<B> = () => {
      const indices = upcoming?.next();
      if (indices?.done) return null;
      const made = indices === undefined ? pool.next(number++) : pool.read(start, indices.value);
      // What crosses keeps its form: workers join samples as this thread would.
      return made.then((made) => made === null ? null : this.#finish(made.batch as C, made.samples, at));
    };
    produce.elsewhere = true;
    produce.close = async () => {
      if (persistentWorkers && pool.alive && this.#pools.has(pool) && this.#idle === null) this.#idle = pool;
      else {
        this.#pools.delete(pool);
        await pool.close();
      }
    };
    if (timeout > 0) {
      produce.wait = async (batch) => {
        const timer = setTimeout(() => pool.giveUp(`No batch came within ${timeout} s`), 1000 * timeout);
        try {
          return await batch;
        } finally {
          clearTimeout(timer);
        }
      };
    }
    return produce;
  }

  /** Batches of a data set that is read by number: each can be made apart from the others. */
  #byIndex(
    dataset: Dataset<T, C> | readonly T[],
    source: BatchSource,
    start: DataLoaderState,
    at: ReadContext,
  ): ProduceBatch<B> {
    const upcoming = upcomingOf(source, start);
    return () => {
      const { done, value: indices } = upcoming.next();
      if (done) return null;
      const samples = indices.length;
      if (this.#options.collate === undefined && "getBatch" in dataset && dataset.getBatch !== undefined) {
        return this.#finish(dataset.getBatch(indices, at), samples, at);
      }
      const read = reading(() =>
        readSamples(samples, (i) => isArray(dataset) ? dataset[indices[i]] : dataset.get(indices[i], at))
      );
      return read instanceof Promise
        ? read.then((whole) => this.#finish(this.#collate(whole, at), samples, at))
        : this.#finish(this.#collate(read, at), samples, at);
    };
  }

  /** Batches of samples that come one after the other. */
  #inOrder(start: DataLoaderState, at: ReadContext): ProduceBatch<B> {
    const { dropLast = false } = this.#options;
    const options = { batchSize: this.#batchSize, dropLast, skip: start.samples, first: 0, stride: 1 };
    // The constructor has told apart what is read by number.
    const walk = new BatchWalk(this.dataset as unknown as AnyWalk, at, options);
    const produce: ProduceBatch<B> = async () => {
      const batch = await reading(() => walk.next());
      return batch === null ? null : await this.#finish(this.#collate(batch, at), batch.length, at);
    };
    produce.close = () => walk.close();
    return produce;
  }

  #collate(samples: unknown[], at: ReadContext): C | Promise<C> {
    const all = samples as T[]; // they were read from the data set
    const own = this.#options.collate;
    if (own !== undefined) return own(all, at);
    const dataset = this.dataset as Pick<Dataset<T, C>, "collate">;
    // Without a collate function of its own C can only be its default.
    return dataset.collate === undefined ? defaultCollate(all, at) as C : dataset.collate(all, at);
  }

  #finish(
    joined: C | Promise<C>,
    samples: number,
    at: ReadContext,
  ): ProducedBatch<B> | Promise<ProducedBatch<B>> {
    const { transform } = this.#options;
    if (joined instanceof Promise) return joined.then((batch) => this.#finish(batch, samples, at));
    // Without a transform B can only be C.
    if (transform === undefined) return { batch: joined as unknown as B, samples };
    const made = (batch: B) => {
      if (typeof batch === "object" && batch !== null) this.#joined.set(batch, joined);
      return { batch, samples };
    };
    const batch = transform(joined, at);
    return batch instanceof Promise ? batch.then(made) : made(batch);
  }
}

/** Reads samples; what fails is thrown as it was, since here its stack tells enough. */
function reading<R>(read: () => R | Promise<R>): R | Promise<R> {
  const rethrow = (error: unknown): never => {
    throw error instanceof SampleFailure ? error.cause : error;
  };
  try {
    const result = read();
    return result instanceof Promise ? result.catch(rethrow) : result;
  } catch (error) {
    return rethrow(error);
  }
}

/** Samplers whose order is random. */
const RANDOM = [RandomSampler, SubsetRandomSampler, WeightedRandomSampler] as const;

function isArray<T, C>(dataset: Dataset<T, C> | readonly T[]): dataset is readonly T[] {
  return Array.isArray(dataset);
}

/** Whether samples are read by number. */
function isIndexed<T, C>(dataset: AnyDataset<T, C>): dataset is Dataset<T, C> | readonly T[] {
  return Array.isArray(dataset) || ("get" in dataset && typeof dataset.get === "function");
}

import { checkNames } from "../device/option_names.ts";
import { Prefetcher, type ProduceBatch, type ProducedBatch } from "./_prefetch.ts";
import { collate as defaultCollate, type Collated } from "./collate.ts";
import type { Dataset, IterableDataset } from "./dataset.ts";
import { BatchSampler, type BatchSource, RandomSampler, type Sampler, SequentialSampler } from "./sampler.ts";

/** What a `DataLoader` reads: samples by number, an array of them, or samples that come one after the other. */
export type AnyDataset<T, C> = Dataset<T, C> | IterableDataset<T> | readonly T[];

/**
 * How a `DataLoader` makes batches.
 *
 * @typeParam T A sample
 * @typeParam B What the loader yields
 * @typeParam C What `collate` makes, before `transform`
 */
export interface DataLoaderOptions<T, B, C = Collated<T>> {
  /** Samples in a batch (default 1). */
  batchSize?: number;
  /** A new order each epoch (default false). */
  shuffle?: boolean;
  /** What the orders depend on, with the epoch (default 0). */
  seed?: number;
  /** Leaves out a last batch that is not full (default false). */
  dropLast?: boolean;
  /** Chooses samples and their order; instead of `shuffle`. */
  sampler?: Sampler;
  /** Chooses whole batches; instead of `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  batchSampler?: BatchSource;
  /** Joins samples into a batch (default: `collate`, or the data set's own `getBatch`). */
  collate?: (samples: T[]) => C;
  /** Changes a joined batch: scaling, augmentation. */
  transform?: (batch: C) => B | Promise<B>;
  /** How many batches are made ahead, while the GPU works on others (default 2; 0 makes each when it is asked for). */
  prefetch?: number;
}

/** Where a `DataLoader` stands in an epoch; JSON holds it. */
export interface DataLoaderState {
  /** The epoch whose order is read. */
  readonly epoch: number;
  /** Batches of it that were handed out. */
  readonly batches: number;
  /** Samples in them. */
  readonly samples: number;
}

/**
 * Reads a data set in batches, one pass an iteration, as PyTorch's `DataLoader` does.
 *
 * Batches are arrays on the host (`HostTensor` in the form of the samples); the trainer moves them to the GPU. The order is a
 * pure function of `seed` and epoch. An iteration belongs to the epoch told to `setEpoch`, else to the one after the epoch of
 * the iteration before, counted from 0. Upcoming batches are made between the turns of the event loop in which the GPU is
 * awaited.
 *
 * @typeParam T A sample
 * @typeParam B What the loader yields
 * @typeParam C What `collate` makes, before `transform`
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
export class DataLoader<T, B = Collated<T>, C = Collated<T>> implements AsyncIterable<B> {
  /** What it reads. */
  readonly dataset: AnyDataset<T, C>;
  readonly #options: DataLoaderOptions<T, B, C>;
  readonly #batches: BatchSource | null;
  readonly #batchSize: number;
  #nextEpoch = 0;
  #resume: DataLoaderState | null = null;
  #at: { -readonly [K in keyof DataLoaderState]: DataLoaderState[K] } = { epoch: 0, batches: 0, samples: 0 };

  /**
   * Makes a loader that begins with epoch 0.
   *
   * @param dataset What it reads
   * @param options How it makes batches
   * @throws {TypeError} if options exclude each other, or one does not exist
   * @throws {RangeError} if one is out of range
   */
  constructor(dataset: AnyDataset<T, C>, options: DataLoaderOptions<T, B, C> = {}) {
    checkNames("make a DataLoader", options, {
      batchSize: true,
      shuffle: true,
      seed: true,
      dropLast: true,
      sampler: true,
      batchSampler: true,
      collate: true,
      transform: true,
      prefetch: true,
    });
    this.dataset = dataset;
    this.#options = { ...options };
    this.#batchSize = options.batchSize ?? 1;
    checkOptions(options, isIndexed(dataset));
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
  with(changes: DataLoaderOptions<T, B, C>): DataLoader<T, B, C> {
    return new DataLoader<T, B, C>(this.dataset, { ...this.#options, ...changes });
  }

  /** The same loader without a random order: in the order of the data set, where it shuffles or a random sampler chooses. */
  sequential(): DataLoader<T, B, C> {
    const { shuffle, sampler } = this.#options;
    if (!shuffle && !(sampler instanceof RandomSampler)) return this;
    return this.with({ shuffle: undefined, sampler: undefined });
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
  }

  /** Where the latest iteration stands: batches made ahead but not handed out do not count. */
  stateDict(): DataLoaderState {
    return { ...(this.#resume ?? this.#at) };
  }

  /**
   * Makes the next iteration go on where a state was taken, with the sample after the last one handed out.
   *
   * @throws {TypeError} if it is no such state
   */
  loadStateDict(state: DataLoaderState): void {
    for (const key of ["epoch", "batches", "samples"] as const) {
      if (!Number.isSafeInteger(state[key]) || state[key] < 0) {
        throw new TypeError(
          `Cannot load the state of a DataLoader: ${key} must be a whole number from 0 on, is ${state[key]}`,
        );
      }
    }
    const { epoch, batches, samples } = state;
    this.#resume = { epoch, batches, samples };
    this.#nextEpoch = epoch;
  }

  /** Begins an iteration over one epoch. */
  [Symbol.asyncIterator](): AsyncIterableIterator<B> {
    const start = this.#resume ?? { epoch: this.#nextEpoch, batches: 0, samples: 0 };
    const at = { ...start };
    this.#resume = null;
    this.#nextEpoch = at.epoch + 1;
    this.#at = at;
    const produce = this.#batches !== null && isIndexed(this.dataset)
      ? this.#byIndex(this.dataset, this.#batches, start)
      : this.#inOrder(start);
    return new Prefetcher<B>(produce, this.#options.prefetch ?? 2, (samples) => {
      at.batches++;
      at.samples += samples;
    });
  }

  /** Batches of a data set that is read by number: each can be made apart from the others. */
  #byIndex(dataset: Dataset<T, C> | readonly T[], source: BatchSource, start: DataLoaderState): ProduceBatch<B> {
    const all = source instanceof BatchSampler
      ? source.batches(start.epoch, start.samples)
      : skipped(source.batches(start.epoch), start.batches);
    const upcoming = all[Symbol.iterator]();
    const { collate } = this.#options;
    return () => {
      const { done, value: indices } = upcoming.next();
      if (done) return null;
      const samples = indices.length;
      if (collate === undefined && "getBatch" in dataset && dataset.getBatch !== undefined) {
        return this.#finish(dataset.getBatch(indices), samples);
      }
      const read = Array.from(indices, (index) => isArray(dataset) ? dataset[index] : dataset.get(index));
      if (read.some((sample) => sample instanceof Promise)) {
        return Promise.all(read).then((whole) => this.#finish(this.#collate(whole), samples));
      }
      // None is a promise; what is left is samples.
      return this.#finish(this.#collate(read as T[]), samples);
    };
  }

  /** Batches of samples that come one after the other. */
  #inOrder(start: DataLoaderState): ProduceBatch<B> {
    // The constructor has told apart what is read by number.
    const dataset = this.dataset as IterableDataset<T>;
    dataset.setEpoch?.(start.epoch);
    const samples = Symbol.asyncIterator in dataset ? dataset[Symbol.asyncIterator]() : dataset[Symbol.iterator]();
    let skip = start.samples;
    let turn: Promise<unknown> = Promise.resolve();
    const next = async (): Promise<ProducedBatch<B> | null> => {
      const batch: T[] = [];
      while (batch.length < this.#batchSize) {
        const { done, value } = await samples.next();
        if (done) break;
        if (skip > 0) skip--;
        else batch.push(value);
      }
      if (batch.length === 0 || (this.#options.dropLast && batch.length < this.#batchSize)) return null;
      return await this.#finish(this.#collate(batch), batch.length);
    };
    const produce: ProduceBatch<B> = () => {
      const batch = turn.then(next);
      turn = batch.catch(() => {}); // who asked for the batch is told; here only its end counts
      return batch;
    };
    produce.close = async () => {
      await samples.return?.();
    };
    return produce;
  }

  #collate(samples: T[]): C {
    const { collate } = this.#options;
    // Without a collate function of its own C can only be its default.
    return collate === undefined ? defaultCollate(samples) as C : collate(samples);
  }

  #finish(joined: C | Promise<C>, samples: number): ProducedBatch<B> | Promise<ProducedBatch<B>> {
    const { transform } = this.#options;
    if (joined instanceof Promise) return joined.then((batch) => this.#finish(batch, samples));
    // Without a transform B can only be C.
    const batch = transform === undefined ? joined as unknown as B : transform(joined);
    return batch instanceof Promise ? batch.then((batch) => ({ batch, samples })) : { batch, samples };
  }
}

function isArray<T, C>(dataset: Dataset<T, C> | readonly T[]): dataset is readonly T[] {
  return Array.isArray(dataset);
}

/** Whether samples are read by number. */
function isIndexed<T, C>(dataset: AnyDataset<T, C>): dataset is Dataset<T, C> | readonly T[] {
  return Array.isArray(dataset) || ("get" in dataset && typeof dataset.get === "function");
}

function* skipped<T>(items: Iterable<T>, count: number): IterableIterator<T> {
  let seen = 0;
  for (const item of items) if (seen++ >= count) yield item;
}

type Choices = Pick<
  DataLoaderOptions<unknown, unknown>,
  "batchSize" | "shuffle" | "seed" | "dropLast" | "sampler" | "batchSampler" | "prefetch"
>;

function batchSourceOf(length: number, options: Choices, batchSize: number): BatchSource {
  if (options.batchSampler !== undefined) return options.batchSampler;
  const sampler = options.sampler ??
    (options.shuffle ? new RandomSampler(length, { seed: options.seed }) : new SequentialSampler(length));
  return new BatchSampler(sampler, { batchSize, dropLast: options.dropLast });
}

function checkOptions(options: Choices, indexed: boolean): void {
  const whole = (name: "batchSize" | "prefetch", least: number) => {
    const value = options[name];
    if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
    throw new RangeError(`Cannot make a DataLoader: ${name} must be a whole number from ${least} on, is ${value}`);
  };
  whole("batchSize", 1);
  whole("prefetch", 0);
  const given = (names: readonly (keyof Choices)[]) => names.filter((name) => options[name]);
  const exclude = (why: string, names: readonly (keyof Choices)[]) => {
    const found = given(names);
    if (found.length > 0) throw new TypeError(`Cannot make a DataLoader: ${why}, got ${found.join(" and ")} with it`);
  };
  if (!indexed) {
    exclude("a data set without get(index) has its own order", ["shuffle", "sampler", "batchSampler"]);
  } else if (options.batchSampler !== undefined) {
    exclude("a batchSampler decides alone", ["batchSize", "shuffle", "sampler", "dropLast"]);
  } else if (options.sampler !== undefined) exclude("a sampler decides the order alone", ["shuffle"]);
}

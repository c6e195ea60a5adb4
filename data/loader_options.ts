import { checkNames, show } from "../device/option_names.ts";
import type { ForeignWorker } from "../platform/mod.ts";
import type { Collated } from "./collate.ts";
import type { ReadContext } from "./read_context.ts";
import { type BatchSource, checkSampler, type Sampler } from "./sampler.ts";

/**
 * How a `DataLoader` makes batches.
 *
 * @typeParam T A sample
 * @typeParam C What samples become in a batch, before `transform`
 * @typeParam B What the loader yields
 */
export interface DataLoaderOptions<T, C = Collated<T>, B = C> {
  /** Samples in a batch (default 1). */
  batchSize?: number;
  /** A new order each epoch (default false). */
  shuffle?: boolean;
  /**
   * What the orders and the random numbers of samples depend on, with the epoch (default: the global seed when the
   * epoch begins, which `seedEverything` and `manualSeed` set).
   */
  seed?: number;
  /** Leaves out a last batch that is not full (default false). */
  dropLast?: boolean;
  /** Chooses samples and their order; instead of `shuffle`. */
  sampler?: Sampler;
  /** Chooses whole batches; instead of `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  batchSampler?: BatchSource;
  /** Joins samples into a batch (default: the data set's own `getBatch` or `collate`, or `collate`). */
  collate?: (samples: T[], at: ReadContext) => C;
  /** Changes a joined batch: scaling, augmentation. It runs here, not in workers. */
  transform?: (batch: C, at: ReadContext) => B | Promise<B>;
  /** How many batches are made ahead, while the GPU works on others (default 2; 0 makes each when it is asked for). */
  prefetch?: number;
  /** Threads that read and join samples (default 0: this one does); the data set must come from `defineDataset`. */
  numWorkers?: number;
  /** How many batches each worker makes ahead (default 2); instead of `prefetch`. */
  prefetchFactor?: number;
  /** Whether workers stay for the next epoch, with what they have loaded, until `release` (default false). */
  persistentWorkers?: boolean;
  /** The most seconds that a batch of the workers is waited for (default 0: without end). */
  timeout?: number;
  /** Starts a worker whose module calls `serveDatasets`, where a bundler must see it. */
  worker?: () => ForeignWorker;
}

/** Throws unless something can be read: by number, or one sample or record after the other. */
export function checkDataset(dataset: unknown): void {
  const { get, records, [Symbol.iterator]: sync, [Symbol.asyncIterator]: async } =
    (typeof dataset === "object" ? dataset ?? {} : {}) as Record<PropertyKey, unknown>;
  if ([get, records, sync, async].some((way) => typeof way === "function")) return;
  throw new TypeError(
    `Cannot make a DataLoader: a data set must be an array, have length and get(index), or be iterable, got ${
      show(dataset)
    }${dataset === undefined || dataset === null ? "; if setup makes it, setup must have run before" : ""}`,
  );
}

type AnyOptions = DataLoaderOptions<never, unknown, unknown>;

/**
 * Refuses options that do not exist, are out of range, or exclude each other.
 *
 * @param options What was given
 * @param indexed Whether the data set is read by number
 * @throws {TypeError} if options exclude each other, or one does not exist
 * @throws {RangeError} if one is out of range
 */
export function checkLoaderOptions(options: AnyOptions, indexed: boolean): void {
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
    numWorkers: true,
    prefetchFactor: true,
    persistentWorkers: true,
    timeout: true,
    worker: true,
  });
  whole(options, "batchSize", 1);
  whole(options, "prefetch", 0);
  whole(options, "numWorkers", 0);
  whole(options, "prefetchFactor", 1);
  for (const name of ["collate", "transform", "worker"] as const) {
    if (options[name] !== undefined && typeof options[name] !== "function") {
      throw new TypeError(`Cannot make a DataLoader: ${name} must be a function, got ${show(options[name])}`);
    }
  }
  if (options.sampler !== undefined) checkSampler("a DataLoader", options.sampler);
  if (options.batchSampler !== undefined && typeof options.batchSampler?.batches !== "function") {
    const got = show(options.batchSampler);
    throw new TypeError(`Cannot make a DataLoader: a batchSampler must have length and batches(epoch), got ${got}`);
  }
  const { timeout = 0 } = options;
  if (!(timeout >= 0 && timeout < 2 ** 31 / 1000)) {
    throw new RangeError(`Cannot make a DataLoader: timeout must be seconds from 0 to 2147483, is ${timeout}`);
  }
  const exclude = (why: string, names: readonly (keyof AnyOptions)[]) => {
    const found = names.filter((name) => options[name]);
    if (found.length > 0) throw new TypeError(`Cannot make a DataLoader: ${why}, got ${found.join(" and ")} with it`);
  };
  if (!indexed) {
    exclude("a data set without get(index) has its own order", ["shuffle", "sampler", "batchSampler"]);
  } else if (options.batchSampler !== undefined) {
    exclude("a batchSampler decides alone", ["batchSize", "shuffle", "sampler", "dropLast"]);
  } else if (options.sampler !== undefined) exclude("a sampler decides the order alone", ["shuffle"]);
  if (options.numWorkers) {
    exclude("workers make batches ahead by prefetchFactor", ["prefetch"]);
    exclude("functions do not cross to workers, make it a method of the data set", ["collate"]);
  } else {
    exclude("without numWorkers there are no workers", ["prefetchFactor", "persistentWorkers", "timeout", "worker"]);
  }
}

function whole(
  options: AnyOptions,
  name: "batchSize" | "prefetch" | "numWorkers" | "prefetchFactor",
  least: number,
): void {
  const value = options[name];
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
  throw new RangeError(`Cannot make a DataLoader: ${name} must be a whole number from ${least} on, is ${value}`);
}

import { checkNames } from "../device/option_names.ts";
import { PhiloxStream, seedKey } from "../tensor/philox.ts";

/**
 * Chooses the samples of an epoch and their order, as a pure function of the epoch: nothing has to be saved to go on in
 * the middle but the place.
 *
 * @example
 * ```ts
 * import type { Sampler } from "@fulgurite/core/data";
 *
 * const backwards: Sampler = { length: 3, indices: () => [2, 1, 0] };
 * console.assert([...backwards.indices(0)].join() === "2,1,0");
 * ```
 */
export interface Sampler {
  /** How many indices an epoch has. */
  readonly length: number;
  /** The indices of an epoch, in order. */
  indices(epoch: number): Iterable<number>;
}

/** Chooses the batches of an epoch, as a pure function of the epoch. */
export interface BatchSource {
  /** How many batches an epoch has. */
  readonly length: number;
  /** The indices of each batch of an epoch, in order. */
  batches(epoch: number): Iterable<ArrayLike<number>>;
}

function checkLength(what: string, length: number): number {
  if (Number.isInteger(length) && length >= 0 && length < 2 ** 31) return length;
  throw new RangeError(`Cannot make a ${what}: the length must be a whole number from 0 to 2^31 - 1, is ${length}`);
}

/**
 * All samples in their order.
 *
 * @example
 * ```ts
 * import { SequentialSampler } from "@fulgurite/core/data";
 *
 * console.assert([...new SequentialSampler(3).indices()].join() === "0,1,2");
 * ```
 */
export class SequentialSampler implements Sampler {
  /** How many indices an epoch has. */
  readonly length: number;

  /**
   * Makes a sampler of a data set's length.
   *
   * @param length How many samples there are
   * @throws {RangeError} if it is no whole number from 0 to 2³¹ − 1
   */
  constructor(length: number) {
    this.length = checkLength("SequentialSampler", length);
  }

  /** 0, 1, 2, … */
  *indices(): IterableIterator<number> {
    for (let i = 0; i < this.length; i++) yield i;
  }
}

/** Tells the random numbers of a shuffle from those of other uses of the same seed. */
const SHUFFLE_STREAM = 0x73687566;

/**
 * All samples, each once, in a random order that depends on the seed and the epoch alone.
 *
 * @example
 * ```ts
 * import { RandomSampler } from "@fulgurite/core/data";
 *
 * const sampler = new RandomSampler(4, { seed: 1 });
 * console.assert([...sampler.indices(7)].join() === [...sampler.indices(7)].join());
 * ```
 */
export class RandomSampler implements Sampler {
  /** How many indices an epoch has. */
  readonly length: number;
  /** What the order depends on, with the epoch. */
  readonly seed: number;

  /**
   * Makes a sampler of a data set's length.
   *
   * @param length How many samples there are
   * @param options `seed`: a whole number from 0 on (default 0)
   * @throws {RangeError} if length or seed is out of range
   */
  constructor(length: number, options: { seed?: number } = {}) {
    checkNames("make RandomSampler", options, { seed: true });
    this.length = checkLength("RandomSampler", length);
    this.seed = options.seed ?? 0;
    seedKey(this.seed); // refuses a bad seed here, not in the first epoch
  }

  /** The order of an epoch. */
  indices(epoch: number): Int32Array<ArrayBuffer> {
    return new PhiloxStream(this.seed, SHUFFLE_STREAM, epoch).permutation(this.length);
  }
}

/**
 * Cuts a sampler's indices into batches of one size.
 *
 * @example
 * ```ts
 * import { BatchSampler, SequentialSampler } from "@fulgurite/core/data";
 *
 * const batches = new BatchSampler(new SequentialSampler(5), { batchSize: 2 });
 * console.assert(batches.length === 3 && [...batches.batches(0)][2].length === 1);
 * ```
 */
export class BatchSampler implements BatchSource {
  /** Where the indices come from. */
  readonly sampler: Sampler;
  /** Indices in a batch. */
  readonly batchSize: number;
  /** Whether a last batch that is not full is left out. */
  readonly dropLast: boolean;

  /**
   * Makes batches of a sampler's indices.
   *
   * @param sampler Where the indices come from
   * @param options `batchSize`: indices in a batch; `dropLast`: leaves out a last batch that is not full (default false)
   * @throws {RangeError} if the batch size is no whole number from 1 on
   */
  constructor(sampler: Sampler, options: { batchSize: number; dropLast?: boolean }) {
    checkNames("make BatchSampler", options, { batchSize: true, dropLast: true });
    const { batchSize, dropLast = false } = options;
    if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
      throw new RangeError(`Cannot make batches: batchSize must be a whole number from 1 on, is ${batchSize}`);
    }
    this.sampler = sampler;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
  }

  /** How many batches an epoch has. */
  get length(): number {
    const { sampler, batchSize, dropLast } = this;
    return dropLast ? Math.floor(sampler.length / batchSize) : Math.ceil(sampler.length / batchSize);
  }

  /**
   * The batches of an epoch.
   *
   * @param epoch The epoch
   * @param skip How many samples to leave out at the start, to go on in the middle (default 0)
   */
  *batches(epoch: number, skip: number = 0): IterableIterator<number[]> {
    let batch: number[] = [];
    let seen = 0;
    for (const index of this.sampler.indices(epoch)) {
      if (seen++ < skip) continue;
      batch.push(index);
      if (batch.length < this.batchSize) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0 && !this.dropLast) yield batch;
  }
}

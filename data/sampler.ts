import { checkNames, checkObject, show } from "../device/option_names.ts";
import { defaultGenerator } from "../tensor/generator.ts";
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

/** Throws unless something chooses samples. */
export function checkSampler(what: string, sampler: unknown): void {
  if (typeof (sampler as Sampler | null | undefined)?.indices === "function") return;
  throw new TypeError(`Cannot make ${what}: a sampler must have length and indices(epoch), got ${show(sampler)}`);
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

/** Tells the random numbers of a shuffle, and of draws, from those of other uses of the same seed. */
const SHUFFLE_STREAM = 0x73687566, DRAW_STREAM = 0x64726177;

/**
 * All samples, each once, in a random order that depends on the seed and the epoch alone; with `replacement`, samples
 * drawn at random, each draw from all.
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
  /** Whether a sample may come twice. */
  readonly replacement: boolean;
  readonly #samples: number;
  readonly #seed: number | undefined;

  /**
   * Makes a sampler of a data set's length.
   *
   * @param length How many samples there are
   * @param options `seed`: a whole number from 0 on (default: the global one); `replacement`: whether a sample may come
   *   twice (default false); `numSamples`: how many an epoch has (default: all), without replacement one order after
   *   the other
   * @throws {RangeError} if length, seed or numSamples is out of range
   */
  constructor(length: number, options: { seed?: number; replacement?: boolean; numSamples?: number } = {}) {
    checkNames("make RandomSampler", options, { seed: true, replacement: true, numSamples: true });
    this.#samples = checkLength("RandomSampler", length);
    const { seed, replacement = false, numSamples = length } = options;
    this.length = checkLength("RandomSampler of numSamples", numSamples);
    if (length === 0 && numSamples > 0) {
      throw new RangeError(`Cannot make a RandomSampler: numSamples must be 0 where no samples are, is ${numSamples}`);
    }
    this.#seed = seed;
    this.replacement = replacement;
    seedKey(this.seed); // refuses a bad seed here, not in the first epoch
  }

  /** What the order depends on, with the epoch: its own seed, else the global one of the moment. */
  get seed(): number {
    return this.#seed ?? defaultGenerator.seed;
  }

  /** The order of an epoch. */
  indices(epoch: number): Int32Array<ArrayBuffer> {
    if (this.replacement) {
      const random = new PhiloxStream(this.seed, DRAW_STREAM, epoch);
      return Int32Array.from({ length: this.length }, () => random.below(this.#samples));
    }
    const random = new PhiloxStream(this.seed, SHUFFLE_STREAM, epoch);
    const order = new Int32Array(this.length);
    for (let at = 0; at < this.length; at += this.#samples) {
      order.set(random.permutation(this.#samples).subarray(0, this.length - at), at);
    }
    return order;
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
   * @param options `batchSize`: indices in a batch; `dropLast`: leaves out a last batch that is not full (default
   *   false)
   * @throws {RangeError} if the batch size is no whole number from 1 on
   */
  constructor(sampler: Sampler, options: { batchSize: number; dropLast?: boolean }) {
    checkSampler("a BatchSampler", sampler);
    checkObject("make a BatchSampler", options, "batchSize");
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

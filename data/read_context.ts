import type { HostArrays, HostDType } from "../tensor/host.ts";
import { philox4x32, PhiloxStream, seedKey } from "../tensor/philox.ts";
import { arrayOver } from "./_staging.ts";

/** Tells the random numbers of augmentation from those of other uses of the same seed. */
const AUGMENT_STREAM = 0x6175676d;

/**
 * What a data set may want to know when a sample is read: the epoch, random numbers that belong to the sample, and
 * where to put large arrays.
 *
 * A sample's random numbers depend on seed, epoch and the number of the sample in the loader's data set, and on nothing
 * else: not on the worker that reads it, on the batch, or on the samples before.
 *
 * @example
 * ```ts
 * import { type Dataset, ReadContext } from "@fulgurite/core/data";
 *
 * const noisy: Dataset<number> = { length: 100, get: (i, at) => i + at.random(i).uniform() };
 * const read = (epoch: number) => noisy.get(3, new ReadContext({ seed: 7, epoch }));
 * console.assert(read(0) === read(0) && read(0) !== read(1));
 * ```
 */
export class ReadContext {
  /** What all random numbers depend on. */
  readonly seed: number;
  /** The epoch that is read. */
  readonly epoch: number;
  readonly #key: readonly [number, number];
  readonly #take: (bytes: number) => ArrayBuffer;
  readonly #shift: number;

  /**
   * Says what is read.
   *
   * @param options `seed` and `epoch`: whole numbers from 0 on (default 0); `shift`, added to the numbers of samples
   *   (default 0); `take`, which gives memory for `allocate`
   * @throws {RangeError} if seed or epoch is out of range
   */
  constructor(
    options: { seed?: number; epoch?: number; shift?: number; take?: (bytes: number) => ArrayBuffer } = {},
  ) {
    const { seed = 0, epoch = 0, shift = 0, take = (bytes) => new ArrayBuffer(bytes) } = options;
    this.seed = seed;
    this.epoch = epoch;
    this.#key = seedKey(seed);
    this.#shift = shift;
    this.#take = take;
    seedKey(epoch); // a bad epoch is refused here, not in the first sample
  }

  /**
   * The random numbers of a sample, from the first on.
   *
   * @param index The sample's number, as the data set's `get` received it
   */
  random(index: number): PhiloxStream {
    const [low, high] = seedKey(this.epoch);
    const words = new Uint32Array(4);
    philox4x32([(index + this.#shift) >>> 0, low, high, AUGMENT_STREAM], this.#key, words);
    return new PhiloxStream(words[0] + (words[1] & 0x1fffff) * 2 ** 32, words[2]);
  }

  /**
   * An array for a batch, with any content; the loader uses its memory again once the batch was handed back.
   *
   * @param dtype Element type
   * @param length How many elements
   */
  allocate<D extends HostDType>(dtype: D, length: number): HostArrays[D] {
    return arrayOver(dtype, length, this.#take);
  }

  /**
   * The same for a part of a larger data set, which counts its samples from 0.
   *
   * @param first The number of the part's first sample in the whole
   */
  shifted(first: number): ReadContext {
    if (first === 0) return this;
    const { seed, epoch } = this;
    return new ReadContext({ seed, epoch, shift: this.#shift + first, take: this.#take });
  }
}

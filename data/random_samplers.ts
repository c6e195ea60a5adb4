import { checkNames, checkObject, show } from "../device/option_names.ts";
import { defaultGenerator } from "../tensor/generator.ts";
import { PhiloxStream, seedKey } from "../tensor/philox.ts";
import type { Sampler } from "./sampler.ts";

/** Tells the random numbers of these samplers from each other and from those of other uses of the same seed. */
const STREAMS = { weighted: 0x77656967, subset: 0x73756273, distributed: 0x64697374 };

/**
 * Samples drawn with chances in proportion to their weights, as PyTorch's `WeightedRandomSampler`.
 *
 * With replacement each draw looks the sum of weights up by bisection; without, samples are ordered by keys −ln(u) /
 * weight (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006), which draws one after the other
 * from what is left. A sample that an epoch holds twice has the same augmentation twice: its random numbers depend on
 * its number.
 *
 * @example
 * ```ts
 * import { WeightedRandomSampler } from "@fulgurite/core/data";
 *
 * const sampler = new WeightedRandomSampler([0, 1, 3], { numSamples: 1000, seed: 1 });
 * const drawn = [...sampler.indices(0)];
 * console.assert(!drawn.includes(0) && drawn.filter((i) => i === 2).length > 700);
 * ```
 */
export class WeightedRandomSampler implements Sampler {
  /** How many indices an epoch has. */
  readonly length: number;
  /** Whether a sample may come twice. */
  readonly replacement: boolean;
  readonly #weights: Float64Array;
  readonly #seed: number | undefined;

  /**
   * Makes a sampler of the samples' weights.
   *
   * @param weights One for each sample, not negative; they need not add up to 1
   * @param options `numSamples`: how many are drawn in an epoch (default: as many as there are weights); `replacement`:
   *   whether a sample may come twice (default true); `seed`: a whole number from 0 on (default: the global one)
   * @throws {RangeError} if a weight is negative or not finite, all are 0, or there are too few to draw so many once
   */
  constructor(
    weights: ArrayLike<number>,
    options: { numSamples?: number; replacement?: boolean; seed?: number } = {},
  ) {
    checkNames("make WeightedRandomSampler", options, { numSamples: true, replacement: true, seed: true });
    checkList("a WeightedRandomSampler", "weights", weights);
    const { numSamples = weights.length, replacement = true, seed } = options;
    const fail = (rule: string) => {
      throw new RangeError(`Cannot make a WeightedRandomSampler: ${rule}`);
    };
    this.#weights = Float64Array.from(weights);
    const odd = this.#weights.findIndex((weight) => !(weight >= 0 && weight < Infinity));
    if (odd >= 0) fail(`weights must be finite and not negative, weight ${odd} is ${weights[odd]}`);
    if (!Number.isSafeInteger(numSamples) || numSamples < 0) {
      fail(`numSamples must be a whole number from 0 on, is ${numSamples}`);
    }
    const drawable = this.#weights.reduce((count, weight) => count + (weight > 0 ? 1 : 0), 0);
    if (drawable === 0 && numSamples > 0) fail("a weight at least must be above 0, all are 0");
    if (!replacement && numSamples > drawable) {
      fail(`without replacement numSamples must be at most the ${drawable} weights above 0, is ${numSamples}`);
    }
    this.length = numSamples;
    this.replacement = replacement;
    this.#seed = seed;
    seedKey(this.seed); // refuses a bad seed here, not in the first epoch
  }

  /** What the draws depend on, with the epoch: its own seed, else the global one of the moment. */
  get seed(): number {
    return this.#seed ?? defaultGenerator.seed;
  }

  /** The draws of an epoch. */
  indices(epoch: number): Int32Array<ArrayBuffer> {
    const random = new PhiloxStream(this.seed, STREAMS.weighted, epoch);
    return this.replacement ? this.#drawWithReplacement(random) : this.#drawOnce(random);
  }

  #drawWithReplacement(random: PhiloxStream): Int32Array<ArrayBuffer> {
    const weights = this.#weights, ends = new Float64Array(weights.length);
    let sum = 0;
    for (let i = 0; i < weights.length; i++) ends[i] = sum += weights[i];
    return Int32Array.from({ length: this.length }, () => {
      const at = uniform53(random) * sum;
      let low = 0, high = weights.length - 1; // the first sample whose end is beyond `at`
      while (low < high) {
        const middle = (low + high) >> 1;
        if (ends[middle] > at) high = middle;
        else low = middle + 1;
      }
      return low;
    });
  }

  #drawOnce(random: PhiloxStream): Int32Array<ArrayBuffer> {
    // Every sample takes its number, so that a draw does not depend on which weights are 0.
    const keys = this.#weights.map((weight) => {
      const key = -Math.log(1 - uniform53(random)) / weight;
      return weight > 0 ? key : Infinity;
    });
    return Int32Array.from(keys.keys()).sort((a, b) => keys[a] - keys[b] || a - b).slice(0, this.length);
  }
}

/** The next number in [0, 1) with all bits of a double: two words of the stream. */
function uniform53(random: PhiloxStream): number {
  const high = random.uint32() >>> 5, low = random.uint32() >>> 6;
  return (high * 2 ** 26 + low) * 2 ** -53;
}

/**
 * Some samples, each once, in a random order that depends on the seed and the epoch alone, as PyTorch's
 * `SubsetRandomSampler`.
 *
 * @example
 * ```ts
 * import { SubsetRandomSampler } from "@fulgurite/core/data";
 *
 * const sampler = new SubsetRandomSampler([3, 5, 8], { seed: 1 });
 * console.assert([...sampler.indices(0)].sort().join() === "3,5,8");
 * ```
 */
export class SubsetRandomSampler implements Sampler {
  /** Which samples. */
  readonly subset: ArrayLike<number>;
  readonly #seed: number | undefined;

  /**
   * Makes a sampler of some samples.
   *
   * @param indices Which samples
   * @param options `seed`: a whole number from 0 on (default: the global one)
   * @throws {RangeError} if an index or the seed is out of range
   */
  constructor(indices: ArrayLike<number>, options: { seed?: number } = {}) {
    checkNames("make SubsetRandomSampler", options, { seed: true });
    checkList("a SubsetRandomSampler", "indices", indices);
    for (let i = 0; i < indices.length; i++) {
      if (Number.isSafeInteger(indices[i]) && indices[i] >= 0) continue;
      throw new RangeError(
        `Cannot make a SubsetRandomSampler: indices must be whole numbers from 0 on, index ${i} is ${indices[i]}`,
      );
    }
    this.subset = indices;
    this.#seed = options.seed;
    seedKey(this.seed); // refuses a bad seed here, not in the first epoch
  }

  /** What the order depends on, with the epoch: its own seed, else the global one of the moment. */
  get seed(): number {
    return this.#seed ?? defaultGenerator.seed;
  }

  /** How many indices an epoch has. */
  get length(): number {
    return this.subset.length;
  }

  /** The order of an epoch. */
  indices(epoch: number): Int32Array<ArrayBuffer> {
    return new PhiloxStream(this.seed, STREAMS.subset, epoch).permutation(this.length).map((at) => this.subset[at]);
  }
}

/**
 * One process' share of the samples: every process has as many, and together they have all, as PyTorch's
 * `DistributedSampler`. Process r of n takes samples r, r + n, r + 2n, … of the epoch's order, which all of them know
 * by the seed.
 *
 * @example
 * ```ts
 * import { DistributedSampler } from "@fulgurite/core/data";
 *
 * const share = (rank: number) =>
 *   [...new DistributedSampler(5, { worldSize: 2, rank, shuffle: false }).indices(0)].join();
 * console.assert(share(0) === "0,2,4" && share(1) === "1,3,0"); // the first one again, so that both have as many
 * ```
 */
export class DistributedSampler implements Sampler {
  /** How many indices an epoch of this process has. */
  readonly length: number;
  /** How many processes share the samples. */
  readonly worldSize: number;
  /** Which of them this is, from 0 on. */
  readonly rank: number;
  /** Whether each epoch has an order of its own. */
  readonly shuffle: boolean;
  /** Whether samples that do not go round are left out, where else the first ones come again. */
  readonly dropLast: boolean;
  /** What the order depends on, with the epoch; the same in all processes. */
  readonly seed: number;
  readonly #samples: number;

  /**
   * Makes a sampler of a data set's length.
   *
   * @param samples How many samples there are
   * @param options `worldSize`: how many processes; `rank`: which of them this is, from 0 on; `shuffle` (default true);
   *   `seed`, the same in all processes (default 0, whatever the global one is); `dropLast`: leaves out what does not
   *   go round (default false)
   * @throws {RangeError} if one is out of range
   */
  constructor(
    samples: number,
    options: { worldSize: number; rank: number; shuffle?: boolean; seed?: number; dropLast?: boolean },
  ) {
    checkObject("make a DistributedSampler", options, "worldSize");
    checkNames("make DistributedSampler", options, {
      worldSize: true,
      rank: true,
      shuffle: true,
      seed: true,
      dropLast: true,
    });
    const { worldSize, rank, shuffle = true, seed = 0, dropLast = false } = options;
    const check = (what: string, value: number, least: number, most: number) => {
      if (Number.isInteger(value) && value >= least && value <= most) return;
      throw new RangeError(
        `Cannot make a DistributedSampler: ${what} must be a whole number from ${least} to ${most}, is ${value}`,
      );
    };
    check("the length", samples, 0, 2 ** 31 - 1);
    check("worldSize", worldSize, 1, 2 ** 31 - 1);
    check("rank", rank, 0, worldSize - 1);
    seedKey(seed); // refuses a bad seed here, not in the first epoch
    this.#samples = samples;
    this.worldSize = worldSize;
    this.rank = rank;
    this.shuffle = shuffle;
    this.seed = seed;
    this.dropLast = dropLast;
    this.length = dropLast ? Math.floor(samples / worldSize) : Math.ceil(samples / worldSize);
  }

  /** This process' share of an epoch. */
  indices(epoch: number): Int32Array<ArrayBuffer> {
    const order = this.shuffle
      ? new PhiloxStream(this.seed, STREAMS.distributed, epoch).permutation(this.#samples)
      : null;
    return Int32Array.from({ length: this.length }, (_, i) => {
      const at = (i * this.worldSize + this.rank) % this.#samples;
      return order === null ? at : order[at];
    });
  }
}

function checkList(what: string, name: string, list: unknown): void {
  if (typeof list === "object" && list !== null && typeof (list as ArrayLike<number>).length === "number") return;
  throw new TypeError(`Cannot make ${what}: ${name} must be a list of numbers, got ${show(list)}`);
}

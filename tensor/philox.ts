/**
 * Philox 4x32-10, the counter-based random number generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers:
 * as easy as 1, 2, 3" (SC'11), on the host.
 *
 * Four 32-bit words are a pure function of a 128-bit counter and a 64-bit key, so any number of a stream can be had
 * without those before it, and nothing has to be saved but the place in the stream.
 *
 * @module
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** Upper 32 bits of the product of two unsigned 32-bit numbers. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aHigh * bLow + ((aLow * bLow) >>> 16);
  const middle = aLow * bHigh + (low & 0xffff);
  return (aHigh * bHigh + (low >>> 16) + (middle >>> 16)) >>> 0;
}

/**
 * Writes the four words for one counter and key into `out`, from index `at` on.
 *
 * @param counter Four unsigned 32-bit words, the least significant first
 * @param key Two unsigned 32-bit words
 *
 * @example
 * ```ts
 * import { philox4x32 } from "./philox.ts";
 * const out = new Uint32Array(4);
 * philox4x32([0, 0, 0, 0], [0, 0], out);
 * console.assert(out[0] === 0x6627e8d5);
 * ```
 */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
  out: Uint32Array,
  at: number = 0,
): void {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(M0, c0);
    const high1 = mulHigh(M1, c2);
    const next0 = high1 ^ c1 ^ k0;
    const next2 = high0 ^ c3 ^ k1;
    c1 = Math.imul(M1, c2);
    c3 = Math.imul(M0, c0);
    c0 = next0;
    c2 = next2;
    k0 = (k0 + W0) | 0;
    k1 = (k1 + W1) | 0;
  }
  out[at] = c0;
  out[at + 1] = c1;
  out[at + 2] = c2;
  out[at + 3] = c3;
}

/**
 * The two key words of a seed.
 *
 * @throws {RangeError} if the seed is not a whole number from 0 to 2⁵³ − 1
 *
 * @example
 * ```ts
 * import { seedKey } from "./philox.ts";
 * console.assert(seedKey(2 ** 32 + 7).join() === "7,1");
 * ```
 */
export function seedKey(seed: number): [number, number] {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`Cannot seed random numbers: the seed must be a whole number from 0 to 2^53 - 1, is ${seed}`);
  }
  return [seed >>> 0, Math.floor(seed / 2 ** 32)];
}

/**
 * The random numbers of one (seed, stream, step), in order: the same on every runtime.
 *
 * The seed is the key; the counter holds the number of the block, the step and the stream. Different streams or steps
 * of one seed never share a counter, so their numbers are independent.
 *
 * @example
 * ```ts
 * import { PhiloxStream } from "./philox.ts";
 * const random = new PhiloxStream(42);
 * const die = random.below(6) + 1;
 * console.assert(die >= 1 && die <= 6);
 * ```
 */
export class PhiloxStream {
  readonly #key: [number, number];
  readonly #step: [number, number];
  readonly #stream: number;
  readonly #block: Uint32Array = new Uint32Array(4);
  #blocks = 0;
  #used = 4;

  /**
   * Stands before the first number of the stream.
   *
   * @param seed A whole number from 0 to 2⁵³ − 1
   * @param stream What the numbers are for, a whole number from 0 to 2³² − 1
   * @param step The epoch or step they belong to, a whole number from 0 to 2⁵³ − 1
   */
  constructor(seed: number, stream: number = 0, step: number = 0) {
    this.#key = seedKey(seed);
    this.#step = seedKey(step);
    this.#stream = stream >>> 0;
  }

  /** The next 32 random bits, as a number from 0 to 2³² − 1. */
  uint32(): number {
    if (this.#used === 4) {
      if (this.#blocks === 2 ** 32) throw new RangeError("Cannot draw a random number: 2^34 of this stream are used");
      philox4x32([this.#blocks, this.#step[0], this.#step[1], this.#stream], this.#key, this.#block);
      this.#blocks++;
      this.#used = 0;
    }
    return this.#block[this.#used++];
  }

  /** The next number in [0, 1), a multiple of 2⁻²⁴ and so exact in f32. */
  uniform(): number {
    return (this.uint32() >>> 8) * 2 ** -24;
  }

  /**
   * The next whole number from 0 to `bound` − 1, each equally likely.
   *
   * Lemire, "Fast random integer generation in an interval" (2019).
   *
   * @throws {RangeError} if `bound` is not a whole number from 1 to 2³² − 1
   */
  below(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound >= 2 ** 32) {
      throw new RangeError(`Cannot draw a whole number: the bound must be from 1 to 2^32 - 1, is ${bound}`);
    }
    let bits = this.uint32();
    if ((Math.imul(bits, bound) >>> 0) < bound) {
      const unfair = (2 ** 32 - bound) % bound;
      while ((Math.imul(bits, bound) >>> 0) < unfair) bits = this.uint32();
    }
    return mulHigh(bits, bound);
  }

  /**
   * A random order of 0 … `length` − 1 (Fisher and Yates).
   *
   * @throws {RangeError} if `length` is not a whole number from 0 to 2³¹ − 1
   */
  permutation(length: number): Int32Array<ArrayBuffer> {
    if (!Number.isInteger(length) || length < 0 || length >= 2 ** 31) {
      throw new RangeError(`Cannot shuffle: the length must be a whole number from 0 to 2^31 - 1, is ${length}`);
    }
    const order = new Int32Array(length);
    for (let i = 0; i < length; i++) order[i] = i;
    for (let i = length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const held = order[i];
      order[i] = order[j];
      order[j] = held;
    }
    return order;
  }
}

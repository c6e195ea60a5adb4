import { PhiloxStream, seedKey } from "./philox.ts";
import type { Tensor } from "./tensor.ts";
import { watching } from "./watcher.ts";

/** Where a generator stands: plain numbers, for checkpoints. */
export interface RandomState {
  /** The seed. */
  readonly seed: number;
  /** The training step that the numbers belong to. */
  readonly step: number;
  /** Number of the next stream of the step. */
  readonly stream: number;
}

/** What the numbers of one random operation depend on, besides the place of the element. */
export interface RandomKey {
  /** The two words of the seed, the lower first. */
  readonly seed: readonly [number, number];
  /** The number of the stream within the step, counted from the third word of `step` where that is on the device. */
  readonly stream: number;
  /**
   * The two words of the training step, the lower first, here or on the device (with a third, the stream to count
   * from).
   */
  readonly step: readonly [number, number] | Tensor;
}

/**
 * A source of random numbers: a function of seed, step and stream, on every adapter the same. Each random operation
 * takes the next stream; element i of its result is made of word i.
 *
 * @example
 * ```ts
 * import { Generator, init, rand } from "@fulgurite/core";
 *
 * await init();
 * const generator = new Generator(42);
 * const before = generator.state;
 * const a = await rand([2], { generator }).array();
 * generator.state = before;
 * const b = await rand([2], { generator }).array();
 * console.log(a, b); // equal
 * ```
 */
export class Generator {
  #seed: number;
  #key: readonly [number, number];
  #step = 0;
  #stream = 0;
  /**
   * Starts at step 0 of a seed.
   *
   * @param seed A whole number from 0 to 2⁵³ − 1; default: one that cannot be foreseen
   * @throws {RangeError} If the seed is not such a number
   */
  constructor(seed: number = unforeseen()) {
    this.#seed = seed;
    this.#key = seedKey(seed);
  }

  /** The seed. */
  get seed(): number {
    return this.#seed;
  }

  /** The training step that the numbers belong to. */
  get step(): number {
    return this.#step;
  }

  /** Number of the next stream of the step. */
  get stream(): number {
    return this.#stream;
  }

  /** Seed, step and stream; setting them continues from there. */
  get state(): RandomState {
    return { seed: this.#seed, step: this.#step, stream: this.#stream };
  }

  /** Continues from a state. */
  set state({ seed, step, stream }: RandomState) {
    this.#requireUncaptured();
    seedKey(step);
    if (!Number.isInteger(stream) || stream < 0 || stream >= 2 ** 32) {
      throw new RangeError(`Cannot restore random numbers: stream must be a whole number below 2^32, got ${stream}`);
    }
    this.manualSeed(seed);
    this.#step = step;
    this.#stream = stream;
  }

  /**
   * Starts anew.
   *
   * @param seed A whole number from 0 to 2⁵³ − 1
   * @returns The generator
   * @throws {RangeError} If the seed is not such a number
   */
  manualSeed(seed: number): this {
    this.#requireUncaptured();
    this.#key = seedKey(seed);
    this.#seed = seed;
    this.#step = 0;
    this.#stream = 0;
    return this;
  }

  /** Goes to a step, by default the next: its streams are numbered from 0, whatever the steps before have drawn. */
  startStep(step: number = this.#step + 1): void {
    this.#requireUncaptured();
    seedKey(step);
    this.#step = step;
    this.#stream = 0;
  }

  /** Takes the next stream. */
  take(): RandomKey {
    const watched = watching.by?.draws(this);
    if (watched === undefined) return { seed: this.#key, stream: this.#next(), step: seedKey(this.#step) };
    return { seed: this.#key, stream: this.#next() - watched.stream, step: watched.place };
  }

  /** Skips streams: those that a replay has drawn from. */
  skip(streams: number): void {
    this.#stream += streams;
  }

  /** Takes the next stream for numbers on the host. */
  takeForHost(): PhiloxStream {
    if (watching.by !== null) {
      throw new Error("Cannot draw random numbers on the host in a captured function: a replay would not draw again");
    }
    return new PhiloxStream(this.#seed, this.#next(), this.#step);
  }

  #requireUncaptured(): void {
    if (watching.by === null) return;
    throw new Error(
      "Cannot seed random numbers or start a step in a captured function: a replay would not do it again, do it before",
    );
  }

  #next(): number {
    if (this.#stream === 2 ** 32) {
      throw new RangeError("Cannot draw random numbers: the 2^32 streams of this step are used up");
    }
    return this.#stream++;
  }
}

function unforeseen(): number {
  const words = crypto.getRandomValues(new Uint32Array(2));
  return (words[0] & 0x1fffff) * 2 ** 32 + words[1];
}

/** The generator that random operations use when they are given none. */
export const defaultGenerator: Generator = new Generator();

/**
 * Seeds the default generator: from here on the same program draws the same numbers, on every adapter.
 *
 * @param seed A whole number from 0 to 2⁵³ − 1
 * @returns The default generator
 * @throws {RangeError} If the seed is not such a number
 *
 * @example
 * ```ts
 * import { init, manualSeed, rand } from "@fulgurite/core";
 *
 * await init();
 * manualSeed(7);
 * const a = await rand([2]).array();
 * manualSeed(7);
 * console.log(a, await rand([2]).array()); // equal
 * ```
 */
export function manualSeed(seed: number): Generator {
  return defaultGenerator.manualSeed(seed);
}

/**
 * Where the default generator stands, as plain numbers for a checkpoint.
 *
 * @returns Seed, step and stream
 *
 * @example
 * ```ts
 * import { manualSeed, randomState } from "@fulgurite/core";
 *
 * manualSeed(7);
 * console.log(randomState()); // { seed: 7, step: 0, stream: 0 }
 * ```
 */
export function randomState(): RandomState {
  return defaultGenerator.state;
}

/**
 * Continues the default generator from a state.
 *
 * @param state What {@link randomState} gave
 * @throws {RangeError} If it is no such state
 *
 * @example
 * ```ts
 * import { init, rand, randomState, restoreRandomState } from "@fulgurite/core";
 *
 * await init();
 * const state = randomState();
 * const a = await rand([2]).array();
 * restoreRandomState(state);
 * console.log(a, await rand([2]).array()); // equal
 * ```
 */
export function restoreRandomState(state: RandomState): void {
  defaultGenerator.state = state;
}

/**
 * Random numbers on the host, from a stream of their own.
 *
 * @param generator Default: the default generator
 * @returns Uniform numbers, whole numbers and permutations, one after the other
 *
 * @example
 * ```ts
 * import { hostRandom, manualSeed } from "@fulgurite/core";
 *
 * manualSeed(7);
 * const die = hostRandom().below(6) + 1;
 * console.log(die >= 1 && die <= 6); // true
 * ```
 */
export function hostRandom(generator: Generator = defaultGenerator): PhiloxStream {
  return generator.takeForHost();
}

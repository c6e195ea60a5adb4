import { show } from "../../device/option_names.ts";

/** Random numbers for a transform: `at.random(index)` of a data set's `get` has them, and so has any `PhiloxStream`. */
export interface RandomSource {
  /** The next number in [0, 1). */
  uniform(): number;
  /** The next whole number from 0 to `bound` − 1. */
  below(bound: number): number;
}

/** What a transform without chance takes beside its sample: random numbers, which it leaves alone, or nothing. */
export type OptionalRandom = RandomSource | void;

/**
 * Changes one sample, with random numbers where it needs them.
 *
 * @typeParam A What it takes
 * @typeParam B What it makes
 * @typeParam R Its random numbers: {@link OptionalRandom} where nothing is left to chance
 */
export type Transform<A, B = A, R = RandomSource> = (sample: A, random: R) => B;

/**
 * One transform after the other, each with random numbers that follow those of the one before. Where none of them leaves
 * anything to chance, the sample alone is enough: `prepare(image)`.
 *
 * @param transforms Each takes what the one before makes
 * @throws {TypeError} if one is no function
 *
 * @example
 * ```ts
 * import { PhiloxStream } from "@fulgurite/core/transforms";
 * import { compose, normalize, randomHorizontalFlip, toTensor } from "@fulgurite/core/transforms";
 * import { hostTensor } from "@fulgurite/core";
 *
 * const augment = compose(randomHorizontalFlip(), toTensor(), normalize(0.5, 0.5));
 * const image = hostTensor(Uint8Array.of(0, 255), { dtype: "u8", shape: [1, 1, 2] });
 * console.assert([...augment(image, new PhiloxStream(1)).data].sort().join() === "-1,1");
 * ```
 */
export function compose<A, B, R extends OptionalRandom = RandomSource>(first: Transform<A, B, R>): Transform<A, B, R>;
/** Two, one after the other. */
export function compose<A, B, C, R extends OptionalRandom = RandomSource>(
  first: Transform<A, B, R>,
  second: Transform<B, C, R>,
): Transform<A, C, R>;
/** Three, one after the other. */
export function compose<A, B, C, D, R extends OptionalRandom = RandomSource>(
  first: Transform<A, B, R>,
  second: Transform<B, C, R>,
  third: Transform<C, D, R>,
): Transform<A, D, R>;
/** Four, one after the other. */
export function compose<A, B, C, D, E, R extends OptionalRandom = RandomSource>(
  first: Transform<A, B, R>,
  second: Transform<B, C, R>,
  third: Transform<C, D, R>,
  fourth: Transform<D, E, R>,
): Transform<A, E, R>;
/** Five, one after the other. */
export function compose<A, B, C, D, E, F, R extends OptionalRandom = RandomSource>(
  first: Transform<A, B, R>,
  second: Transform<B, C, R>,
  third: Transform<C, D, R>,
  fourth: Transform<D, E, R>,
  fifth: Transform<E, F, R>,
): Transform<A, F, R>;
/** Any number of them that make what they take. */
export function compose<A, R extends OptionalRandom = RandomSource>(
  ...transforms: readonly Transform<A, A, R>[]
): Transform<A, A, R>;
export function compose(...transforms: readonly Transform<unknown, unknown>[]): Transform<unknown, unknown> {
  const odd = transforms.findIndex((transform) => typeof transform !== "function");
  if (odd >= 0) {
    throw new TypeError(
      `Cannot compose transforms: each must be a function, number ${odd} is ${show(transforms[odd])}`,
    );
  }
  return (sample, random) => transforms.reduce((made, transform) => transform(made, random), sample);
}

/**
 * A transform that is done with a probability, else the sample stays as it is.
 *
 * @param transform What may be done
 * @param probability From 0 to 1 (default 0.5)
 * @throws {RangeError} if it is no probability
 *
 * @example
 * ```ts
 * import { PhiloxStream, randomApply } from "@fulgurite/core/transforms";
 *
 * const double = randomApply((x: number) => 2 * x, 1);
 * console.assert(double(3, new PhiloxStream(1)) === 6);
 * ```
 */
export function randomApply<A>(transform: Transform<A, A>, probability: number = 0.5): Transform<A, A> {
  checkProbability("randomApply", probability);
  return (sample, random) => random.uniform() < probability ? transform(sample, random) : sample;
}

/** Throws unless a number is a probability. */
export function checkProbability(op: string, probability: number): void {
  if (typeof probability === "number" && probability >= 0 && probability <= 1) return;
  throw new RangeError(`Cannot make ${op}: the probability must be from 0 to 1, is ${show(probability)}`);
}

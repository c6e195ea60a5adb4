import type { Collated } from "./collate.ts";
import type { Dataset } from "./dataset.ts";
import { ReadContext } from "./read_context.ts";

/**
 * Data sets one after the other, as one.
 *
 * @example
 * ```ts
 * import { ConcatDataset, type Dataset } from "@fulgurite/core/data";
 *
 * const count = (length: number): Dataset<number> => ({ length, get: (i) => i });
 * const both = new ConcatDataset([count(2), count(3)]);
 * console.assert(both.length === 5 && both.get(3) === 1);
 * ```
 */
export class ConcatDataset<T, B = Collated<T>> implements Dataset<T, B> {
  /** The data sets, in order. */
  readonly datasets: readonly Dataset<T, B>[];
  /** How many samples there are. */
  readonly length: number;
  /** How the first data set joins samples, where it has a way of its own. */
  readonly collate?: (samples: T[], at: ReadContext) => B | Promise<B>;
  readonly #firsts: readonly number[];

  /**
   * Joins data sets, without a copy.
   *
   * @param datasets At least one; samples of all have the same form
   * @throws {TypeError} if there is none
   */
  constructor(datasets: readonly Dataset<T, B>[]) {
    if (datasets.length === 0) {
      throw new TypeError("Cannot make a ConcatDataset: it needs a data set at least, got none");
    }
    const firsts = [0];
    for (const { length } of datasets) firsts.push(firsts.at(-1)! + length);
    this.datasets = [...datasets];
    this.#firsts = firsts;
    this.length = firsts.at(-1)!;
    const [first] = datasets;
    if (first.collate !== undefined) this.collate = (samples, at) => first.collate!(samples, at);
  }

  /**
   * One sample.
   *
   * @param index Its number in the whole
   * @param at Random numbers for it (default: those of epoch 0)
   * @throws {RangeError} if there is no such sample
   */
  get(index: number, at: ReadContext = new ReadContext()): T | Promise<T> {
    const { part, place, first } = this.locate(index);
    return this.datasets[part].get(place, at.shifted(first));
  }

  /**
   * Where a sample is: the number of the data set that holds it, its number there, and the number of that data set's
   * first sample in the whole.
   *
   * @param index Its number in the whole
   * @throws {RangeError} if there is no such sample
   */
  locate(index: number): { part: number; place: number; first: number } {
    if (!Number.isInteger(index) || index < 0 || index >= this.length) {
      throw new RangeError(
        `Cannot read a sample of ConcatDataset: the index must be from 0 to ${this.length - 1}, is ${index}`,
      );
    }
    let low = 0, high = this.datasets.length; // the last data set whose first sample is not behind `index`
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#firsts[middle] <= index) low = middle;
      else high = middle;
    }
    return { part: low, place: index - this.#firsts[low], first: this.#firsts[low] };
  }
}

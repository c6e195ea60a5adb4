import { checkNames } from "../../device/option_names.ts";
import { showShape } from "../../tensor/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { count } from "../_wgsl.ts";
import { zeros } from "../elementwise/constants.ts";

/**
 * Counts in place how often each key occurs: `counts[k]` grows by one for every k among the keys. A key outside of the
 * counts is passed over, so that −1 stands for an element that does not count.
 *
 * @param counts i32, any shape; a key is a place in row-major order
 * @param keys i32, any shape
 * @throws {TypeError} If one of them is not i32
 *
 * @example
 * ```ts
 * import { countInto, init, tensor, zeros } from "@fulgurite/core";
 *
 * await init();
 * const counts = zeros([3], { dtype: "i32" });
 * countInto(counts, tensor([0, 2, 2, -1]));
 * console.log(await counts.array()); // [1, 0, 2]
 * ```
 */
export function countInto(counts: Tensor, keys: Tensor): void {
  for (const [name, { dtype, shape }] of Object.entries({ counts, keys })) {
    if (dtype === "i32") continue;
    throw new TypeError(`Cannot count in countInto: ${name} must be i32, they are ${dtype} ${showShape(shape)}`);
  }
  if (keys.numel === 0 || counts.numel === 0) return;
  counts.storage.willChange();
  launch(count, { keys, counts }, { size: counts.numel, count: keys.numel }, Math.ceil(keys.numel / 64));
}

/** How many bins there are. */
export interface BincountOptions {
  /** Number of bins. */
  numBins: number;
}

/**
 * How often each of the numbers from 0 to `numBins` − 1 occurs. Other numbers are passed over.
 *
 * @param x i32, any shape
 * @param options Number of bins; it is asked for since the largest number is known to the device only
 * @returns i32 [numBins]
 * @throws {TypeError} If x is not i32
 * @throws {RangeError} If `numBins` is no whole number from 1 on
 *
 * @example
 * ```ts
 * import { bincount, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await bincount(tensor([0, 2, 2, 1]), { numBins: 4 }).array()); // [1, 1, 2, 0]
 * ```
 */
export function bincount(x: Tensor, options: BincountOptions): Tensor {
  checkNames("compute bincount", options, { numBins: "required" });
  const { numBins } = options;
  if (!Number.isInteger(numBins) || numBins < 1) {
    throw new RangeError(`Cannot count in bincount: numBins must be a whole number from 1 on, got ${numBins}`);
  }
  const counts = zeros([numBins], { dtype: "i32" });
  countInto(counts, x);
  return counts;
}

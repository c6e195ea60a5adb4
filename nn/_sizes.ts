import { show } from "../device/option_names.ts";

/**
 * Throws unless sizes of a layer are whole numbers that are large enough.
 *
 * @param layer Name of the layer
 * @param sizes The sizes by name, one or several for axes
 * @param least The least that is allowed
 * @throws {RangeError} Naming the first that is not
 */
export function checkSizes(
  layer: string,
  sizes: Readonly<Record<string, number | readonly number[]>>,
  least: number = 1,
): void {
  for (const [name, size] of Object.entries(sizes)) {
    for (const value of Array.isArray(size) ? size : [size]) {
      if (Number.isSafeInteger(value) && value >= least) continue;
      throw new RangeError(
        `Cannot make ${layer}: ${name} must be a whole number from ${least} on, got ${show(value)}`,
      );
    }
  }
}

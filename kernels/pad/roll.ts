import { checkNames } from "../../device/option_names.ts";
import { normalizeDim } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { reshape } from "../layout/reshape.ts";
import { wrap } from "./wrap.ts";

/** Which axes are rolled. */
export interface RollOptions {
  /** The axis or axes; default: the tensor is rolled as if it were flat. */
  dims?: number | readonly number[];
}

/**
 * Shifts elements along axes; those pushed out at the end come in at the start.
 *
 * @param x Any shape
 * @param shifts By how many places, for each axis
 * @param options The axes
 * @returns A tensor of the same shape
 * @throws {RangeError} If there are not as many shifts as axes, or an axis does not exist
 *
 * @example
 * ```ts
 * import { arange, init, roll } from "@fulgurite/core";
 *
 * await init();
 * console.log(await roll(arange(5), 2).array()); // [3, 4, 0, 1, 2]
 * ```
 */
export function roll(x: Tensor, shifts: number | readonly number[], options: RollOptions = {}): Tensor {
  checkNames("compute roll", options, { dims: true });
  const { dims } = options;
  const by = typeof shifts === "number" ? [shifts] : shifts;
  if (dims === undefined) {
    if (by.length !== 1) {
      throw new RangeError(`Cannot roll in roll: without dims there is one shift, got ${by.length}`);
    }
    return reshape(roll(reshape(x, [x.numel]), by, { dims: 0 }), x.shape);
  }
  const axes = (typeof dims === "number" ? [dims] : dims).map((dim) => normalizeDim("roll", dim, x.ndim));
  if (axes.length !== by.length || by.some((shift) => !Number.isInteger(shift))) {
    throw new RangeError(
      `Cannot roll in roll: there must be a whole shift for each of the ${axes.length} axes, got ${by.join(", ")}`,
    );
  }
  if (x.numel === 0 || x.ndim === 0) return x;
  let y = x;
  axes.forEach((axis, i) => {
    const size = x.shape[axis], shift = ((by[i] % size) + size) % size;
    if (shift !== 0) y = wrap(y, "circular", axis, shift, size);
  });
  return y;
}

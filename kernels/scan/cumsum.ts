import { checkNames } from "../../device/option_names.ts";
import { isFloat } from "../../tensor/dtype.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { normalizeDim } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { countedType, countedWord } from "../reduce/sum.ts";
import { type ScanAttrs, scanInto, type ScanOptions } from "./_scan.ts";

const cumsumOp: Op<ScanAttrs> = {
  name: "cumsum",
  precision: "full",
  infer: ([x]) => ({ shape: x!.shape, dtype: countedType(x!.dtype) }),
  forward: ([x], attrs, [y]) =>
    scanInto("cumsum", { read: countedWord(x!.dtype), vectors: true, functions: {} }, x!, attrs, y),
  grad: (dy, { inputs }, attrs) => [isFloat(inputs[0]!.dtype) ? sumOnwards(dy, attrs) : null],
};

/** Sums from the other end: of each element and all behind it. */
export function sumOnwards(x: Tensor, { dim, reversed }: ScanAttrs): Tensor {
  return apply(cumsumOp, [x], { dim, reversed: !reversed });
}

/**
 * Sums of all elements up to each, along an axis: y[i] = x[0] + … + x[i].
 *
 * @param x Any shape; integers (i32) and booleans give i32
 * @param options The axis
 * @returns A tensor of the same shape
 * @throws {RangeError} If the axis does not exist
 *
 * @example
 * ```ts
 * import { cumsum, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await cumsum(tensor([1, 2, 3, 4]), { dim: 0 }).array()); // [1, 3, 6, 10]
 * ```
 */
export function cumsum(x: Tensor, options: ScanOptions): Tensor {
  checkNames("compute cumsum", options, { dim: "required" });
  return apply(cumsumOp, [x], { dim: normalizeDim("cumsum", options.dim, x.ndim), reversed: false });
}

import { checkNames } from "../../device/option_names.ts";
import { isFloat } from "../../tensor/dtype.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { normalizeDim } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { div, mul } from "../elementwise/arithmetic.ts";
import { where } from "../elementwise/choice.ts";
import { eq, logicalAnd } from "../elementwise/compare.ts";
import { countedType, countedWord } from "../reduce/sum.ts";
import { type ScanAttrs, scanInto, type ScanOptions } from "./_scan.ts";
import { cumsum, sumOnwards } from "./cumsum.ts";

const PRODUCT = {
  start: "fn start() -> Acc { return Acc(1); }",
  combine: "fn combine(a: Acc, b: Acc) -> Acc { return a * b; }",
};

const cumprodOp: Op<ScanAttrs> = {
  name: "cumprod",
  precision: "full",
  infer: ([x]) => ({ shape: x!.shape, dtype: countedType(x!.dtype) }),
  forward: ([x], attrs, [y]) =>
    scanInto("cumprod", { read: countedWord(x!.dtype), vectors: true, functions: PRODUCT }, x!, attrs, y),
  saves: { inputs: [0], outputs: [0] },
  grad: (dy, { x, y, inputs }, attrs) => {
    if (!isFloat(inputs[0]!.dtype)) return [null];
    // dx[i] = Σ_{k ≥ i} dy[k]·y[k] / x[i]. Products behind the first zero are 0, so it is alone in reaching beyond
    // itself: its own gradient takes the products without it, and elements behind it have none.
    const input = x(0), zero = eq(input, 0), zeros = cumsum(zero, { dim: attrs.dim });
    const first = logicalAnd(zero, eq(zeros, 1));
    const ordinary = div(sumOnwards(mul(dy, y), attrs), where(zero, 1, input));
    const without = cumprod(where(first, 1, input), { dim: attrs.dim });
    return [where(eq(zeros, 0), ordinary, where(first, sumOnwards(mul(dy, without), attrs), 0))];
  },
};

/**
 * Products of all elements up to each, along an axis: y[i] = x[0] · … · x[i].
 *
 * The gradient is exact at zeros, too. A gradient of the gradient is exact where no element is 0.
 *
 * @param x Any shape; integers (i32) and booleans give i32
 * @param options The axis
 * @returns A tensor of the same shape
 * @throws {RangeError} If the axis does not exist
 *
 * @example
 * ```ts
 * import { cumprod, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await cumprod(tensor([1, 2, 3, 4]), { dim: 0 }).array()); // [1, 2, 6, 24]
 * ```
 */
export function cumprod(x: Tensor, options: ScanOptions): Tensor {
  checkNames("compute cumprod", options, { dim: "required" });
  return apply(cumprodOp, [x], { dim: normalizeDim("cumprod", options.dim, x.ndim), reversed: false });
}

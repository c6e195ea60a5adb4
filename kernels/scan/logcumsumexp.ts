import { checkNames } from "../../device/option_names.ts";
import { isFloat } from "../../tensor/dtype.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { normalizeDim } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { add, neg, sub } from "../elementwise/arithmetic.ts";
import { where } from "../elementwise/choice.ts";
import { eq, gt } from "../elementwise/compare.ts";
import { exp, log } from "../elementwise/math.ts";
import { type ScanAttrs, scanInto, type ScanOptions } from "./_scan.ts";

const SUM_OF_POWERS = {
  start: "fn start() -> Acc { return -infinity(); }",
  combine: "fn combine(a: Acc, b: Acc) -> Acc { return logaddexp_f32(a, b); }",
};

const logcumsumexpOp: Op<ScanAttrs> = {
  name: "logcumsumexp",
  precision: "full",
  infer: ([x]) => {
    if (isFloat(x!.dtype)) return { shape: x!.shape, dtype: x!.dtype };
    throw new TypeError(`Cannot compute logcumsumexp: elements must be floating-point numbers, they are ${x!.dtype}`);
  },
  forward: ([x], attrs, [y]) =>
    scanInto("logcumsumexp", { read: "f32", vectors: false, functions: SUM_OF_POWERS }, x!, attrs, y),
  saves: { inputs: [0], outputs: [0] },
  grad: (dy, { x, y }, { dim, reversed }) => {
    // dx[i] = e^x[i] · Σ_{k ≥ i} dy[k]·e^-y[k], whose positive and negative parts are summed as logarithms.
    const part = (dy: Tensor) => {
      const some = gt(dy, 0);
      const parts = where(some, sub(log(where(some, dy, 1)), y), -Infinity);
      return exp(add(apply(logcumsumexpOp, [parts], { dim, reversed: !reversed }), x(0)));
    };
    return [where(eq(x(0), -Infinity), 0, sub(part(dy), part(neg(dy))))];
  },
};

/**
 * Logarithms of sums of exponentials of all elements up to each, along an axis: y[i] = ln(eˣ[0] + … + eˣ[i]), without
 * overflow.
 *
 * @param x Any shape, floating-point
 * @param options The axis
 * @returns A tensor of the same shape
 * @throws {RangeError} If the axis does not exist
 * @throws {TypeError} If the elements are no floating-point numbers
 *
 * @example
 * ```ts
 * import { init, logcumsumexp, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([1000, 1000], { dtype: "f32" });
 * console.log(await logcumsumexp(x, { dim: 0 }).array()); // [1000, 1000.6931…]
 * ```
 */
export function logcumsumexp(x: Tensor, options: ScanOptions): Tensor {
  checkNames("compute logcumsumexp", options, { dim: "required" });
  return apply(logcumsumexpOp, [x], { dim: normalizeDim("logcumsumexp", options.dim, x.ndim), reversed: false });
}

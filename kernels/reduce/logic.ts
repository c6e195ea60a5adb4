import { isFloat } from "../../tensor/dtype.ts";
import { apply } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { reducer } from "./_reduce.ts";
import { reduceAttrs, type ReduceOptions } from "./sum.ts";

/** Truth by bits: NaN is true, and so are numbers too small for arithmetic; −0 is not. */
const logic = (name: string, start: string, combine: string) =>
  reducer(name, {
    dtype: () => "bool",
    reduction: (from) => ({
      read: "u32",
      word: "u32",
      start,
      load: `select(Acc(0u), Acc(1u), ${isFloat(from) ? "(v & In(0x7fffffffu))" : "v"} != In(0u))`,
      combine,
      finish: "v",
    }),
    grad: null,
  });

const anyOp = logic("any", "0u", "a | b");
const allOp = logic("all", "1u", "a & b");

/**
 * Whether any element along axes is true (not 0).
 *
 * @param x Any shape and type
 * @param options Axes and whether they stay; default: all axes
 * @returns bool; of nothing: false
 *
 * @example
 * ```ts
 * import { any, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await any(tensor([[false, true], [false, false]]), { dim: 1 }).array()); // [true, false]
 * ```
 */
export function any(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(anyOp, [x], reduceAttrs("any", x, options));
}

/**
 * Whether all elements along axes are true (not 0).
 *
 * @param x Any shape and type
 * @param options Axes and whether they stay; default: all axes
 * @returns bool; of nothing: true
 *
 * @example
 * ```ts
 * import { all, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await all(tensor([1, 2, 0])).item()); // 0
 * ```
 */
export function all(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(allOp, [x], reduceAttrs("all", x, options));
}

import { apply, type Inputs } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { div, mul, neg } from "../elementwise/arithmetic.ts";
import { pointwise } from "../elementwise/define.ts";
import { reshape } from "../layout/reshape.ts";
import { keptShape, reducer } from "./_reduce.ts";
import { countedType, countedWord, reduceAttrs, type ReduceOptions, sum } from "./sum.ts";

const prodOp = reducer("prod", {
  precision: "full",
  dtype: countedType,
  reduction: (from) => {
    const word = countedWord(from);
    return { read: word, word, start: "1", load: "v", combine: "a * b", finish: "v" };
  },
  eachCopy: true,
  saves: { inputs: [0] },
  grad: (dy, { x, inputs }, { dims }): Inputs => {
    // The gradient is the product of the others: y / x without zeros, at a single zero the product of the rest, else 0,
    // or NaN where the zero meets something infinite or NaN.
    const input = x(0);
    const shape = keptShape(inputs[0]!.shape, dims);
    const rest = prod(oneForZero([input]), { dim: dims, keepdim: true });
    const zeros = sum(isZero([input]), { dim: dims, keepdim: true });
    const wild = sum(isWild([input]), { dim: dims, keepdim: true });
    return [others([input, mul(reshape(dy, shape), rest), zeros, wild])];
  },
});

const isZero = pointwise({ name: "prodGrad", f: "select(0.0, 1.0, x == 0.0)", grads: null });

const isWild = pointwise({ name: "prodGrad", f: "select(1.0, 0.0, is_finite(x))", grads: null });

const oneForZero = pointwise({
  name: "prodGrad",
  f: "select(x, 1.0, x == 0.0)",
  reads: [[0]],
  grads: [(dy, { x }) => keepNonZero([dy, x(0)])],
});

const keepNonZero = pointwise({
  name: "prodGrad",
  f: "select(x, 0.0, y == 0.0)",
  reads: [[1], []],
  grads: [(dy, { x }) => keepNonZero([dy, x(1)]), null],
});

/**
 * Of an element x, the product y of the elements that are not 0, the number z of zeros, and the number u of elements
 * that are not finite: the product of all others.
 */
const others = pointwise({
  name: "prodGrad",
  f: "select(select(select(0.0, nan(), u > select(1.5, 0.5, is_finite(x))), y, x == 0.0 && z < 1.5), y / x, " +
    "z == 0.0)",
  reads: [[0, 1, 2, 3], [0, 2, 3], [], []],
  grads: [
    (dy, { x }) => neg(div(mul(dy, others([x(0), x(1), x(2), x(3)])), oneForZero([x(0)]))),
    (dy, { x }) => others([x(0), dy, x(2), x(3)]),
    null,
    null,
  ],
});

/**
 * Multiplies the elements along axes.
 *
 * @param x Any shape; integers (i32) and booleans give i32
 * @param options Axes and whether they stay; default: all axes
 * @returns The products; the product of nothing is 1
 * @throws {RangeError} If an axis does not exist or appears twice
 *
 * @example
 * ```ts
 * import { init, prod, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await prod(tensor([[1, 2], [3, 4]]), { dim: 1 }).array()); // [2, 12]
 * ```
 */
export function prod(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(prodOp, [x], reduceAttrs("prod", x, options));
}

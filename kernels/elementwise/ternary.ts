/** Arithmetic of three operands. */
import { checkNames } from "../../device/option_names.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { div, mul, neg, sub } from "./arithmetic.ts";
import { passes, pointwise, type TensorLike } from "./define.ts";

/** A factor of the product or quotient that is added. */
export interface ValueOptions {
  /** Default 1. */
  value?: number;
}

const lerpOp = pointwise({
  name: "lerp",
  // The nearer end is the one that is corrected, so that both ends come out exactly.
  f: { f32: "select(y - (y - x) * (1.0 - z), x + z * (y - x), abs(z) < 0.5)" },
  reads: [[2], [2], [0, 1]],
  grads: [
    (dy, { x }) => mul(dy, sub(1, x(2))),
    (dy, { x }) => mul(dy, x(2)),
    (dy, { x }) => mul(dy, sub(x(1), x(0))),
  ],
});

const addcmulOp = pointwise({
  name: "addcmul",
  f: "(x + u * y * z)",
  reads: [[], [2, 3], [1, 3], []],
  grads: [
    passes,
    (dy, { x }) => mul(dy, mul(x(2), x(3))),
    (dy, { x }) => mul(dy, mul(x(1), x(3))),
    null,
  ],
});

const addcdivOp = pointwise({
  name: "addcdiv",
  f: "(x + u * y / z)",
  result: "float",
  reads: [[], [2, 3], [1, 2, 3], []],
  grads: [
    passes,
    (dy, { x }) => mul(dy, div(x(3), x(2))),
    (dy, { x }) => neg(mul(dy, div(mul(x(3), x(1)), mul(x(2), x(2))))),
    null,
  ],
});

/**
 * The point at `weight` of the way from `a` to `b`: a + weight · (b − a).
 *
 * @param a Where weight 0 is
 * @param b Where weight 1 is
 * @param weight A tensor or a number
 * @returns A tensor of the shape that all broadcast to
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { init, lerp, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await lerp(tensor([0, 10.5]), tensor([1, 20.5]), 0.5).array()); // [0.5, 15.5]
 * ```
 */
export function lerp(a: Tensor, b: TensorLike, weight: TensorLike): Tensor {
  return lerpOp([a, b, weight]);
}

/**
 * x + value · a · b, element by element.
 *
 * @param x What is added to
 * @param a A factor
 * @param b A factor
 * @param options A factor that is a number
 * @returns A tensor of the shape that all broadcast to
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { addcmul, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await addcmul(tensor([1, 1]), tensor([2, 3]), tensor([4, 5]), { value: 10 }).array()); // [81, 151]
 * ```
 */
export function addcmul(x: Tensor, a: Tensor, b: Tensor, options?: ValueOptions): Tensor {
  checkNames("compute addcmul", options, { value: true });
  const { value = 1 } = options ?? {};
  return addcmulOp([x, a, b, value]);
}

/**
 * x + value · a / b, element by element.
 *
 * @param x What is added to
 * @param a The dividend
 * @param b The divisor
 * @param options A factor
 * @returns A tensor of the shape that all broadcast to; integers give f32
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { addcdiv, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await addcdiv(tensor([1, 1]), tensor([1, 2]), tensor([2, 4]), { value: 3 }).array()); // [2.5, 2.5]
 * ```
 */
export function addcdiv(x: Tensor, a: Tensor, b: Tensor, options?: ValueOptions): Tensor {
  checkNames("compute addcdiv", options, { value: true });
  const { value = 1 } = options ?? {};
  return addcdivOp([x, a, b, value]);
}

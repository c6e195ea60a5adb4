/** Whole numbers near a number, and what is left over when whole multiples are taken away. */
import { checkNames } from "../../device/option_names.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { isFloat } from "../../tensor/dtype.ts";
import { div, mul, neg, sub } from "./arithmetic.ts";
import { passes, pointwise, type TensorLike } from "./define.ts";
import { type Unary, unary } from "./unary.ts";

const whole = (name: string, f: string): Unary => unary({ name, f: { f32: f, int: "x" }, df: 0 });

/**
 * The largest whole number that is not larger than x. Its gradient is 0.
 *
 * @example
 * ```ts
 * import { floor, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await floor(tensor([1.5, -1.5])).array()); // [1, -2]
 * ```
 */
export const floor: Unary = whole("floor", "floor(x)");

/**
 * The smallest whole number that is not smaller than x. Its gradient is 0.
 *
 * @example
 * ```ts
 * import { ceil, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await ceil(tensor([1.5, -1.5])).array()); // [2, -1]
 * ```
 */
export const ceil: Unary = whole("ceil", "ceil(x)");

/**
 * x without its fraction. Its gradient is 0.
 *
 * @example
 * ```ts
 * import { init, tensor, trunc } from "@fulgurite/core";
 *
 * await init();
 * console.log(await trunc(tensor([1.5, -1.5])).array()); // [1, -1]
 * ```
 */
export const trunc: Unary = whole("trunc", "trunc(x)");

/**
 * The fraction of x, with its sign: x − trunc(x).
 *
 * @example
 * ```ts
 * import { frac, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await frac(tensor([1.5, -1.5])).array()); // [0.5, -0.5]
 * ```
 */
export function frac(x: Tensor): Tensor {
  return sub(x, trunc(x));
}

/** How many decimals {@link round} keeps. */
export interface RoundOptions {
  /** Digits after the point; negative ones before it; default 0. */
  decimals?: number;
}

const roundOp = whole("round", "round(x)");

/**
 * The nearest whole number, or number of `decimals` digits; ties go to the even one. Its gradient is 0.
 *
 * @param x A tensor
 * @param options How many digits stay
 * @returns A tensor of the same shape and type
 * @throws {RangeError} If `decimals` is not a whole number
 *
 * @example
 * ```ts
 * import { init, round, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await round(tensor([0.5, 1.5, -2.6])).array()); // [0, 2, -3]
 * ```
 */
export function round(x: Tensor, options?: RoundOptions): Tensor {
  checkNames("compute round", options, { decimals: true });
  const { decimals = 0 } = options ?? {};
  if (!Number.isInteger(decimals)) {
    throw new RangeError(`Cannot round in round: decimals must be a whole number, got ${decimals}`);
  }
  if (decimals === 0 || !isFloat(x.dtype)) return roundOp(x);
  return decimals > 0 ? div(roundOp(mul(x, 10 ** decimals)), 10 ** decimals) : mul(
    roundOp(div(x, 10 ** -decimals)),
    10 ** -decimals,
  );
}

const remainderOp = pointwise({
  name: "remainder",
  f: { f32: "remainder_f32(x, y)", i32: "remainder_i32(x, y)", u32: "(x % y)" },
  reads: [[], [0, 1]],
  grads: [passes, (dy, { x }) => neg(mul(dy, div(x(0), x(1), { roundingMode: "floor" })))],
});

const fmodOp = pointwise({
  name: "fmod",
  f: { f32: "fmod_f32(x, y)", int: "(x % y)" },
  reads: [[], [0, 1]],
  grads: [passes, (dy, { x }) => neg(mul(dy, div(x(0), x(1), { roundingMode: "trunc" })))],
});

/**
 * The remainder of a / b with the sign of `b`, as Python's `%`: a − b · ⌊a / b⌋.
 *
 * @param a A tensor or a number
 * @param b A tensor or a number
 * @returns A tensor of the shape that both broadcast to, of the wider type
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { init, remainder, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await remainder(tensor([-3, 3, 5]), 4).array()); // [1, 3, 1]
 * ```
 */
export function remainder(a: TensorLike, b: TensorLike): Tensor {
  return remainderOp([a, b]);
}

/**
 * The remainder of a / b with the sign of `a`, as C's `fmod`.
 *
 * @param a A tensor or a number
 * @param b A tensor or a number
 * @returns A tensor of the shape that both broadcast to, of the wider type
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { fmod, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await fmod(tensor([-3, 3, 5]), 4).array()); // [-3, 3, 1]
 * ```
 */
export function fmod(a: TensorLike, b: TensorLike): Tensor {
  return fmodOp([a, b]);
}

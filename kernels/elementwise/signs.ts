/** Signs of numbers, and the choice between two numbers of which one may be NaN. */
import type { Tensor } from "../../tensor/tensor.ts";
import { mul, sign } from "./arithmetic.ts";
import { where } from "./choice.ts";
import { pointwise, type TensorLike } from "./define.ts";
import { type Unary, unary } from "./unary.ts";

const copysignOp = pointwise({
  name: "copysign",
  f: "copy_sign(x, y)",
  result: "float",
  reads: [[0, 1], []],
  grads: [(dy, { x }) => mul(dy, mul(sign(x(0) as Tensor), copysignOp([1, x(1)]))), null],
});

/**
 * The magnitude of a with the sign of b, also that of −0.
 *
 * @param a A tensor
 * @param b A tensor or a number; it has no gradient
 * @returns A tensor of the shape that both broadcast to
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { copysign, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await copysign(tensor([1.5, -2]), -1).array()); // [-1.5, -2]
 * ```
 */
export function copysign(a: Tensor, b: TensorLike): Tensor {
  return copysignOp([a, b]);
}

const heavisideOp = pointwise({
  name: "heaviside",
  f: {
    f32: "select(select(select(0.0, 1.0, lt_f32(0.0, x)), y, x == 0.0), x, is_nan(x))",
    i32: "select(select(0, 1, x > 0), y, x == 0)",
    u32: "select(1u, y, x == 0u)",
  },
  grads: null,
});

/**
 * 0 below 0, 1 above it, and a given value at 0.
 *
 * @param x A tensor
 * @param values What stands at 0, a tensor or a number
 * @returns A tensor of the shape that both broadcast to, without gradient
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { heaviside, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await heaviside(tensor([-1.5, 0, 2]), 0.5).array()); // [0, 0.5, 1]
 * ```
 */
export function heaviside(x: Tensor, values: TensorLike): Tensor {
  return heavisideOp([x, values]);
}

/**
 * Whether the sign is negative, also that of −0.
 *
 * @example
 * ```ts
 * import { init, signbit, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await signbit(tensor([1.5, -2, -0])).array()); // [false, true, true]
 * ```
 */
export const signbit: Unary = unary({
  name: "signbit",
  f: { f32: "((bitcast<u32>(x) >> 31u) == 1u)", i32: "(x < 0)", u32: "false", bool: "false" },
  result: "bool",
});

/**
 * Whether x is ∞.
 *
 * @example
 * ```ts
 * import { init, isposinf, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await isposinf(tensor([1, Infinity, -Infinity])).array()); // [false, true, false]
 * ```
 */
export const isposinf: Unary = unary({
  name: "isposinf",
  f: { f32: "(bitcast<u32>(x) == 0x7f800000u)", int: "false", bool: "false" },
  result: "bool",
});

/**
 * Whether x is −∞.
 *
 * @example
 * ```ts
 * import { init, isneginf, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await isneginf(tensor([1, Infinity, -Infinity])).array()); // [false, false, true]
 * ```
 */
export const isneginf: Unary = unary({
  name: "isneginf",
  f: { f32: "(bitcast<u32>(x) == 0xff800000u)", int: "false", bool: "false" },
  result: "bool",
});

/** The choice between two numbers: the first where `first` holds. */
const chosen = (name: string, float: string, int: string) => {
  const takes = pointwise({ name: `${name}Grad`, f: { f32: float, int }, result: "bool", grads: null });
  return pointwise({
    name,
    f: { f32: `select(y, x, ${float})`, int: `select(y, x, ${int})` },
    reads: [[0, 1], [0, 1]],
    grads: [
      (dy, { x }) => where(takes([x(0), x(1)]), dy, 0),
      (dy, { x }) => where(takes([x(0), x(1)]), 0, dy),
    ],
  });
};

const fmaxOp = chosen("fmax", "(le_f32(y, x) || is_nan(y))", "(x >= y)");
const fminOp = chosen("fmin", "(le_f32(x, y) || is_nan(y))", "(x <= y)");

/**
 * The larger of two, element by element; where one is NaN, the other. The first of equals gets the gradient.
 *
 * @param a A tensor or a number
 * @param b A tensor or a number
 * @returns A tensor of the shape that both broadcast to, of the wider type
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { fmax, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await fmax(tensor([1, NaN]), tensor([3, 2.5])).array()); // [3, 2.5]
 * ```
 */
export function fmax(a: TensorLike, b: TensorLike): Tensor {
  return fmaxOp([a, b]);
}

/**
 * The smaller of two, element by element; where one is NaN, the other. The first of equals gets the gradient.
 *
 * @param a A tensor or a number
 * @param b A tensor or a number
 * @returns A tensor of the shape that both broadcast to, of the wider type
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { fmin, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await fmin(tensor([1, NaN]), tensor([3, 2.5])).array()); // [1, 2.5]
 * ```
 */
export function fmin(a: TensorLike, b: TensorLike): Tensor {
  return fminOp([a, b]);
}

/** Comparisons, logic and tests of single numbers; all give booleans and none has a gradient. */
import { checkNames } from "../../device/option_names.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Expressions, pointwise, type TensorLike } from "./define.ts";
import { type Unary, unary } from "./unary.ts";

/** A function of two operands that broadcast. */
export type Binary = (a: TensorLike, b: TensorLike) => Tensor;

const comparison = (name: string, f: Expressions): Binary => {
  const op = pointwise({ name, f, result: "bool", grads: null });
  return (a, b) => op([a, b]);
};

const logical = (name: string, f: string): Binary => {
  const op = pointwise({ name, f: { bool: f }, result: "bool", conditions: [0, 1], grads: null });
  return (a, b) => op([a, b]);
};

/**
 * Whether a = b; false where one is NaN.
 *
 * @example
 * ```ts
 * import { eq, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await eq(tensor([1, 2]), 2).array()); // [false, true]
 * ```
 */
export const eq: Binary = comparison("eq", { f32: "eq_f32(x, y)", int: "(x == y)", bool: "(x == y)" });

/**
 * Whether a ≠ b; true where one is NaN.
 *
 * @example
 * ```ts
 * import { init, ne, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await ne(tensor([1, 2]), 2).array()); // [true, false]
 * ```
 */
export const ne: Binary = comparison("ne", { f32: "ne_f32(x, y)", int: "(x != y)", bool: "(x != y)" });

/**
 * Whether a < b; false where one is NaN.
 *
 * @example
 * ```ts
 * import { init, lt, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await lt(tensor([1, 2, 3]), 2).array()); // [true, false, false]
 * ```
 */
export const lt: Binary = comparison("lt", { f32: "lt_f32(x, y)", int: "(x < y)", bool: "(!x && y)" });

/**
 * Whether a ≤ b; false where one is NaN.
 *
 * @example
 * ```ts
 * import { init, le, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await le(tensor([1, 2, 3]), 2).array()); // [true, true, false]
 * ```
 */
export const le: Binary = comparison("le", { f32: "le_f32(x, y)", int: "(x <= y)", bool: "(!x || y)" });

/**
 * Whether a > b; false where one is NaN.
 *
 * @example
 * ```ts
 * import { gt, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await gt(tensor([1, 2, 3]), 2).array()); // [false, false, true]
 * ```
 */
export const gt: Binary = comparison("gt", { f32: "lt_f32(y, x)", int: "(x > y)", bool: "(x && !y)" });

/**
 * Whether a ≥ b; false where one is NaN.
 *
 * @example
 * ```ts
 * import { ge, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await ge(tensor([1, 2, 3]), 2).array()); // [false, true, true]
 * ```
 */
export const ge: Binary = comparison("ge", { f32: "le_f32(y, x)", int: "(x >= y)", bool: "(x || !y)" });

/**
 * Whether both are true; numbers are true where they are not 0.
 *
 * @example
 * ```ts
 * import { init, logicalAnd, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await logicalAnd(tensor([true, true]), tensor([false, true])).array()); // [false, true]
 * ```
 */
export const logicalAnd: Binary = logical("logicalAnd", "(x && y)");

/**
 * Whether one of them is true, or both; numbers are true where they are not 0.
 *
 * @example
 * ```ts
 * import { init, logicalOr, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await logicalOr(tensor([false, true]), tensor([false, true])).array()); // [false, true]
 * ```
 */
export const logicalOr: Binary = logical("logicalOr", "(x || y)");

/**
 * Whether exactly one of them is true; numbers are true where they are not 0.
 *
 * @example
 * ```ts
 * import { init, logicalXor, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await logicalXor(tensor([false, true]), tensor([true, true])).array()); // [true, false]
 * ```
 */
export const logicalXor: Binary = logical("logicalXor", "(x != y)");

const logicalNotOp = pointwise({
  name: "logicalNot",
  f: { bool: "(!x)" },
  result: "bool",
  conditions: [0],
  grads: null,
});

/**
 * Whether x is false; numbers are false where they are 0.
 *
 * @example
 * ```ts
 * import { init, logicalNot, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await logicalNot(tensor([true, false])).array()); // [false, true]
 * ```
 */
export function logicalNot(x: Tensor): Tensor {
  return logicalNotOp([x]);
}

/**
 * Whether x is not a number.
 *
 * @example
 * ```ts
 * import { init, isnan, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await isnan(tensor([1, NaN])).array()); // [false, true]
 * ```
 */
export const isnan: Unary = unary({
  name: "isnan",
  f: { f32: "is_nan(x)", int: "false", bool: "false" },
  result: "bool",
});

/**
 * Whether x is infinite.
 *
 * @example
 * ```ts
 * import { init, isinf, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await isinf(tensor([1, -Infinity])).array()); // [false, true]
 * ```
 */
export const isinf: Unary = unary({
  name: "isinf",
  f: { f32: "is_inf(x)", int: "false", bool: "false" },
  result: "bool",
});

/**
 * Whether x is neither infinite nor NaN.
 *
 * @example
 * ```ts
 * import { init, isfinite, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await isfinite(tensor([1, NaN, Infinity])).array()); // [true, false, false]
 * ```
 */
export const isfinite: Unary = unary({
  name: "isfinite",
  f: { f32: "is_finite(x)", int: "true", bool: "true" },
  result: "bool",
});

/**
 * Whether |a − b| ≤ atol + rtol · |b|.
 *
 * @param a A tensor
 * @param b A tensor that broadcasts with it
 * @param options Tolerances; default rtol 1e-5, atol 1e-8; and whether NaN is close to NaN, default no
 * @returns Booleans, element by element
 *
 * @example
 * ```ts
 * import { init, isclose, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await isclose(tensor([1, 2.5]), tensor([1.000001, 2.6])).array()); // [true, false]
 * ```
 */
export function isclose(
  a: Tensor,
  b: Tensor,
  options: { rtol?: number; atol?: number; equalNan?: boolean } = {},
): Tensor {
  checkNames("compare in isclose", options, { rtol: true, atol: true, equalNan: true });
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = options;
  return iscloseOp([a, b], { rtol, atol, equal: equalNan ? 1 : 0 });
}

const iscloseOp = pointwise({
  name: "isclose",
  f: {
    f32: "(eq_f32(x, y) || (is_finite(y) && le_f32(abs(x - y), atol + rtol * abs(y))) || " +
      "(equal != 0.0 && is_nan(x) && is_nan(y)))",
    int: "(f32(max(x, y) - min(x, y)) <= atol + rtol * abs(f32(y)))",
  },
  numbers: ["rtol", "atol", "equal"],
  result: "bool",
  grads: null,
});

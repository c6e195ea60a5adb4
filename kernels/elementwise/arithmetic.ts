/** Sums, products, quotients and what belongs to them. */
import { checkNames } from "../../device/option_names.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { passes, pointwise, type TensorLike } from "./define.ts";
import { type Unary, unary, vanishing } from "./unary.ts";

/** A factor of the second operand. */
export interface AlphaOptions {
  /** Default 1. */
  alpha?: number;
}

/** How a quotient is rounded. */
export interface DivOptions {
  /** `"trunc"` towards zero, `"floor"` downwards; default: not at all. */
  roundingMode?: "trunc" | "floor";
}

const addOp = pointwise({ name: "add", f: { number: "(x + y)", bool: "(x || y)" }, grads: [passes, passes] });

const addScaledOp = pointwise({
  name: "add",
  f: "(x + z * y)",
  reads: [[], [2]],
  grads: [passes, (dy, { x }) => mul(dy, x(2)), null],
});

const subOp = pointwise({ name: "sub", f: "(x - y)", grads: [passes, (dy) => neg(dy)] });

const subScaledOp = pointwise({
  name: "sub",
  f: "(x - z * y)",
  reads: [[], [2]],
  grads: [passes, (dy, { x }) => neg(mul(dy, x(2))), null],
});

const mulOp = pointwise({
  name: "mul",
  f: { number: "(x * y)", bool: "(x && y)" },
  reads: [[1], [0]],
  grads: [(dy, { x }) => mul(dy, x(1)), (dy, { x }) => mul(dy, x(0))],
});

const divOp = pointwise({
  name: "div",
  f: "(x / y)",
  result: "float",
  reads: [[1], [1, "y"]],
  grads: [(dy, { x }) => div(dy, x(1)), (dy, { x, y }) => neg(mul(dy, div(y, x(1))))],
});

const divTruncOp = pointwise({
  name: "div",
  f: { f32: "quotient_trunc_f32(x, y)", int: "(x / y)" },
  grads: [vanishing, vanishing],
});

const divFloorOp = pointwise({
  name: "div",
  f: { f32: "quotient_floor_f32(x, y)", i32: "quotient_floor_i32(x, y)", u32: "(x / y)" },
  grads: [vanishing, vanishing],
});

/**
 * The gradient of a choice between two: all to the one chosen, half to each of equals, and all to both where one is
 * NaN.
 */
const share = (name: string, loses: string): (dy: Tensor, x: TensorLike, y: TensorLike) => Tensor => {
  const op = pointwise({
    name,
    f: `select(select(dy, 0.5 * dy, eq_f32(x, y)), 0.0, ${loses})`,
    operands: ["dy", "x", "y"],
    reads: [[1, 2], [], []],
    grads: [(g, { x }) => op([g, x(1), x(2)]), vanishing, vanishing],
  });
  return (dy, x, y) => op([dy, x, y]);
};

const shareOfMaximum = share("maximumGrad", "lt_f32(x, y)");
const shareOfMinimum = share("minimumGrad", "lt_f32(y, x)");

const maximumOp = pointwise({
  name: "maximum",
  f: { f32: "max_f32(x, y)", int: "max(x, y)", bool: "(x || y)" },
  reads: [[0, 1], [0, 1]],
  grads: [(dy, { x }) => shareOfMaximum(dy, x(0), x(1)), (dy, { x }) => shareOfMaximum(dy, x(1), x(0))],
});

const minimumOp = pointwise({
  name: "minimum",
  f: { f32: "min_f32(x, y)", int: "min(x, y)", bool: "(x && y)" },
  reads: [[0, 1], [0, 1]],
  grads: [(dy, { x }) => shareOfMinimum(dy, x(0), x(1)), (dy, { x }) => shareOfMinimum(dy, x(1), x(0))],
});

/**
 * a + alpha · b, element by element, with broadcasting. Booleans give “or”.
 *
 * @param a A tensor or a number
 * @param b A tensor or a number
 * @param options The factor of `b`
 * @returns A tensor of the shape that both broadcast to, of the wider type
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { add, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await add(tensor([[1.5], [2]]), tensor([1, 2]), { alpha: 10 }).array()); // [[11.5, 21.5], [12, 22]]
 * ```
 */
export function add(a: TensorLike, b: TensorLike, options?: AlphaOptions): Tensor {
  checkNames("compute add", options, { alpha: true });
  const { alpha = 1 } = options ?? {};
  return alpha === 1 ? addOp([a, b]) : addScaledOp([a, b, alpha]);
}

/**
 * a − alpha · b, element by element, with broadcasting.
 *
 * @param a A tensor or a number
 * @param b A tensor or a number
 * @param options The factor of `b`
 * @returns A tensor of the shape that both broadcast to, of the wider type
 * @throws {ShapeError} If the shapes do not broadcast
 * @throws {TypeError} For booleans
 *
 * @example
 * ```ts
 * import { init, sub, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await sub(1, tensor([0.25, 2])).array()); // [0.75, -1]
 * ```
 */
export function sub(a: TensorLike, b: TensorLike, options?: AlphaOptions): Tensor {
  checkNames("compute sub", options, { alpha: true });
  const { alpha = 1 } = options ?? {};
  return alpha === 1 ? subOp([a, b]) : subScaledOp([a, b, alpha]);
}

/**
 * a · b, element by element, with broadcasting. Booleans give “and”.
 *
 * @param a A tensor or a number
 * @param b A tensor or a number
 * @returns A tensor of the shape that both broadcast to, of the wider type
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { init, mul, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await mul(tensor([1, 2, 3]), 2).array()); // [2, 4, 6]
 * ```
 */
export function mul(a: TensorLike, b: TensorLike): Tensor {
  return mulOp([a, b]);
}

/**
 * a / b, element by element, with broadcasting. Integers give f32, unless a rounding mode is given; then a division by
 * 0 has no defined integer result.
 *
 * @param a A tensor or a number
 * @param b A tensor or a number
 * @param options How to round
 * @returns A tensor of the shape that both broadcast to
 * @throws {ShapeError} If the shapes do not broadcast
 * @throws {RangeError} If the rounding mode is unknown
 *
 * @example
 * ```ts
 * import { div, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const a = tensor([7, -7]);
 * console.log(await div(a, 2).array()); // [3.5, -3.5]
 * console.log(await div(a, 2, { roundingMode: "floor" }).array()); // [3, -4]
 * ```
 */
export function div(a: TensorLike, b: TensorLike, options?: DivOptions): Tensor {
  checkNames("compute div", options, { roundingMode: true });
  const { roundingMode } = options ?? {};
  switch (roundingMode) {
    case undefined:
      return divOp([a, b]);
    case "trunc":
      return divTruncOp([a, b]);
    case "floor":
      return divFloorOp([a, b]);
  }
  throw new RangeError(`Cannot divide in div: roundingMode must be trunc or floor, got ${roundingMode}`);
}

/**
 * The larger of two, element by element; NaN where one of them is. Equals share the gradient.
 *
 * @param a A tensor or a number
 * @param b A tensor or a number
 * @returns A tensor of the shape that both broadcast to, of the wider type
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { init, maximum, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await maximum(tensor([1, 5]), tensor([3, 2])).array()); // [3, 5]
 * ```
 */
export function maximum(a: TensorLike, b: TensorLike): Tensor {
  return maximumOp([a, b]);
}

/**
 * The smaller of two, element by element; NaN where one of them is. Equals share the gradient.
 *
 * @param a A tensor or a number
 * @param b A tensor or a number
 * @returns A tensor of the shape that both broadcast to, of the wider type
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { init, minimum, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await minimum(tensor([1, 5]), tensor([3, 2])).array()); // [1, 2]
 * ```
 */
export function minimum(a: TensorLike, b: TensorLike): Tensor {
  return minimumOp([a, b]);
}

/**
 * −x.
 *
 * @example
 * ```ts
 * import { init, neg, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await neg(tensor([1, -2])).array()); // [-1, 2]
 * ```
 */
export const neg: Unary = unary({
  name: "neg",
  f: { f32: "(-x)", i32: "(-x)", u32: "(0u - x)" },
  df: "(-dy)",
  ddf: 0,
});

/**
 * |x|. Its gradient at 0 is 0.
 *
 * @example
 * ```ts
 * import { abs, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await abs(tensor([1, -2])).array()); // [1, 2]
 * ```
 */
export const abs: Unary = unary({ name: "abs", f: "abs(x)", df: "(dy * sign_f32(x))", ddf: 0 });

/**
 * −1, 0 or 1 by the sign of x; 0 for NaN.
 *
 * @example
 * ```ts
 * import { init, sign, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await sign(tensor([3, 0, -2])).array()); // [1, 0, -1]
 * ```
 */
export const sign: Unary = unary({
  name: "sign",
  f: { f32: "sign_f32(x)", i32: "sign(x)", u32: "min(x, 1u)", bool: "x" },
  df: 0,
});

/**
 * x².
 *
 * @example
 * ```ts
 * import { init, square, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await square(tensor([3, -2])).array()); // [9, 4]
 * ```
 */
export const square: Unary = unary({ name: "square", f: "(x * x)", df: "(2.0 * dy * x)", ddf: () => 2 });

/**
 * 1 / x. Integers give f32.
 *
 * @example
 * ```ts
 * import { init, reciprocal, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await reciprocal(tensor([2, -4])).array()); // [0.5, -0.25]
 * ```
 */
export const reciprocal: Unary = unary({
  name: "reciprocal",
  f: "(1.0 / x)",
  result: "float",
  precision: "full",
  df: "(-dy * y * y)",
  ddf: (y) => mul(y, -2),
});

/** Trigonometric and hyperbolic functions, and their inverses. Angles are in radians. */
import type { Tensor } from "../../tensor/tensor.ts";
import { add, div, mul, neg, reciprocal, square, sub } from "./arithmetic.ts";
import { pointwise, type TensorLike } from "./define.ts";
import { rsqrt } from "./math.ts";
import { floatFunction, type Unary, unary } from "./unary.ts";

const atan2Op = pointwise({
  name: "atan2",
  f: "atan2_f32(x, y)",
  result: "float",
  reads: [[0, 1], [0, 1]],
  grads: [
    (dy, { x }) => mul(dy, div(x(1), add(mul(x(0), x(0)), mul(x(1), x(1))))),
    (dy, { x }) => neg(mul(dy, div(x(0), add(mul(x(0), x(0)), mul(x(1), x(1)))))),
  ],
});

/** x^(-3/2) */
const cubedRsqrt = (x: Tensor): Tensor => div(rsqrt(x), x);

/**
 * The angle of the point (x, y) in (−π, π], in all four quadrants.
 *
 * @param y Ordinate, a tensor or a number
 * @param x Abscissa, a tensor or a number
 * @returns A tensor of the shape that both broadcast to
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { atan2, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await atan2(tensor([0, 1]), tensor([-1, 0])).array()); // [3.1415927…, 1.5707963…]
 * ```
 */
export function atan2(y: TensorLike, x: TensorLike): Tensor {
  return atan2Op([y, x]);
}

/**
 * √(a² + b²).
 *
 * @param a A tensor
 * @param b A tensor
 * @returns A tensor of the shape that both broadcast to
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { hypot, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await hypot(tensor([3]), tensor([4])).array()); // [5]
 * ```
 */
export function hypot(a: Tensor, b: Tensor): Tensor {
  return hypotOp([a, b]);
}

const hypotOp = pointwise({
  name: "hypot",
  f: "hypot_f32(x, y)",
  result: "float",
  reads: [[0, "y"], [1, "y"]],
  grads: [(dy, { x, y }) => mul(dy, div(x(0), y)), (dy, { x, y }) => mul(dy, div(x(1), y))],
});

/**
 * The sine of an angle.
 *
 * @example
 * ```ts
 * import { init, sin, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await sin(tensor([0, Math.PI / 2])).array()); // [0, 1]
 * ```
 */
export const sin: Unary = floatFunction("sin", {
  df: "(dy * cos_f32(x))",
  ddf: (x) => neg(sin(x)),
});

/**
 * The cosine of an angle.
 *
 * @example
 * ```ts
 * import { cos, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await cos(tensor([0, Math.PI])).array()); // [1, -1]
 * ```
 */
export const cos: Unary = floatFunction("cos", {
  df: "(-dy * sin_f32(x))",
  ddf: (x) => neg(cos(x)),
});

/**
 * The tangent of an angle.
 *
 * @example
 * ```ts
 * import { init, tan, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await tan(tensor([0, Math.PI / 4])).array()); // [0, 1]
 * ```
 */
export const tan: Unary = floatFunction("tan", {
  precision: "full",
  df: "(dy * (1.0 + y * y))",
  ddf: (y) => mul(y, 2),
});

/**
 * The angle in [−π/2, π/2] whose sine is x; NaN beyond ±1.
 *
 * @example
 * ```ts
 * import { asin, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await asin(tensor([0, 1])).array()); // [0, 1.5707963…]
 * ```
 */
export const asin: Unary = floatFunction("asin", {
  precision: "full",
  df: "(dy / sqrt_f32(1.0 - x * x))",
  ddf: (x) => mul(x, cubedRsqrt(sub(1, square(x)))),
});

/**
 * The angle in [0, π] whose cosine is x; NaN beyond ±1.
 *
 * @example
 * ```ts
 * import { acos, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await acos(tensor([1, 0])).array()); // [0, 1.5707963…]
 * ```
 */
export const acos: Unary = floatFunction("acos", {
  precision: "full",
  df: "(-dy / sqrt_f32(1.0 - x * x))",
  ddf: (x) => neg(mul(x, cubedRsqrt(sub(1, square(x))))),
});

/**
 * The angle in (−π/2, π/2) whose tangent is x.
 *
 * @example
 * ```ts
 * import { atan, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await atan(tensor([0, 1])).array()); // [0, 0.7853982…]
 * ```
 */
export const atan: Unary = floatFunction("atan", {
  df: "(dy / (1.0 + x * x))",
  ddf: (x) => mul(mul(x, -2), square(reciprocal(add(square(x), 1)))),
});

/**
 * The hyperbolic sine, (eˣ − e⁻ˣ) / 2.
 *
 * @example
 * ```ts
 * import { init, sinh, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await sinh(tensor([0])).array()); // [0]
 * ```
 */
export const sinh: Unary = floatFunction("sinh", {
  precision: "full",
  df: "(dy * cosh_f32(x))",
  ddf: (x) => sinh(x),
});

/**
 * The hyperbolic cosine, (eˣ + e⁻ˣ) / 2.
 *
 * @example
 * ```ts
 * import { cosh, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await cosh(tensor([0])).array()); // [1]
 * ```
 */
export const cosh: Unary = floatFunction("cosh", {
  precision: "full",
  df: "(dy * sinh_f32(x))",
  ddf: (x) => cosh(x),
});

/**
 * The hyperbolic tangent.
 *
 * @example
 * ```ts
 * import { init, tanh, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await tanh(tensor([0, 100])).array()); // [0, 1]
 * ```
 */
export const tanh: Unary = floatFunction("tanh", {
  df: "(dy * (1.0 - y * y))",
  ddf: (y) => mul(y, -2),
});

/**
 * The inverse of {@link sinh}.
 *
 * @example
 * ```ts
 * import { asinh, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await asinh(tensor([0])).array()); // [0]
 * ```
 */
export const asinh: Unary = floatFunction("asinh", {
  df: "(dy / sqrt(x * x + 1.0))",
  ddf: (x) => neg(mul(x, cubedRsqrt(add(square(x), 1)))),
});

/**
 * The inverse of {@link cosh}; NaN below 1.
 *
 * @example
 * ```ts
 * import { acosh, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await acosh(tensor([1])).array()); // [0]
 * ```
 */
export const acosh: Unary = floatFunction("acosh", {
  df: "(dy / sqrt_f32(x * x - 1.0))",
  ddf: (x) => neg(mul(x, cubedRsqrt(sub(square(x), 1)))),
});

/**
 * The inverse of {@link tanh}; NaN beyond ±1.
 *
 * @example
 * ```ts
 * import { atanh, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await atanh(tensor([0, 1])).array()); // [0, Infinity]
 * ```
 */
export const atanh: Unary = floatFunction("atanh", {
  df: "(dy / (1.0 - x * x))",
  ddf: (x) => mul(mul(x, 2), square(reciprocal(sub(1, square(x))))),
});

/**
 * Degrees as radians: x · π / 180.
 *
 * @example
 * ```ts
 * import { deg2rad, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await deg2rad(tensor([180, 90], { dtype: "f32" })).array()); // [3.1415927…, 1.5707963…]
 * ```
 */
export const deg2rad: Unary = unary({
  name: "deg2rad",
  f: "(x * 0.0174532925)",
  result: "float",
  df: "(dy * 0.0174532925)",
  ddf: 0,
});

/**
 * Radians as degrees: x · 180 / π.
 *
 * @example
 * ```ts
 * import { init, rad2deg, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await rad2deg(tensor([Math.PI])).array()); // about [180]
 * ```
 */
export const rad2deg: Unary = unary({
  name: "rad2deg",
  f: "(x * 57.2957795)",
  result: "float",
  df: "(dy * 57.2957795)",
  ddf: 0,
});

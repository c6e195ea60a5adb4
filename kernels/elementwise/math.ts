/** Roots, exponentials, logarithms, powers, and the error function. */
import { checkNames } from "../../device/option_names.ts";
import { autocastDType } from "../../tensor/autocast.ts";
import { isHalf } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { sigmoid } from "./activations.ts";
import { add, div, mul, neg, reciprocal, square, sub } from "./arithmetic.ts";
import { to } from "./cast.ts";
import { where } from "./choice.ts";
import { eq, ge, le, logicalAnd } from "./compare.ts";
import { full } from "./constants.ts";
import { pointwise, type TensorLike } from "./define.ts";
import { floatFunction, type Unary, unary, vanishing } from "./unary.ts";

/**
 * √x; NaN below 0.
 *
 * @example
 * ```ts
 * import { init, sqrt, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await sqrt(tensor([4, 2.25])).array()); // [2, 1.5]
 * ```
 */
export const sqrt: Unary = floatFunction("sqrt", {
  df: "(dy / (2.0 * y))",
  ddf: (y) => div(-0.5, square(y)),
});

/**
 * 1 / √x; NaN below 0.
 *
 * @example
 * ```ts
 * import { init, rsqrt, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await rsqrt(tensor([4, 0.25])).array()); // [0.5, 2]
 * ```
 */
export const rsqrt: Unary = unary({
  name: "rsqrt",
  f: "(1.0 / sqrt_f32(x))",
  result: "float",
  precision: "full",
  df: "(-0.5 * dy * y * y * y)",
  ddf: (y) => mul(square(y), -1.5),
});

/**
 * eˣ.
 *
 * @example
 * ```ts
 * import { exp, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await exp(tensor([0, 1])).array()); // [1, 2.7182817…]
 * ```
 */
export const exp: Unary = floatFunction("exp", {
  precision: "full",
  df: "(dy * y)",
  ddf: () => 1,
});

/**
 * 2ˣ.
 *
 * @example
 * ```ts
 * import { exp2, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await exp2(tensor([3, -1])).array()); // [8, 0.5]
 * ```
 */
export const exp2: Unary = floatFunction("exp2", {
  df: "(dy * y * 0.693147181)",
  ddf: () => Math.LN2,
});

/**
 * eˣ − 1, accurate near 0.
 *
 * @example
 * ```ts
 * import { expm1, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await expm1(tensor([1e-7])).array()); // [1e-7]
 * ```
 */
export const expm1: Unary = floatFunction("expm1", {
  precision: "full",
  df: "(dy * (y + 1.0))",
  ddf: () => 1,
});

/**
 * The natural logarithm; NaN below 0, −∞ at 0.
 *
 * @example
 * ```ts
 * import { init, log, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await log(tensor([1, 0])).array()); // [0, -Infinity]
 * ```
 */
export const log: Unary = floatFunction("log", {
  precision: "full",
  df: "(dy / x)",
  ddf: (x) => neg(reciprocal(square(x))),
});

/**
 * The logarithm to base 2.
 *
 * @example
 * ```ts
 * import { init, log2, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await log2(tensor([8, 0.5])).array()); // [3, -1]
 * ```
 */
export const log2: Unary = floatFunction("log2", {
  precision: "full",
  df: "(dy / (x * 0.693147181))",
  ddf: (x) => div(-1 / Math.LN2, square(x)),
});

/**
 * The logarithm to base 10.
 *
 * @example
 * ```ts
 * import { init, log10, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await log10(tensor([1, 10])).array()); // [0, 1]
 * ```
 */
export const log10: Unary = floatFunction("log10", {
  precision: "full",
  df: "(dy / (x * 2.30258509))",
  ddf: (x) => div(-1 / Math.LN10, square(x)),
});

/**
 * ln(1 + x), accurate near 0.
 *
 * @example
 * ```ts
 * import { init, log1p, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await log1p(tensor([1e-7])).array()); // [1e-7]
 * ```
 */
export const log1p: Unary = floatFunction("log1p", {
  precision: "full",
  df: "(dy / (1.0 + x))",
  ddf: (x) => neg(reciprocal(square(add(x, 1)))),
});

/**
 * The error function, 2/√π · ∫₀ˣ e^(−t²) dt.
 *
 * @example
 * ```ts
 * import { erf, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await erf(tensor([0, 1])).array()); // [0, 0.8427008…]
 * ```
 */
export const erf: Unary = floatFunction("erf", {
  df: "(dy * 1.12837917 * exp_f32(-x * x))",
  ddf: (x) => mul(mul(x, -4 / Math.sqrt(Math.PI)), exp(neg(square(x)))),
});

/**
 * The complementary error function, 1 − erf(x).
 *
 * @example
 * ```ts
 * import { erfc, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await erfc(tensor([0])).array()); // [1]
 * ```
 */
export const erfc: Unary = floatFunction("erfc", {
  df: "(-dy * 1.12837917 * exp_f32(-x * x))",
  ddf: (x) => mul(mul(x, 4 / Math.sqrt(Math.PI)), exp(neg(square(x)))),
});

/**
 * The inverse of {@link erf}, on (−1, 1).
 *
 * @example
 * ```ts
 * import { erfinv, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await erfinv(tensor([0, 1])).array()); // [0, Infinity]
 * ```
 */
export const erfinv: Unary = floatFunction("erfinv", {
  precision: "full",
  df: "(dy * 0.886226925 * exp_f32(y * y))",
  ddf: (y) => mul(mul(y, Math.sqrt(Math.PI)), exp(square(y))),
});

/** What {@link logit} keeps away from 0 and 1. */
export interface LogitOptions {
  /** x is clamped to [eps, 1 − eps]; default: it is not. */
  eps?: number;
}

const logitOp = unary({
  name: "logit",
  f: "(log_f32(clamp_f32(x, low, 1.0 - low)) - log1p_f32(-clamp_f32(x, low, 1.0 - low)))",
  numbers: ["low"],
  result: "float",
  df: "select(dy / (x * (1.0 - x)), 0.0, low > 0.0 && (lt_f32(x, low) || lt_f32(1.0 - low, x)))",
  ddf: (x, { low }) => {
    const slope = div(sub(mul(x, 2), 1), square(mul(x, sub(1, x))));
    return low > 0 ? where(logicalAnd(ge(x, low), ge(1 - low, x)), slope, 0) : slope;
  },
});

/**
 * ln(x / (1 − x)), the inverse of the sigmoid.
 *
 * @param x Probabilities
 * @param options How close to 0 and 1 they may come
 * @returns A tensor of the same shape
 *
 * @example
 * ```ts
 * import { init, logit, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await logit(tensor([0.5, 1])).array()); // [0, Infinity]
 * ```
 */
export function logit(x: Tensor, options?: LogitOptions): Tensor {
  checkNames("compute logit", options, { eps: true });
  const { eps } = options ?? {};
  return logitOp(x, { low: eps ?? -Infinity });
}

const powOp = pointwise({
  name: "pow",
  f: { f32: "pow_f32(x, y)", i32: "pow_i32(x, y)", u32: "pow_u32(x, y)" },
  precision: "full",
  reads: [[0, 1], [0, 1, "y"]],
  grads: [
    (dy, { x }) => {
      const base = x(0), exponent = x(1);
      if (typeof exponent === "number") {
        return exponent === 0 ? vanishing(dy) : mul(dy, mul(pow(base, exponent - 1), exponent));
      }
      // x^0 is constant, also at 0, where x^-1 is infinite.
      return where(eq(exponent, 0), 0, mul(dy, mul(pow(base, sub(exponent, 1)), exponent)));
    },
    (dy, { x, y }) => {
      const base = x(0), exponent = x(1) as Tensor;
      if (typeof base === "number") {
        return base === 0 ? where(ge(exponent, 0), 0, mul(dy, mul(y, -Infinity))) : mul(dy, mul(y, Math.log(base)));
      }
      // 0^y is constant for y > 0, while its logarithm is infinite.
      return mul(dy, where(logicalAnd(eq(base, 0), ge(exponent, 0)), 0, mul(y, log(base))));
    },
  ],
});

const cube = unary({ name: "pow", f: "(x * x * x)", df: "(3.0 * dy * x * x)", ddf: (x) => mul(x, 6) });

/**
 * a to the power of b, element by element, with broadcasting.
 *
 * @param a The base, a tensor or a number
 * @param b The exponent, a tensor or a number
 * @returns A tensor of the shape that both broadcast to; NaN for a negative base with an exponent that is not whole
 * @throws {ShapeError} If the shapes do not broadcast
 * @throws {RangeError} If integers are to be raised to a negative number
 *
 * @example
 * ```ts
 * import { init, pow, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await pow(tensor([1.5, -2]), 2).array()); // [2.25, 4]
 * console.log(await pow(2, tensor([3, 0.5])).array()); // [8, 1.4142135…]
 * ```
 */
export function pow(a: TensorLike, b: TensorLike): Tensor {
  if (typeof b === "number" && typeof a !== "number") {
    const integer = a.dtype === "i32" || a.dtype === "u32" || a.dtype === "bool";
    if (integer && Number.isInteger(b) && b < 0) {
      throw new RangeError(`Cannot raise in pow: integers need an exponent from 0 on, got ${b}`);
    }
    // Under autocast all powers are taken in f32, also those that are computed otherwise.
    if (autocastDType() !== null && isHalf(a.dtype)) a = to(a, "f32");
    if (b === 1 && a.dtype !== "bool") return a;
    if (b === 2 && a.dtype !== "bool") return square(a);
    if (b === 3 && a.dtype !== "bool") return cube(a);
    if (b === 0.5) return sqrt(a);
    if (b === -0.5) return rsqrt(a);
    if (b === -1) return reciprocal(a);
  }
  return powOp([a, b]);
}

const logaddexpOp = pointwise({
  name: "logaddexp",
  f: "logaddexp_f32(x, y)",
  result: "float",
  reads: [[0, 1], [0, 1]],
  grads: [(dy, { x }) => mul(dy, sigmoid(sub(x(0), x(1)))), (dy, { x }) => mul(dy, sigmoid(sub(x(1), x(0))))],
});

/**
 * ln(eᵃ + eᵇ) without overflow.
 *
 * @param a A tensor
 * @param b A tensor or a number
 * @returns A tensor of the shape that both broadcast to
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { init, logaddexp, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await logaddexp(tensor([1000]), 1000).array()); // [1000.6931…]
 * ```
 */
export function logaddexp(a: Tensor, b: TensorLike): Tensor {
  return logaddexpOp([a, b]);
}

const xlogyOp = pointwise({
  name: "xlogy",
  f: "select(x * log_f32(y), 0.0, x == 0.0 && !any_nan(x, y))",
  result: "float",
  reads: [[0, 1], [0, 1]],
  grads: [
    (dy, { x }) => where(logicalAnd(eq(x(0), 0), le(x(1), 0)), 0, mul(dy, log(asTensor(x(1))))),
    (dy, { x }) => mul(dy, div(x(0), x(1))),
  ],
});

/**
 * a · ln(b), and 0 where a is 0.
 *
 * @param a A tensor
 * @param b A tensor or a number
 * @returns A tensor of the shape that both broadcast to
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { init, tensor, xlogy } from "@fulgurite/core";
 *
 * await init();
 * console.log(await xlogy(tensor([0, 2]), tensor([0, 1])).array()); // [0, 0]
 * ```
 */
export function xlogy(a: Tensor, b: TensorLike): Tensor {
  return xlogyOp([a, b]);
}

function asTensor(x: TensorLike): Tensor {
  return typeof x === "number" ? full([], x) : x;
}

/** Functions of statistics and signal processing: the gamma function and its relatives, entropies, sinc. */
import type { Tensor } from "../../tensor/tensor.ts";
import { add, div, mul, neg, sub } from "./arithmetic.ts";
import { where } from "./choice.ts";
import { eq, isnan, logicalAnd, logicalNot } from "./compare.ts";
import { pointwise, type TensorLike } from "./define.ts";
import { log1p } from "./math.ts";
import { sigmoid } from "./activations.ts";
import { floatFunction, type Unary, unary } from "./unary.ts";

/**
 * ln |Γ(x)|, the logarithm of the gamma function; ∞ at 0 and the whole numbers below.
 *
 * @example
 * ```ts
 * import { init, lgamma, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await lgamma(tensor([1, 5], { dtype: "f32" })).array()); // [0, 3.1780538…], ln 4!
 * ```
 */
export const lgamma: Unary = floatFunction("lgamma", {
  precision: "full",
  df: "(dy * digamma_f32(x))",
  ddf: (x) => polygamma(x, 1),
});

/**
 * ψ(x), the derivative of {@link lgamma}; ∓∞ at ±0, NaN at the whole numbers below 0.
 *
 * @example
 * ```ts
 * import { digamma, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await digamma(tensor([1, 0.5])).array()); // [-0.5772157…, -1.9635100…]
 * ```
 */
export const digamma: Unary = floatFunction("digamma", {
  precision: "full",
  df: "(dy * trigamma_f32(x))",
  ddf: (x) => polygamma(x, 2),
});

const trigamma = unary({
  name: "polygamma",
  f: "trigamma_f32(x)",
  result: "float",
  precision: "full",
  df: "(-2.0 * dy * zeta_f32(3.0, x))",
  ddf: (x) => polygamma(x, 3),
});

const polygammaOp = unary({
  name: "polygamma",
  f: "(factor * zeta_f32(order, x))",
  numbers: ["order", "factor"],
  result: "float",
  precision: "full",
  df: "(-dy * order * factor * zeta_f32(order + 1.0, x))",
  ddf: (x, { order }) => polygamma(x, order + 1),
});

/**
 * The n-th derivative of {@link digamma}.
 *
 * @param x Any shape; from n = 2 on, and for gradients from n = 1 on, numbers below 0 give NaN
 * @param n A whole number from 0 on
 * @returns The same shape
 * @throws {RangeError} If n is none
 *
 * @example
 * ```ts
 * import { init, polygamma, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await polygamma(tensor([1], { dtype: "f32" }), 1).array()); // [1.6449341…], π²/6
 * ```
 */
export function polygamma(x: Tensor, n: number): Tensor {
  if (!Number.isInteger(n) || n < 0) {
    throw new RangeError(`Cannot compute polygamma: n must be a whole number from 0 on, got ${n}`);
  }
  if (n < 2) return n === 0 ? digamma(x) : trigamma(x);
  let factor = n % 2 === 0 ? -1 : 1;
  for (let k = 2; k <= n; k++) factor *= k;
  return polygammaOp(x, { order: n + 1, factor });
}

/**
 * The logarithm of the multivariate gamma function: p(p − 1)/4 · ln π + Σ lgamma(x − j/2) for j from 0 to p − 1.
 *
 * @param x Any shape, above (p − 1)/2
 * @param p A whole number from 1 on
 * @returns The same shape
 * @throws {RangeError} If p is none
 *
 * @example
 * ```ts
 * import { init, multigammaln, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await multigammaln(tensor([2.5]), 2).array()); // [0.8570…]
 * ```
 */
export function multigammaln(x: Tensor, p: number): Tensor {
  if (!Number.isInteger(p) || p < 1) {
    throw new RangeError(`Cannot compute multigammaln: p must be a whole number from 1 on, got ${p}`);
  }
  let y = add(lgamma(x), p * (p - 1) / 4 * Math.log(Math.PI));
  for (let j = 1; j < p; j++) y = add(y, lgamma(sub(x, j / 2)));
  return y;
}

const sincCurve = unary({ name: "sincGrad", f: "sinc_curve_f32(x)", result: "float" });

/**
 * sin(πx) / (πx), and 1 at 0.
 *
 * @example
 * ```ts
 * import { init, sinc, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await sinc(tensor([0, 0.5, 1])).array()); // [1, 0.6366197…, 0]
 * ```
 */
export const sinc: Unary = floatFunction("sinc", {
  df: "(dy * sinc_slope_f32(x))",
  ddf: (x) => sincCurve(x),
});

/**
 * The entropy of a probability, −x · ln x: 0 at 0, −∞ below.
 *
 * @example
 * ```ts
 * import { entr, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await entr(tensor([0, 0.5, 1])).array()); // [0, 0.3465735…, 0]
 * ```
 */
export const entr: Unary = unary({
  name: "entr",
  f: "select(select(-x * log_f32(x), 0.0, x == 0.0), -infinity(), lt_f32(x, 0.0))",
  result: "float",
  precision: "full",
  df: "(-dy * (log_f32(x) + 1.0))",
  ddf: (x) => div(-1, x),
});

/**
 * The standard normal distribution function, the share of what lies below x.
 *
 * @example
 * ```ts
 * import { init, ndtr, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await ndtr(tensor([0, 1.96])).array()); // [0.5, 0.975…]
 * ```
 */
export const ndtr: Unary = unary({
  name: "ndtr",
  f: "(0.5 * erfc_f32(-0.707106781 * x))",
  result: "float",
  df: "(dy * 0.398942280 * exp_f32(-0.5 * x * x))",
  // φ' = -x·φ, where φ is the derivative of this function.
  ddf: (x) => neg(mul(x, density(x))),
});

/**
 * The logarithm of {@link ndtr}, also where that is too small for a number: log Φ(x).
 *
 * @param x Any shape
 * @returns The same shape
 *
 * @example
 * ```ts
 * import { init, logNdtr, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await logNdtr(tensor([0, -100], { dtype: "f32" })).array()); // [-0.693…, -5005.52…]
 * ```
 */
export const logNdtr: Unary = unary({
  name: "logNdtr",
  f: "log_ndtr_f32(x)",
  result: "float",
  df: "(dy * log_ndtr_slope_f32(x))",
  ddf: (x) => slopeGrad(logNdtrSlope(x), x),
});

/** r = φ / Φ has the derivative −r·(x + r). */
const slopeGrad = (r: Tensor, x: Tensor) => neg(mul(r, add(x, r)));

const logNdtrSlope = unary({
  name: "logNdtrGrad",
  f: "log_ndtr_slope_f32(x)",
  result: "float",
  df: "(-dy * log_ndtr_slope_f32(x) * (x + log_ndtr_slope_f32(x)))",
});

const density = unary({
  name: "ndtrGrad",
  f: "(0.398942280 * exp_f32(-0.5 * x * x))",
  result: "float",
  df: "(-0.398942280 * dy * x * exp_f32(-0.5 * x * x))",
});

const xlog1pyOp = pointwise({
  name: "xlog1py",
  f: "select(x * log1p_f32(y), 0.0, x == 0.0 && !is_nan(y))",
  result: "float",
  reads: [[0, 1], [0, 1]],
  grads: [
    (dy, { x }) => {
      const b = x(1);
      if (typeof b === "number") return mul(dy, Math.log1p(b));
      return where(logicalAnd(eq(x(0), 0), logicalNot(isnan(b))), 0, mul(dy, log1p(b)));
    },
    (dy, { x }) => mul(dy, div(x(0), add(x(1), 1))),
  ],
});

/**
 * a · ln(1 + b), and 0 where a is 0.
 *
 * @param a A tensor
 * @param b A tensor or a number
 * @returns A tensor of the shape that both broadcast to
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { init, tensor, xlog1py } from "@fulgurite/core";
 *
 * await init();
 * console.log(await xlog1py(tensor([0, 2]), tensor([-1, 0])).array()); // [0, 0]
 * ```
 */
export function xlog1py(a: Tensor, b: TensorLike): Tensor {
  return xlog1pyOp([a, b]);
}

const logaddexp2Op = pointwise({
  name: "logaddexp2",
  f: "(logaddexp_f32(x * 0.693147181, y * 0.693147181) * 1.44269504)",
  result: "float",
  reads: [[0, 1], [0, 1]],
  grads: [
    (dy, { x }) => mul(dy, sigmoid(mul(sub(x(0), x(1)), Math.LN2))),
    (dy, { x }) => mul(dy, sigmoid(mul(sub(x(1), x(0)), Math.LN2))),
  ],
});

/**
 * The logarithm to base 2 of 2ᵃ + 2ᵇ, without overflow.
 *
 * @param a A tensor
 * @param b A tensor or a number
 * @returns A tensor of the shape that both broadcast to
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { init, logaddexp2, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await logaddexp2(tensor([3, 1000]), tensor([3, 1000])).array()); // about [4, 1001]
 * ```
 */
export function logaddexp2(a: Tensor, b: TensorLike): Tensor {
  return logaddexp2Op([a, b]);
}

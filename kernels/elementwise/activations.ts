/** Activation functions, with PyTorch's conventions at their kinks. */
import { checkNames } from "../../device/option_names.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { abs, add, div, mul, neg, sign, square, sub } from "./arithmetic.ts";
import { where } from "./choice.ts";
import { gt, le } from "./compare.ts";
import { exp, pow } from "./math.ts";
import { tanh } from "./trigonometry.ts";
import { floatFunction, type Unary, unary } from "./unary.ts";

export * from "./piecewise.ts";

/**
 * 1 / (1 + e⁻ˣ).
 *
 * @example
 * ```ts
 * import { init, sigmoid, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await sigmoid(tensor([0, 100])).array()); // [0.5, 1]
 * ```
 */
export const sigmoid: Unary = floatFunction("sigmoid", {
  df: "(dy * y * (1.0 - y))",
  ddf: (y) => sub(1, mul(y, 2)),
});

/**
 * ln(1 / (1 + e⁻ˣ)), accurate far from 0.
 *
 * @example
 * ```ts
 * import { init, logSigmoid, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await logSigmoid(tensor([0, -90])).array()); // [-0.6931472…, -90]
 * ```
 */
export const logSigmoid: Unary = unary({
  name: "logSigmoid",
  f: "(-softplus_f32(-x))",
  result: "float",
  df: "(dy * sigmoid_f32(-x))",
  ddf: (x) => neg(mul(sigmoid(x), sigmoid(neg(x)))),
});

/**
 * x · sigmoid(x), also called swish (Elfwing, Uchibe and Doya, 2017).
 *
 * @example
 * ```ts
 * import { init, silu, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await silu(tensor([0, 30])).array()); // [0, 30]
 * ```
 */
export const silu: Unary = unary({
  name: "silu",
  f: "(x * sigmoid_f32(x))",
  result: "float",
  df: "(dy * silu_slope(x))",
  ddf: (x) => {
    const s = sigmoid(x);
    return mul(mul(s, sub(1, s)), add(mul(x, sub(1, mul(s, 2))), 2));
  },
});

/**
 * x · tanh(ln(1 + eˣ)) (Misra, 2019).
 *
 * @example
 * ```ts
 * import { init, mish, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await mish(tensor([0, 30])).array()); // [0, 30]
 * ```
 */
export const mish: Unary = unary({
  name: "mish",
  f: "(x * tanh_softplus(x))",
  result: "float",
  df: "(dy * mish_slope(x))",
  ddf: (x) => {
    const t = tanh(softplus(x)), s = sigmoid(x), rest = mul(s, sub(1, square(t)));
    return mul(rest, add(mul(x, sub(sub(1, s), mul(mul(s, t), 2))), 2));
  },
});

/**
 * x / (1 + |x|).
 *
 * @example
 * ```ts
 * import { init, softsign, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await softsign(tensor([0, 1])).array()); // [0, 0.5]
 * ```
 */
export const softsign: Unary = unary({
  name: "softsign",
  f: "(x / (1.0 + abs(x)))",
  result: "float",
  df: "(dy * softsign_slope(x))",
  ddf: (x) => div(mul(sign(x), -2), pow(add(abs(x), 1), 3)),
});

/**
 * x − tanh(x).
 *
 * @example
 * ```ts
 * import { init, tanhshrink, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await tanhshrink(tensor([0])).array()); // [0]
 * ```
 */
export const tanhshrink: Unary = unary({
  name: "tanhshrink",
  f: "(x - tanh_f32(x))",
  result: "float",
  df: "(dy * tanh_f32(x) * tanh_f32(x))",
  ddf: (x) => {
    const t = tanh(x);
    return mul(mul(t, 2), sub(1, square(t)));
  },
});

/**
 * Scaled exponential linear unit: 1.0507 · (x above 0, 1.6733 · (eˣ − 1) below) (Klambauer et al., 2017).
 *
 * @example
 * ```ts
 * import { init, selu, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await selu(tensor([0, 1])).array()); // [0, 1.0507010…]
 * ```
 */
export const selu: Unary = unary({
  name: "selu",
  f: "(1.05070099 * select(x, 1.67326324 * expm1_f32(x), is_not_positive(x)))",
  result: "float",
  df: "(dy * select(1.05070099, 1.75809934 * exp_f32(x), is_not_positive(x)))",
  ddf: (x) => where(le(x, 0), mul(exp(x), 1.7580993408473766), 0),
});

/** The value that {@link elu} and {@link celu} approach below 0, negated. */
export interface EluOptions {
  /** Default 1. */
  alpha?: number;
}

const eluOp = unary({
  name: "elu",
  f: "select(x, alpha * expm1_f32(x), is_not_positive(x))",
  result: "float",
  numbers: ["alpha"],
  df: "select(dy, dy * alpha * exp_f32(x), is_not_positive(x))",
  ddf: (x, { alpha }) => where(le(x, 0), mul(exp(x), alpha), 0),
});

/**
 * x above 0, alpha · (eˣ − 1) below (Clevert, Unterthiner and Hochreiter, 2015).
 *
 * @param x A tensor
 * @param options The factor below 0
 * @returns A tensor of the same shape
 *
 * @example
 * ```ts
 * import { elu, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await elu(tensor([-100, 2]), { alpha: 0.5 }).array()); // [-0.5, 2]
 * ```
 */
export function elu(x: Tensor, options: EluOptions = {}): Tensor {
  checkNames("compute elu", options, { alpha: true });
  const { alpha = 1 } = options;
  return eluOp(x, { alpha });
}

const celuOp = unary({
  name: "celu",
  f: "select(x, alpha * expm1_f32(x / alpha), is_not_positive(x))",
  result: "float",
  numbers: ["alpha"],
  df: "select(dy, dy * exp_f32(x / alpha), is_not_positive(x))",
  ddf: (x, { alpha }) => where(le(x, 0), div(exp(div(x, alpha)), alpha), 0),
});

/**
 * x above 0, alpha · (e^(x / alpha) − 1) below: its slope at 0 is 1 for every alpha (Barron, 2017).
 *
 * @param x A tensor
 * @param options The factor below 0
 * @returns A tensor of the same shape
 *
 * @example
 * ```ts
 * import { celu, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await celu(tensor([-100, 2]), { alpha: 2 }).array()); // [-2, 2]
 * ```
 */
export function celu(x: Tensor, options: EluOptions = {}): Tensor {
  checkNames("compute celu", options, { alpha: true });
  const { alpha = 1 } = options;
  return celuOp(x, { alpha });
}

/** Which formula {@link gelu} uses. */
export interface GeluOptions {
  /** `"none"`: the error function; `"tanh"`: the approximation of GPT-2; default `"none"`. */
  approximate?: "none" | "tanh";
}

const geluOp = unary({
  name: "gelu",
  f: "(x * normal_below(x))",
  result: "float",
  df: "(dy * gelu_slope(x))",
  ddf: (x) => mul(mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI)), sub(2, square(x))),
});

const geluTanhOp = unary({
  name: "gelu",
  f: "gelu_tanh(x)",
  result: "float",
  df: "(dy * gelu_tanh_slope(x))",
  // With s = sigmoid(u): y = x·s, y' = s + x·s'·u', y'' = 2·s'·u' + x·(s''·u'² + s'·u'').
  ddf: (x) => {
    const k = 2 * Math.sqrt(2 / Math.PI), c = 0.044715;
    const s = sigmoid(mul(add(x, mul(pow(x, 3), c)), k));
    const first = mul(add(mul(square(x), 3 * c), 1), k), second = mul(x, 6 * c * k);
    const slope = mul(s, sub(1, s)), curve = mul(slope, sub(1, mul(s, 2)));
    return add(mul(mul(slope, first), 2), mul(x, add(mul(curve, square(first)), mul(slope, second))));
  },
});

/**
 * Gaussian error linear unit, x · Φ(x) (Hendrycks and Gimpel, 2016).
 *
 * @param x A tensor
 * @param options Exact or approximate
 * @returns A tensor of the same shape
 * @throws {RangeError} If the formula is unknown
 *
 * @example
 * ```ts
 * import { gelu, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await gelu(tensor([0, 10])).array()); // [0, 10]
 * ```
 */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  checkNames("compute gelu", options, { approximate: true });
  const { approximate = "none" } = options;
  if (approximate === "none") return geluOp(x);
  if (approximate === "tanh") return geluTanhOp(x);
  throw new RangeError(`Cannot compute gelu: approximate must be none or tanh, got ${approximate}`);
}

/** How sharp {@link softplus} is, and where it becomes x itself. */
export interface SoftplusOptions {
  /** Default 1. */
  beta?: number;
  /** Where x · beta exceeds this, the result is x; default 20. */
  threshold?: number;
}

const softplusOp = unary({
  name: "softplus",
  f: "select(softplus_f32(x * beta) / beta, x, lt_f32(limit, x * beta))",
  result: "float",
  precision: "full",
  numbers: ["beta", "limit"],
  df: "(dy * select(sigmoid_f32(x * beta), 1.0, lt_f32(limit, x * beta)))",
  ddf: (x, { beta, limit }) => {
    const s = sigmoid(mul(x, beta));
    return where(gt(mul(x, beta), limit), 0, mul(mul(s, sub(1, s)), beta));
  },
});

/**
 * ln(1 + e^(beta · x)) / beta.
 *
 * @param x A tensor
 * @param options Sharpness, and where it becomes linear
 * @returns A tensor of the same shape
 *
 * @example
 * ```ts
 * import { init, softplus, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await softplus(tensor([0, 50])).array()); // [0.6931472…, 50]
 * ```
 */
export function softplus(x: Tensor, options: SoftplusOptions = {}): Tensor {
  checkNames("compute softplus", options, { beta: true, threshold: true });
  const { beta = 1, threshold = 20 } = options;
  return softplusOp(x, { beta, limit: threshold });
}

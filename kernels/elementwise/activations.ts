/** Activation functions, with PyTorch's conventions at their kinks. */
import { ShapeError, showShapes } from "../../tensor/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { reshape } from "../layout/reshape.ts";
import { abs, add, div, mul, neg, sign, square, sub } from "./arithmetic.ts";
import { where } from "./choice.ts";
import { gt, le, logicalAnd, lt } from "./compare.ts";
import { pointwise } from "./define.ts";
import { exp, pow } from "./math.ts";
import { tanh } from "./trigonometry.ts";
import { type Unary, unary } from "./unary.ts";

/**
 * max(x, 0). Its gradient at 0 is 0.
 *
 * @example
 * ```ts
 * import { init, relu, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await relu(tensor([-1, 2])).array()); // [0, 2]
 * ```
 */
export const relu: Unary = unary({
  name: "relu",
  f: { f32: "relu_f32(x)", i32: "max(x, 0)", u32: "x" },
  df: "select(dy, 0.0, is_not_positive(y))",
  ddf: 0,
});

/**
 * min(max(x, 0), 6). Its gradient at 0 and 6 is 0.
 *
 * @example
 * ```ts
 * import { init, relu6, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await relu6(tensor([-1, 2, 9])).array()); // [0, 2, 6]
 * ```
 */
export const relu6: Unary = unary({
  name: "relu6",
  f: { f32: "clamp_f32(x, 0.0, 6.0)", i32: "clamp(x, 0, 6)", u32: "min(x, 6u)" },
  df: "select(dy, 0.0, le_f32(x, 0.0) || le_f32(6.0, x))",
  ddf: 0,
});

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
export const sigmoid: Unary = unary({
  name: "sigmoid",
  f: "sigmoid_f32(x)",
  result: "float",
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
 * min(max(x + 3, 0), 6) / 6. Its gradient at ±3 is 0.
 *
 * @example
 * ```ts
 * import { hardsigmoid, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await hardsigmoid(tensor([-3, 0, 4])).array()); // [0, 0.5, 1]
 * ```
 */
export const hardsigmoid: Unary = unary({
  name: "hardsigmoid",
  f: "(clamp_f32(x + 3.0, 0.0, 6.0) * 0.166666667)",
  result: "float",
  df: "select(0.0, dy * 0.166666667, lt_f32(-3.0, x) && lt_f32(x, 3.0))",
  ddf: 0,
});

/**
 * x · min(max(x + 3, 0), 6) / 6 (Howard et al., “Searching for MobileNetV3”, 2019).
 *
 * @example
 * ```ts
 * import { hardswish, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await hardswish(tensor([-4, 3])).array()); // [0, 3]
 * ```
 */
export const hardswish: Unary = unary({
  name: "hardswish",
  f: "(x * (clamp_f32(x + 3.0, 0.0, 6.0) * 0.166666667))",
  result: "float",
  df: "select(select(dy, dy * (x * 0.333333333 + 0.5), lt_f32(x, 3.0)), 0.0, le_f32(x, -3.0))",
  ddf: (x) => where(logicalAnd(gt(x, -3), lt(x, 3)), 1 / 3, 0),
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

/** The slope of {@link leakyRelu} below 0. */
export interface LeakyReluOptions {
  /** Default 0.01. */
  negativeSlope?: number;
}

const leakyReluOp = unary({
  name: "leakyRelu",
  f: "select(x * slope, x, is_positive(x))",
  result: "float",
  numbers: ["slope"],
  df: "select(dy * slope, dy, is_positive(x))",
  ddf: 0,
});

/**
 * x above 0, x · negativeSlope below.
 *
 * @param x A tensor
 * @param options The slope below 0
 * @returns A tensor of the same shape
 *
 * @example
 * ```ts
 * import { init, leakyRelu, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await leakyRelu(tensor([-2, 2]), { negativeSlope: 0.25 }).array()); // [-0.5, 2]
 * ```
 */
export function leakyRelu(x: Tensor, { negativeSlope = 0.01 }: LeakyReluOptions = {}): Tensor {
  return leakyReluOp(x, { slope: negativeSlope });
}

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
export function elu(x: Tensor, { alpha = 1 }: EluOptions = {}): Tensor {
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
export function celu(x: Tensor, { alpha = 1 }: EluOptions = {}): Tensor {
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
export function gelu(x: Tensor, { approximate = "none" }: GeluOptions = {}): Tensor {
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
export function softplus(x: Tensor, { beta = 1, threshold = 20 }: SoftplusOptions = {}): Tensor {
  return softplusOp(x, { beta, limit: threshold });
}

/** The bounds of {@link hardtanh}. */
export interface HardtanhOptions {
  /** Default −1. */
  minVal?: number;
  /** Default 1. */
  maxVal?: number;
}

const hardtanhOp = unary({
  name: "hardtanh",
  f: { f32: "clamp_f32(x, low, high)" },
  result: "float",
  numbers: ["low", "high"],
  df: "select(dy, 0.0, le_f32(x, low) || le_f32(high, x))",
  ddf: 0,
});

/**
 * x moved into [minVal, maxVal]. Its gradient on the bounds is 0.
 *
 * @param x A tensor
 * @param options The bounds
 * @returns A tensor of the same shape
 *
 * @example
 * ```ts
 * import { hardtanh, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await hardtanh(tensor([-2, 0.5, 2])).array()); // [-1, 0.5, 1]
 * ```
 */
export function hardtanh(x: Tensor, { minVal = -1, maxVal = 1 }: HardtanhOptions = {}): Tensor {
  return hardtanhOp(x, { low: minVal, high: maxVal });
}

/** The width of what {@link hardshrink} and {@link softshrink} make 0. */
export interface ShrinkOptions {
  /** Default 0.5. */
  lambda?: number;
}

const hardshrinkOp = unary({
  name: "hardshrink",
  f: "select(x, 0.0, le_f32(abs(x), width))",
  result: "float",
  numbers: ["width"],
  df: "select(dy, 0.0, le_f32(abs(x), width))",
  ddf: 0,
});

/**
 * x where |x| > lambda, else 0.
 *
 * @param x A tensor
 * @param options The width
 * @returns A tensor of the same shape
 *
 * @example
 * ```ts
 * import { hardshrink, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await hardshrink(tensor([-2, 0.25])).array()); // [-2, 0]
 * ```
 */
export function hardshrink(x: Tensor, { lambda = 0.5 }: ShrinkOptions = {}): Tensor {
  return hardshrinkOp(x, { width: lambda });
}

const softshrinkOp = unary({
  name: "softshrink",
  f: "select(x - copy_sign(width, x), 0.0, le_f32(abs(x), width))",
  result: "float",
  numbers: ["width"],
  df: "select(dy, 0.0, le_f32(abs(x), width))",
  ddf: 0,
});

/**
 * x moved towards 0 by lambda, and 0 where |x| ≤ lambda.
 *
 * @param x A tensor
 * @param options The width
 * @returns A tensor of the same shape
 *
 * @example
 * ```ts
 * import { init, softshrink, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await softshrink(tensor([-2, 0.25])).array()); // [-1.5, 0]
 * ```
 */
export function softshrink(x: Tensor, { lambda = 0.5 }: ShrinkOptions = {}): Tensor {
  return softshrinkOp(x, { width: lambda });
}

const preluOp = pointwise({
  name: "prelu",
  f: { f32: "select(x * y, x, is_positive(x))" },
  reads: [[0, 1], [0]],
  grads: [
    (dy, { x }) => where(gt(x(0), 0), dy, mul(dy, x(1))),
    (dy, { x }) => where(gt(x(0), 0), 0, mul(dy, x(0))),
  ],
});

/**
 * x above 0, x · weight below, with a learned weight for all or for each channel (He et al., 2015).
 *
 * @param x [batch, channels, …] or any shape
 * @param weight One element, or one a channel
 * @returns A tensor of the same shape
 * @throws {ShapeError} If there are neither one weight nor as many as channels
 *
 * @example
 * ```ts
 * import { init, prelu, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await prelu(tensor([-2.5, 2]), tensor([0.5])).array()); // [-1.25, 2]
 * ```
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  const channels = x.shape[1] ?? 1;
  if (weight.ndim > 1 || (weight.numel !== 1 && weight.numel !== channels)) {
    throw new ShapeError(
      "prelu",
      `Cannot compute prelu: there must be one weight, or one a channel, current shapes are ${
        showShapes([x.shape, weight.shape])
      }`,
      [x.shape, weight.shape],
    );
  }
  const shape = weight.numel === 1 ? [] : x.shape.slice(1).map((_, axis) => axis === 0 ? channels : 1);
  return preluOp([x, reshape(weight, shape)]);
}

/** Pointwise functions and the same in f64: what contract tests and tests of sizes share. */
import * as f from "../mod.ts";
import type { Tensor } from "../mod.ts";
import type { Draw } from "./op_spec.ts";
import { erf, lgamma, normalBelow, polygamma, sigmoid, sinc, softplus } from "./special.ts";

/** A function of one tensor, the same in f64, and where its inputs are drawn. */
export type UnaryRow = [
  name: string,
  run: (x: Tensor) => Tensor,
  reference: (x: number) => number,
  draw?: Draw,
  half?: boolean,
];

const around = (...avoid: number[]): Draw => ({ low: -4, high: 4, avoid });
const within = (low: number, high: number): Draw => ({ low, high });
const elu = (x: number) => x > 0 ? x : Math.expm1(x);
const round = (x: number) => Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x);

/** Every function of one tensor; the first word of a name is the function's. */
export const UNARY: readonly UnaryRow[] = [
  ["neg", f.neg, (x) => -x],
  ["abs", f.abs, Math.abs, around(0)],
  ["sign", f.sign, Math.sign, around(0)],
  ["square", f.square, (x) => x * x, "normal", true],
  ["reciprocal", f.reciprocal, (x) => 1 / x, "positive"],
  ["sqrt", f.sqrt, Math.sqrt, "positive"],
  ["rsqrt", f.rsqrt, (x) => 1 / Math.sqrt(x), "positive"],
  ["exp", f.exp, Math.exp, "normal", true],
  ["exp2", f.exp2, (x) => 2 ** x],
  ["expm1", f.expm1, Math.expm1],
  ["log", f.log, Math.log, "positive"],
  ["log2", f.log2, Math.log2, "positive"],
  ["log10", f.log10, Math.log10, "positive"],
  ["log1p", f.log1p, Math.log1p, "positive"],
  ["erf", f.erf, erf],
  ["erfc", f.erfc, (x) => 1 - erf(x)],
  ["erfinv", f.erfinv, (x) => inverse(erf, x), within(-0.95, 0.95)],
  ["logit", f.logit, (x) => Math.log(x / (1 - x)), within(0.05, 0.95)],
  ["logit with eps", (x) => f.logit(x, { eps: 0.3 }), (x) => logitBounded(x, 0.3), {
    low: 0.05,
    high: 0.95,
    avoid: [0.3, 0.7],
  }],
  ["lgamma", f.lgamma, lgamma, { low: -3, high: 9, avoid: [-3, -2, -1, 0], gap: 0.1 }],
  ["digamma", f.digamma, (x) => polygamma(0, x), { low: -3, high: 9, avoid: [-3, -2, -1, 0], gap: 0.1 }],
  ["polygamma of order 1", (x) => f.polygamma(x, 1), (x) => polygamma(1, x), within(0.3, 9)],
  ["polygamma of order 2", (x) => f.polygamma(x, 2), (x) => polygamma(2, x), within(0.3, 9)],
  ["multigammaln", (x) => f.multigammaln(x, 3), (x) => multigammaln(x, 3), within(1.2, 9)],
  ["sinc", f.sinc, sinc],
  ["entr", f.entr, (x) => -x * Math.log(x), "positive"],
  ["ndtr", f.ndtr, normalBelow],
  ["logNdtr", f.logNdtr, (x) => Math.log(normalBelow(x))],
  ["deg2rad", f.deg2rad, (x) => x / 180 * Math.PI],
  ["rad2deg", f.rad2deg, (x) => x * 180 / Math.PI],
  ["sin", f.sin, Math.sin],
  ["cos", f.cos, Math.cos],
  ["tan", f.tan, Math.tan, within(-1.3, 1.3)],
  ["asin", f.asin, Math.asin, within(-0.95, 0.95)],
  ["acos", f.acos, Math.acos, within(-0.95, 0.95)],
  ["atan", f.atan, Math.atan],
  ["sinh", f.sinh, Math.sinh],
  ["cosh", f.cosh, Math.cosh],
  ["tanh", f.tanh, Math.tanh, "normal", true],
  ["asinh", f.asinh, Math.asinh],
  ["acosh", f.acosh, Math.acosh, within(1.1, 4)],
  ["atanh", f.atanh, Math.atanh, within(-0.95, 0.95)],
  ["floor", f.floor, Math.floor, around(-4, -3, -2, -1, 0, 1, 2, 3, 4)],
  ["ceil", f.ceil, Math.ceil, around(-4, -3, -2, -1, 0, 1, 2, 3, 4)],
  ["trunc", f.trunc, Math.trunc, around(-4, -3, -2, -1, 0, 1, 2, 3, 4)],
  ["round", f.round, round, around(-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5)],
  ["frac", f.frac, (x) => x - Math.trunc(x), around(-4, -3, -2, -1, 0, 1, 2, 3, 4)],
  ["relu", f.relu, (x) => Math.max(x, 0), around(0), true],
  ["relu6", f.relu6, (x) => Math.min(Math.max(x, 0), 6), { low: -4, high: 9, avoid: [0, 6] }],
  ["sigmoid", f.sigmoid, sigmoid, "normal", true],
  ["logSigmoid", f.logSigmoid, (x) => -softplus(-x)],
  ["silu", f.silu, (x) => x * sigmoid(x), "normal", true],
  ["mish", f.mish, (x) => x * Math.tanh(softplus(x))],
  ["softsign", f.softsign, (x) => x / (1 + Math.abs(x)), around(0)],
  ["tanhshrink", f.tanhshrink, (x) => x - Math.tanh(x)],
  ["hardsigmoid", f.hardsigmoid, (x) => Math.min(Math.max(x + 3, 0), 6) / 6, around(-3, 3)],
  ["hardswish", f.hardswish, (x) => x * Math.min(Math.max(x + 3, 0), 6) / 6, around(-3, 3)],
  ["selu", f.selu, (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)), around(0)],
  ["leakyRelu", (x) => f.leakyRelu(x, { negativeSlope: 0.2 }), (x) => x > 0 ? x : 0.2 * x, around(0)],
  ["elu", (x) => f.elu(x, { alpha: 0.7 }), (x) => x > 0 ? x : 0.7 * elu(x), around(0)],
  ["celu", (x) => f.celu(x, { alpha: 2 }), (x) => x > 0 ? x : 2 * elu(x / 2), around(0)],
  ["gelu", f.gelu, (x) => x * normalBelow(x), "normal", true],
  [
    "gelu tanh",
    (x) => f.gelu(x, { approximate: "tanh" }),
    (x) => x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)),
  ],
  [
    "softplus",
    (x) => f.softplus(x, { beta: 2, threshold: 5 }),
    (x) => 2 * x > 5 ? x : softplus(2 * x) / 2,
    around(2.5),
  ],
  [
    "hardtanh",
    (x) => f.hardtanh(x, { minVal: -0.5, maxVal: 2 }),
    (x) => Math.min(Math.max(x, -0.5), 2),
    around(-0.5, 2),
  ],
  ["hardshrink", f.hardshrink, (x) => Math.abs(x) > 0.5 ? x : 0, around(-0.5, 0.5)],
  [
    "softshrink",
    (x) => f.softshrink(x, { lambda: 1 }),
    (x) => Math.sign(x) * Math.max(Math.abs(x) - 1, 0),
    around(-1, 1),
  ],
  ["threshold", (x) => f.threshold(x, 0.5, 9), (x) => x > 0.5 ? x : 9, around(0.5)],
  ["clamp", (x) => f.clamp(x, { min: -1, max: 1.5 }), (x) => Math.min(Math.max(x, -1), 1.5), around(-1, 1.5)],
  ["clamp from below", (x) => f.clamp(x, { min: 0.25 }), (x) => Math.max(x, 0.25), around(0.25)],
  ["clamp from above", (x) => f.clamp(x, { max: 0.25 }), (x) => Math.min(x, 0.25), around(0.25)],
  ["pow of 0", (x) => f.pow(x, 0), () => 1],
  ["pow of 1", (x) => f.pow(x, 1), (x) => x],
  ["pow of 2", (x) => f.pow(x, 2), (x) => x * x],
  ["pow of 3", (x) => f.pow(x, 3), (x) => x ** 3],
  ["pow of 5", (x) => f.pow(x, 5), (x) => x ** 5],
  ["pow of -1", (x) => f.pow(x, -1), (x) => 1 / x, "positive"],
  ["pow of 0.5", (x) => f.pow(x, 0.5), Math.sqrt, "positive"],
  ["pow of -0.5", (x) => f.pow(x, -0.5), (x) => 1 / Math.sqrt(x), "positive"],
  ["pow of 1.7", (x) => f.pow(x, 1.7), (x) => x ** Math.fround(1.7), "positive"],
  ["pow of base 2", (x) => f.pow(2, x), (x) => 2 ** x],
  ["add of a number", (x) => f.add(2.5, x, { alpha: 3 }), (x) => 2.5 + 3 * x],
  ["sub from a number", (x) => f.sub(2.5, x), (x) => 2.5 - x],
  ["div of a number", (x) => f.div(2.5, x), (x) => 2.5 / x, "positive"],
  [
    "remainder of a number",
    (x) => f.remainder(x, 1.5),
    (x) => x - 1.5 * Math.floor(x / 1.5),
    around(-3, -1.5, 0, 1.5, 3),
  ],
  ["nanToNum", f.nanToNum, (x) => x],
];

function multigammaln(x: number, p: number): number {
  let y = p * (p - 1) / 4 * Math.log(Math.PI);
  for (let j = 0; j < p; j++) y += lgamma(x - j / 2);
  return y;
}

/** x with f(x) = y, for f that rises. */
function inverse(f: (x: number) => number, y: number): number {
  let low = -4, high = 4;
  for (let k = 0; k < 80; k++) {
    const middle = (low + high) / 2;
    if (f(middle) < y) low = middle;
    else high = middle;
  }
  return low;
}

function logitBounded(x: number, eps: number): number {
  const bounded = Math.min(Math.max(x, eps), 1 - eps);
  return Math.log(bounded / (1 - bounded));
}

/** A function of two tensors, the same in f64, and where its inputs are drawn. */
export type BinaryRow = [
  name: string,
  run: (a: Tensor, b: Tensor) => Tensor,
  reference: (a: number, b: number) => number,
  draw?: Draw,
];

/** Functions of two tensors that are tested with every way to broadcast. */
export const EVERYWHERE: readonly BinaryRow[] = [
  ["add", f.add, (a, b) => a + b],
  ["mul", f.mul, (a, b) => a * b],
  ["pow", f.pow, (a, b) => a ** b, "positive"],
];

/** Other functions of two tensors. */
export const PAIRS: readonly BinaryRow[] = [
  ["sub", f.sub, (a, b) => a - b],
  ["sub with alpha", (a, b) => f.sub(a, b, { alpha: -0.5 }), (a, b) => a + 0.5 * b],
  ["div", f.div, (a, b) => a / b, "positive"],
  ["maximum", f.maximum, Math.max, "distinct"],
  ["minimum", f.minimum, Math.min, "distinct"],
  ["atan2", f.atan2, Math.atan2],
  ["hypot", f.hypot, Math.hypot],
  ["remainder", f.remainder, (a, b) => a - b * Math.floor(a / b), { low: 0.6, high: 0.95 }],
  ["fmod", f.fmod, (a, b) => a % b, { low: 0.6, high: 0.95 }],
  ["logaddexp", f.logaddexp, (a, b) => Math.log(Math.exp(a) + Math.exp(b))],
  ["logaddexp2", f.logaddexp2, (a, b) => Math.log2(2 ** a + 2 ** b)],
  ["fmax", f.fmax, Math.max],
  ["fmin", f.fmin, Math.min],
  ["copysign", f.copysign, (a, b) => Math.sign(b) * Math.abs(a)],
  ["xlog1py", f.xlog1py, (a, b) => a * Math.log1p(b), "positive"],
  ["xlogy", f.xlogy, (a, b) => a * Math.log(b), "positive"],
  ["lerp", (a, b) => f.lerp(a, b, 0.3), (a, b) => a + Math.fround(0.3) * (b - a)],
  ["where", (a, b) => f.where(f.gt(a, b), a, b), Math.max],
];

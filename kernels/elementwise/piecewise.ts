/** Activation functions made of straight pieces, and of parabolas, with PyTorch's conventions at their kinks. */
import { checkNames } from "../../device/option_names.ts";
import { ShapeError, showShapes } from "../../tensor/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { reshape } from "../layout/reshape.ts";
import { mul } from "./arithmetic.ts";
import { where } from "./choice.ts";
import { gt, logicalAnd, lt } from "./compare.ts";
import { pointwise } from "./define.ts";
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
export function leakyRelu(x: Tensor, options?: LeakyReluOptions): Tensor {
  checkNames("compute leakyRelu", options, { negativeSlope: true });
  const { negativeSlope = 0.01 } = options ?? {};
  return leakyReluOp(x, { slope: negativeSlope });
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
export function hardtanh(x: Tensor, options?: HardtanhOptions): Tensor {
  checkNames("compute hardtanh", options, { minVal: true, maxVal: true });
  const { minVal = -1, maxVal = 1 } = options ?? {};
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
export function hardshrink(x: Tensor, options?: ShrinkOptions): Tensor {
  checkNames("compute hardshrink", options, { lambda: true });
  const { lambda = 0.5 } = options ?? {};
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
export function softshrink(x: Tensor, options?: ShrinkOptions): Tensor {
  checkNames("compute softshrink", options, { lambda: true });
  const { lambda = 0.5 } = options ?? {};
  return softshrinkOp(x, { width: lambda });
}

const preluOp = pointwise({
  name: "prelu",
  precision: "half",
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

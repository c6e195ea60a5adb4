import { checkNames } from "../../device/option_names.ts";
import { type DType, isFloat } from "../../tensor/dtype.ts";
import { defaultGenerator, type Generator } from "../../tensor/generator.ts";
import { checkShape, type Shape } from "../../tensor/shape.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { tensor } from "../../tensor/create.ts";
import { to } from "../elementwise/cast.ts";
import { asLeaf, type CreationOptions, type LikeOptions } from "../elementwise/constants.ts";
import { read } from "../elementwise/operand.ts";
import { drawn } from "./_drawn.ts";

/** Type, role and source of a random tensor. */
export interface RandomOptions extends CreationOptions {
  /** Where the numbers come from; default: the generator that `manualSeed` seeds. */
  generator?: Generator;
}

/** Type, role and source of a random tensor of another's shape. */
export interface RandomLikeOptions extends LikeOptions {
  /** Where the numbers come from; default: the generator that `manualSeed` seeds. */
  generator?: Generator;
}

/** Bounds, type, role and source of uniform numbers. */
export interface UniformOptions extends RandomOptions {
  /** The lower bound, included; default 0. */
  low?: number;
  /** The upper bound; default 1. */
  high?: number;
}

/** Centre and spread, type, role and source of normal numbers. */
export interface NormalOptions extends RandomOptions {
  /** Default 0. */
  mean?: number;
  /** The standard deviation; default 1. */
  std?: number;
}

/** Probability, type and source of random choices. */
export interface BernoulliOptions extends RandomOptions {
  /** The probability of 1; default 0.5. */
  p?: number;
}

function floatType(op: string, dtype: DType = "f32"): DType {
  if (isFloat(dtype)) return dtype;
  throw new TypeError(`Cannot draw in ${op}: the type must be floating-point, got ${dtype}`);
}

/** Uniform numbers in [0, 1) with as many bits as the type holds, so that rounding never makes a 1. */
const UNIT: Record<string, string> = {
  f32: "x",
  f16: "(floor(x * 2048.0) * 4.8828125e-4)",
  bf16: "(floor(x * 256.0) * 3.90625e-3)",
};

/**
 * Uniform random numbers in [0, 1).
 *
 * @param shape Sizes of the axes
 * @param options Type, source, and whether gradients are wanted
 * @returns The tensor
 * @throws {ShapeError} If a size is not a whole number from 0 on
 *
 * @example
 * ```ts
 * import { init, manualSeed, rand } from "@fulgurite/core";
 *
 * await init();
 * manualSeed(1);
 * console.log(await rand([2, 3]).array());
 * ```
 */
export function rand(shape: Shape, options: RandomOptions = {}): Tensor {
  checkShape("rand", shape);
  checkNames("draw in rand", options, { dtype: true, requiresGrad: true, generator: true });
  const dtype = floatType("rand", options.dtype);
  const key = (options.generator ?? defaultGenerator).take();
  const t = drawn("rand", UNIT[dtype], { shape: [...shape], dtype }, key, "uniform_quad");
  return asLeaf(t, options.requiresGrad);
}

/**
 * Uniform random numbers between two bounds.
 *
 * @param shape Sizes of the axes
 * @param options Bounds, type, source, and whether gradients are wanted
 * @returns The tensor
 * @throws {ShapeError} If a size is not a whole number from 0 on
 * @throws {RangeError} If the bounds are not finite or in the wrong order
 *
 * @example
 * ```ts
 * import { init, manualSeed, uniform } from "@fulgurite/core";
 *
 * await init();
 * manualSeed(1);
 * console.log(await uniform([3], { low: -1, high: 1 }).array());
 * ```
 */
export function uniform(shape: Shape, options: UniformOptions = {}): Tensor {
  const { low = 0, high = 1 } = options;
  checkShape("uniform", shape);
  checkNames("draw in uniform", options, { dtype: true, requiresGrad: true, generator: true, low: true, high: true });
  if (!(low <= high) || !Number.isFinite(high - low)) {
    throw new RangeError(`Cannot draw in uniform: low must not be above high, got ${low} and ${high}`);
  }
  const dtype = floatType("uniform", options.dtype);
  const key = (options.generator ?? defaultGenerator).take();
  const t = drawn("uniform", "(y + x * z)", { shape: [...shape], dtype }, key, "uniform_quad", [
    { value: low, as: "f32" },
    { value: high - low, as: "f32" },
  ]);
  return asLeaf(t, options.requiresGrad);
}

/**
 * Random numbers of the standard normal distribution.
 *
 * @param shape Sizes of the axes
 * @param options Type, source, and whether gradients are wanted
 * @returns The tensor
 * @throws {ShapeError} If a size is not a whole number from 0 on
 *
 * @example
 * ```ts
 * import { init, manualSeed, randn } from "@fulgurite/core";
 *
 * await init();
 * manualSeed(1);
 * console.log(await randn([2, 3]).array());
 * ```
 */
export function randn(shape: Shape, options: RandomOptions = {}): Tensor {
  checkShape("randn", shape);
  checkNames("draw in randn", options, { dtype: true, requiresGrad: true, generator: true });
  const dtype = floatType("randn", options.dtype);
  const key = (options.generator ?? defaultGenerator).take();
  const t = drawn("randn", "x", { shape: [...shape], dtype }, key, "normal_quad");
  return asLeaf(t, options.requiresGrad);
}

/**
 * Random numbers of a normal distribution.
 *
 * @param shape Sizes of the axes
 * @param options Mean and standard deviation, type, source, and whether gradients are wanted
 * @returns The tensor
 * @throws {ShapeError} If a size is not a whole number from 0 on
 * @throws {RangeError} If the standard deviation is negative
 *
 * @example
 * ```ts
 * import { init, manualSeed, normal } from "@fulgurite/core";
 *
 * await init();
 * manualSeed(1);
 * console.log(await normal([3], { mean: 10, std: 0.5 }).array());
 * ```
 */
export function normal(shape: Shape, options: NormalOptions = {}): Tensor {
  const { mean = 0, std = 1 } = options;
  checkShape("normal", shape);
  checkNames("draw in normal", options, { dtype: true, requiresGrad: true, generator: true, mean: true, std: true });
  if (!(std >= 0)) throw new RangeError(`Cannot draw in normal: std must not be negative, got ${std}`);
  const dtype = floatType("normal", options.dtype);
  const key = (options.generator ?? defaultGenerator).take();
  const t = drawn("normal", "(y + x * z)", { shape: [...shape], dtype }, key, "normal_quad", [
    { value: mean, as: "f32" },
    { value: std, as: "f32" },
  ]);
  return asLeaf(t, options.requiresGrad);
}

/**
 * Random whole numbers from `low` to `high` − 1, equally likely (to one part in 2³² / (high − low)).
 *
 * @param low The smallest
 * @param high One more than the largest
 * @param shape Sizes of the axes
 * @param options Type (default: i32) and source
 * @returns The tensor
 * @throws {RangeError} If there is no whole number from low to high − 1, or they do not fit 32 bits
 * @throws {ShapeError} If a size is not a whole number from 0 on
 *
 * @example
 * ```ts
 * import { init, manualSeed, randint } from "@fulgurite/core";
 *
 * await init();
 * manualSeed(1);
 * console.log(await randint(1, 7, [5]).array()); // five dice
 * ```
 */
export function randint(low: number, high: number, shape: Shape, options: RandomOptions = {}): Tensor {
  checkShape("randint", shape);
  checkNames("draw in randint", options, { dtype: true, requiresGrad: true, generator: true });
  const dtype = options.dtype ?? "i32";
  const fits = Number.isInteger(low) && Number.isInteger(high) && low < high && high - low < 2 ** 32 &&
    (dtype === "u32" ? low >= 0 && high <= 2 ** 32 : low >= -(2 ** 31) && high <= 2 ** 31);
  if (!fits) {
    throw new RangeError(`Cannot draw in randint: low and high must be whole numbers, low < high, got ${low}, ${high}`);
  }
  const key = (options.generator ?? defaultGenerator).take();
  const whole: DType = dtype === "u32" ? "u32" : "i32";
  const t = drawn("randint", `(y + ${whole}(mul_high(x, z)))`, { shape: [...shape], dtype: whole }, key, null, [
    { value: low, as: whole },
    { value: high - low, as: "u32" },
  ]);
  return asLeaf(to(t, dtype), options.requiresGrad);
}

/**
 * The whole numbers from 0 to n − 1 in random order.
 *
 * @param n How many
 * @param options Type (default: i32) and source
 * @returns A tensor of shape [n]
 * @throws {RangeError} If `n` is not a whole number from 0 to 2³¹ − 1
 *
 * @example
 * ```ts
 * import { init, manualSeed, randperm } from "@fulgurite/core";
 *
 * await init();
 * manualSeed(1);
 * console.log(await randperm(5).array());
 * ```
 */
export function randperm(n: number, options: RandomOptions = {}): Tensor {
  checkNames("draw in randperm", options, { dtype: true, requiresGrad: true, generator: true });
  const order = (options.generator ?? defaultGenerator).takeForHost().permutation(n);
  return tensor(order, { dtype: options.dtype ?? "i32", requiresGrad: options.requiresGrad });
}

/**
 * Ones with a probability, zeros otherwise.
 *
 * @param source A shape, or a tensor that holds the probability of each element
 * @param options The probability for a shape, type (default: f32, or that of the tensor) and source
 * @returns The tensor
 * @throws {RangeError} If the probability is not between 0 and 1
 * @throws {ShapeError} If a size is not a whole number from 0 on
 *
 * @example
 * ```ts
 * import { bernoulli, init, manualSeed, tensor } from "@fulgurite/core";
 *
 * await init();
 * manualSeed(1);
 * console.log(await bernoulli([4], { p: 0.25 }).array());
 * console.log(await bernoulli(tensor([0.0, 1.0, 0.5])).array());
 * ```
 */
export function bernoulli(source: Shape | Tensor, options: BernoulliOptions = {}): Tensor {
  const { p = 0.5 } = options;
  const key = (options.generator ?? defaultGenerator).take();
  if (source instanceof Tensor) {
    floatType("bernoulli", source.dtype);
    const spec = { shape: source.shape, dtype: source.dtype };
    const t = drawn("bernoulli", "select(0.0, 1.0, x < y)", spec, key, "uniform_quad", [read(source)], [source]);
    return to(t, options.dtype ?? source.dtype);
  }
  checkShape("bernoulli", source);
  checkProbability("bernoulli", p);
  checkShape("bernoulli", source);
  const spec = { shape: [...source], dtype: "f32" } as const;
  const t = drawn("bernoulli", "select(0.0, 1.0, x < y)", spec, key, "uniform_quad", [{ value: p, as: "f32" }]);
  return asLeaf(to(t, options.dtype ?? "f32"), options.requiresGrad);
}

/** Checks that a probability lies between 0 and 1. */
export function checkProbability(op: string, p: number): void {
  if (p >= 0 && p <= 1) return;
  throw new RangeError(`Cannot draw in ${op}: a probability must be from 0 to 1, got ${p}`);
}

/**
 * Uniform random numbers in [0, 1), of the shape and type of a tensor.
 *
 * @param x The tensor
 * @param options Another type, source, and whether gradients are wanted
 * @returns The tensor
 *
 * @example
 * ```ts
 * import { init, randLike, zeros } from "@fulgurite/core";
 *
 * await init();
 * console.log(randLike(zeros([2, 3])).shape); // [2, 3]
 * ```
 */
export function randLike(x: Tensor, options: RandomLikeOptions = {}): Tensor {
  return rand(x.shape, { ...options, dtype: options.dtype ?? x.dtype });
}

/**
 * Random numbers of the standard normal distribution, of the shape and type of a tensor.
 *
 * @param x The tensor
 * @param options Another type, source, and whether gradients are wanted
 * @returns The tensor
 *
 * @example
 * ```ts
 * import { init, randnLike, zeros } from "@fulgurite/core";
 *
 * await init();
 * console.log(randnLike(zeros([2, 3])).shape); // [2, 3]
 * ```
 */
export function randnLike(x: Tensor, options: RandomLikeOptions = {}): Tensor {
  return randn(x.shape, { ...options, dtype: options.dtype ?? x.dtype });
}

/**
 * Random whole numbers from `low` to `high` − 1, of the shape of a tensor.
 *
 * @param x The tensor
 * @param low The smallest
 * @param high One more than the largest
 * @param options Type (default: i32) and source
 * @returns The tensor
 * @throws {RangeError} If there is no whole number from low to high − 1, or they do not fit 32 bits
 *
 * @example
 * ```ts
 * import { init, randintLike, zeros } from "@fulgurite/core";
 *
 * await init();
 * console.log(randintLike(zeros([2, 3]), 0, 10).shape); // [2, 3]
 * ```
 */
export function randintLike(x: Tensor, low: number, high: number, options: RandomOptions = {}): Tensor {
  return randint(low, high, x.shape, options);
}

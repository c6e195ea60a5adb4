/** Choosing between elements: by a condition, by bounds, by a mask. */
import { checkNames } from "../../device/option_names.ts";
import { type DType, isFloat } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { pointwise, type TensorLike } from "./define.ts";
import { unary, vanishing } from "./unary.ts";

const whereOp = pointwise({
  name: "where",
  f: { number: "select(z, y, x)", bool: "select(z, y, x)" },
  conditions: [0],
  reads: [[], [0], [0]],
  grads: [null, (dy, { x }) => where(x(0) as Tensor, dy, 0), (dy, { x }) => where(x(0) as Tensor, 0, dy)],
});

function checkCondition(op: string, condition: Tensor): void {
  if (condition.dtype === "bool") return;
  throw new TypeError(`Cannot choose in ${op}: the condition must be a bool tensor, got ${condition.dtype}`);
}

/**
 * Takes `a` where the condition holds and `b` elsewhere. What is not taken leaks neither into values nor into
 * gradients.
 *
 * @param condition Booleans
 * @param a A tensor or a number
 * @param b A tensor or a number
 * @returns A tensor of the shape that all broadcast to, of the wider type of `a` and `b`
 * @throws {ShapeError} If the shapes do not broadcast
 * @throws {TypeError} If the condition is not boolean
 *
 * @example
 * ```ts
 * import { gt, init, tensor, where } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([-1.5, 2]);
 * console.log(await where(gt(x, 0), x, 0).array()); // [0, 2]
 * ```
 */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  checkCondition("where", condition);
  return whereOp([condition, a, b]);
}

/**
 * `x` with `value` at the places where the mask is true.
 *
 * @param x The tensor
 * @param mask Booleans that broadcast with it
 * @param value A number, or a tensor without axes
 * @returns A tensor of the shape that both broadcast to
 * @throws {ShapeError} If the shapes do not broadcast
 * @throws {TypeError} If the mask is not boolean
 *
 * @example
 * ```ts
 * import { init, maskedFill, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await maskedFill(tensor([1.5, 2, 3]), tensor([true, false, true]), 0).array()); // [0, 2, 0]
 * ```
 */
export function maskedFill(x: Tensor, mask: Tensor, value: TensorLike): Tensor {
  checkCondition("maskedFill", mask);
  return maskedFillOp([mask, value, x]);
}

const maskedFillOp = pointwise({
  name: "maskedFill",
  f: { number: "select(z, y, x)", bool: "select(z, y, x)" },
  conditions: [0],
  reads: [[], [0], [0]],
  grads: [null, (dy, { x }) => where(x(0) as Tensor, dy, 0), (dy, { x }) => where(x(0) as Tensor, 0, dy)],
});

/** Bounds of {@link clamp}: numbers, or tensors that broadcast. */
export interface ClampOptions {
  /** Default: none. */
  min?: TensorLike;
  /** Default: none. */
  max?: TensorLike;
}

/** A gradient that is kept where a condition on operands holds. */
function kept(name: string, condition: string, operands: number): (dy: Tensor, ...x: TensorLike[]) => Tensor {
  const op = pointwise({
    name,
    f: `select(0.0, dy, ${condition})`,
    operands: ["dy", "x", "low", "high"].slice(0, operands + 1),
    reads: [[1, 2, 3].slice(0, operands), [], [], []],
    grads: [(g, { x }) => op([g, ...[1, 2, 3].slice(0, operands).map(x)]), vanishing, vanishing, vanishing],
  });
  return (dy, ...x) => op([dy, ...x]);
}

const keptAbove = kept("clampGrad", "le_f32(low, x)", 2);
const keptBelow = kept("clampGrad", "le_f32(x, low)", 2);
const keptUnder = kept("clampGrad", "lt_f32(x, low)", 2);
const keptOver = kept("clampGrad", "lt_f32(low, x)", 2);
const keptWithin = kept("clampGrad", "(le_f32(low, x) && le_f32(x, high))", 3);
const keptLow = kept("clampGrad", "(lt_f32(x, low) && lt_f32(low, high))", 3);
const keptHigh = kept("clampGrad", "(lt_f32(high, x) || lt_f32(high, low))", 3);

const clampOp = pointwise({
  name: "clamp",
  f: { f32: "min_f32(max_f32(x, y), z)", int: "min(max(x, y), z)" },
  reads: [[0, 1, 2], [0, 1, 2], [0, 1, 2]],
  grads: [
    (dy, { x }) => keptWithin(dy, x(0), x(1), x(2)),
    (dy, { x }) => keptLow(dy, x(0), x(1), x(2)),
    (dy, { x }) => keptHigh(dy, x(0), x(1), x(2)),
  ],
});

const clampMinOp = pointwise({
  name: "clamp",
  f: { f32: "max_f32(x, y)", int: "max(x, y)" },
  reads: [[0, 1], [0, 1]],
  grads: [(dy, { x }) => keptAbove(dy, x(0), x(1)), (dy, { x }) => keptUnder(dy, x(0), x(1))],
});

const clampMaxOp = pointwise({
  name: "clamp",
  f: { f32: "min_f32(x, y)", int: "min(x, y)" },
  reads: [[0, 1], [0, 1]],
  grads: [(dy, { x }) => keptBelow(dy, x(0), x(1)), (dy, { x }) => keptOver(dy, x(0), x(1))],
});

/**
 * `x` with what lies beyond the bounds moved onto them. Where the bounds cross, the upper one counts. The gradient
 * passes on the bounds themselves.
 *
 * @param x A tensor
 * @param options The bounds; at least one
 * @returns A tensor of the shape that all broadcast to
 * @throws {ShapeError} If the shapes do not broadcast
 * @throws {TypeError} If no bound is given
 *
 * @example
 * ```ts
 * import { clamp, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await clamp(tensor([-2, 0.5, 9]), { min: 0, max: 1 }).array()); // [0, 0.5, 1]
 * ```
 */
export function clamp(x: Tensor, options: ClampOptions): Tensor {
  checkNames("compute clamp", options, { min: true, max: true });
  const { min, max } = options;
  if (min !== undefined && max !== undefined) return clampOp([x, min, max]);
  if (min !== undefined) return clampMinOp([x, min]);
  if (max !== undefined) return clampMaxOp([x, max]);
  throw new TypeError("Cannot clamp in clamp: min or max must be given, got neither");
}

/** What {@link nanToNum} puts in. */
export interface NanToNumOptions {
  /** In the place of NaN; default 0. */
  nan?: number;
  /** In the place of infinity; default the largest number of the type. */
  posinf?: number;
  /** In the place of −infinity; default the smallest number of the type. */
  neginf?: number;
}

const LARGEST: Record<DType, number> = {
  f32: 3.4028234663852886e38,
  f16: 65504,
  bf16: 3.3895313892515355e38,
  i32: 0,
  u32: 0,
  bool: 0,
};

/**
 * `x` with numbers in the place of NaN and infinities.
 *
 * @param x A tensor
 * @param options The numbers
 * @returns A tensor of the same shape and type
 *
 * @example
 * ```ts
 * import { init, nanToNum, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await nanToNum(tensor([1, NaN, Infinity]), { posinf: 9 }).array()); // [1, 0, 9]
 * ```
 */
export function nanToNum(x: Tensor, options: NanToNumOptions = {}): Tensor {
  checkNames("compute nanToNum", options, { nan: true, posinf: true, neginf: true });
  const { nan = 0, posinf, neginf } = options;
  if (!isFloat(x.dtype)) return x;
  const most = LARGEST[x.dtype];
  return nanToNumOp(x, { forNan: nan, forMore: posinf ?? most, forLess: neginf ?? -most });
}

const nanToNumOp = unary({
  name: "nanToNum",
  f: "select(select(select(x, forLess, is_inf(x)), forMore, bitcast<u32>(x) == 0x7f800000u), forNan, is_nan(x))",
  numbers: ["forNan", "forMore", "forLess"],
  df: "select(0.0, dy, is_finite(x))",
  ddf: 0,
});

/**
 * `x` where it is larger than `limit`, elsewhere `value`.
 *
 * @param x A tensor
 * @param limit What an element must exceed to stay
 * @param value What comes in the place of the others
 * @returns A tensor of the same shape and type
 *
 * @example
 * ```ts
 * import { init, tensor, threshold } from "@fulgurite/core";
 *
 * await init();
 * console.log(await threshold(tensor([0.05, 0.5]), 0.1, 20).array()); // [20, 0.5]
 * ```
 */
export function threshold(x: Tensor, limit: number, value: number): Tensor {
  return thresholdOp(x, { limit, value });
}

const thresholdOp = unary({
  name: "threshold",
  f: { f32: "select(x, value, le_f32(x, limit))" },
  numbers: ["limit", "value"],
  df: "select(dy, 0.0, le_f32(x, limit))",
  ddf: 0,
});

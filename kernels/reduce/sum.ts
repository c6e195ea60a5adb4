import { checkNames } from "../../device/option_names.ts";
import { type DType, isFloat } from "../../tensor/dtype.ts";
import { apply, type GradContext, type Inputs } from "../../tensor/op.ts";
import { normalizeDims } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { mul } from "../elementwise/arithmetic.ts";
import { reshape } from "../layout/reshape.ts";
import { expand } from "../layout/views.ts";
import { keptShape, type ReduceAttrs, reducedCount, reducer, type Reduction, type Word } from "./_reduce.ts";

/** Which axes are reduced, and whether they stay with size 1. */
export interface ReduceOptions {
  /** Axis or axes; default: all. */
  dim?: number | readonly number[];
  /** Keep reduced axes with size 1; default false. */
  keepdim?: boolean;
}

const adding = (word: Word): Reduction => ({
  read: word,
  word,
  start: "0",
  load: "v",
  combine: "a + b",
  finish: `v * Out(${word}(params.scale))`,
});

/** Integers and booleans are counted in i32 (u32 stays). */
export function countedType(from: DType): DType {
  return from === "bool" ? "i32" : from;
}

/** The register of a counted type. */
export function countedWord(from: DType): Word {
  return from === "u32" ? "u32" : isFloat(from) ? "f32" : "i32";
}

/** A gradient of a reduced tensor, stretched over what was reduced. */
function spread(dy: Tensor, { inputs }: GradContext, { dims }: ReduceAttrs): Tensor {
  const shape = inputs[0]!.shape;
  return expand(reshape(dy, keptShape(shape, dims)), shape);
}

const sumOp = reducer("sum", {
  precision: "full",
  dtype: countedType,
  reduction: (from) => adding(countedWord(from)),
  scale: (_, copies) => copies,
  grad: (dy, context, attrs): Inputs => [spread(dy, context, attrs)],
});

const meanOp = reducer("mean", {
  dtype(from) {
    if (isFloat(from)) return from;
    throw new TypeError(`Cannot average in mean: elements must be floating-point numbers, they are ${from}`);
  },
  reduction: () => adding("f32"),
  scale: (count) => 1 / count,
  grad: (dy, context, attrs): Inputs => [
    spread(mul(dy, 1 / reducedCount(context.inputs[0]!.shape, attrs.dims)), context, attrs),
  ],
});

/** The attributes of a reduction from what a user says. An empty list of axes means all, as in PyTorch. */
export function reduceAttrs(
  op: string,
  x: Tensor,
  options: ReduceOptions,
  more: Readonly<Record<string, true>> = {},
): ReduceAttrs {
  checkNames<object>(`reduce in ${op}`, options, { dim: true, keepdim: true, ...more });
  const { dim, keepdim = false } = options;
  const all = typeof dim === "object" && dim.length === 0;
  return { dims: normalizeDims(op, all ? undefined : dim, x.ndim), keepdim };
}

/**
 * Adds the elements along axes. Sums are taken block by block in a fixed order, so they repeat bit for bit.
 *
 * @param x Any shape; integers (i32) and booleans give i32
 * @param options Axes and whether they stay; default: all axes
 * @returns The sums; the sum of nothing is 0
 * @throws {RangeError} If an axis does not exist or appears twice
 *
 * @example
 * ```ts
 * import { init, sum, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[1, 2], [3, 4]], { dtype: "f32" });
 * console.log(await sum(x).item()); // 10
 * console.log(await sum(x, { dim: 0 }).array()); // [4, 6]
 * ```
 */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(sumOp, [x], reduceAttrs("sum", x, options));
}

/**
 * The arithmetic mean along axes.
 *
 * @param x Any shape, floating-point
 * @param options Axes and whether they stay; default: all axes
 * @returns The means; the mean of nothing is NaN
 * @throws {TypeError} If the elements are integers or booleans
 * @throws {RangeError} If an axis does not exist or appears twice
 *
 * @example
 * ```ts
 * import { init, mean, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[1, 2], [3, 5]], { dtype: "f32" });
 * console.log(await mean(x, { dim: 1, keepdim: true }).array()); // [[1.5], [4]]
 * ```
 */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(meanOp, [x], reduceAttrs("mean", x, options));
}

import { checkNames } from "../../device/option_names.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import { apply, applyAll, type GradContext, type Inputs, type Op } from "../../tensor/op.ts";
import { normalizeDim } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { div, mul } from "../elementwise/arithmetic.ts";
import { pointwise } from "../elementwise/define.ts";
import { reshape } from "../layout/reshape.ts";
import { rowsOf } from "../_rows.ts";
import { argInto } from "./_arg.ts";
import { orderOf } from "./_order.ts";
import { placeAt } from "./_pick.ts";
import { keptShape, type ReduceAttrs, reducedCount, reducedShape, reducer } from "./_reduce.ts";
import { reduceAttrs, type ReduceOptions, sum } from "./sum.ts";

/** 1 where an element equals the extremum, else 0. */
const tied = pointwise({ name: "extremumGrad", f: "select(0.0, 1.0, x == y)", grads: null });

/** The gradient is shared evenly among equal elements. */
function shareGrad(dy: Tensor, { x, y, inputs }: GradContext, { dims }: ReduceAttrs): Inputs {
  const kept = keptShape(inputs[0]!.shape, dims);
  const ties = tied([x(0), reshape(y, kept)]);
  return [mul(ties, div(reshape(dy, kept), sum(ties, { dim: dims, keepdim: true })))];
}

const extremum = (name: string, down: boolean) =>
  reducer(name, {
    dtype: (from) => from,
    reduction: (from) => {
      const order = orderOf(from, down);
      return {
        read: "u32",
        word: "u32",
        start: "0u",
        load: order.key("In"),
        combine: "max(a, b)",
        finish: order.bits("Out"),
      };
    },
    saves: { inputs: [0], outputs: [0] },
    grad: shareGrad,
  });

const amaxOp = extremum("amax", false);
const aminOp = extremum("amin", true);

interface AlongAttrs {
  readonly dim: number;
  readonly keepdim: boolean;
}

const along = (
  name: string,
  down: boolean,
): Op<AlongAttrs, readonly { shape: number[]; dtype: Tensor["dtype"] }[]> => ({
  name,
  half: "reads",
  infer: ([x], { dim, keepdim }) => {
    const shape = reducedShape(x!.shape, { dims: x!.ndim === 0 ? [] : [dim], keepdim });
    return [{ shape, dtype: x!.dtype }, { shape, dtype: "i32" }];
  },
  forward: ([x], { dim }, [values, indices]) => argInto(name, x!, rowsOf(x!.shape, dim), down, values, indices),
  saves: { outputs: [1] },
  grad: (dy, { output, inputs }, { dim }) => {
    const { shape } = inputs[0]!;
    const kept = keptShape(shape, shape.length === 0 ? [] : [dim]);
    return [shape.length === 0 ? dy : placeAt(reshape(dy, kept), reshape(output(1), kept), shape, dim)];
  },
});

const maxAlongOp = along("max", false);
const minAlongOp = along("min", true);

/** Which axis is reduced, and whether it stays with size 1. */
export interface AlongOptions {
  /** The axis. */
  dim: number;
  /** Keep the axis with size 1; default false. */
  keepdim?: boolean;
}

/** Refuses to reduce nothing where there is no answer. */
export function checkNonEmpty(op: string, x: Tensor, dims: readonly number[]): void {
  if (reducedCount(x.shape, dims) > 0) return;
  throw new ShapeError(
    op,
    `Cannot choose an element in ${op}: reduced axes must not be empty, the shape is ${showShape(x.shape)}`,
    [x.shape],
  );
}

function chosen(op: typeof amaxOp, name: string, x: Tensor, options: ReduceOptions): Tensor {
  const attrs = reduceAttrs(name, x, options);
  checkNonEmpty(name, x, attrs.dims);
  return apply(op, [x], attrs);
}

function chosenAlong(op: typeof maxAlongOp, name: string, x: Tensor, options: AlongOptions): [Tensor, Tensor] {
  checkNames(`reduce in ${name}`, options, { dim: true, keepdim: true });
  const dim = normalizeDim(name, options.dim, x.ndim);
  checkNonEmpty(name, x, x.ndim === 0 ? [] : [dim]);
  const [values, indices] = applyAll(op, [x], { dim, keepdim: options.keepdim ?? false });
  return [values, indices];
}

/**
 * The largest element along axes. NaN counts as larger than everything. The gradient is shared evenly among equal
 * elements.
 *
 * @param x Any shape
 * @param options Axes and whether they stay; default: all axes
 * @returns The largest elements
 * @throws {ShapeError} If a reduced axis is empty
 *
 * @example
 * ```ts
 * import { amax, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await amax(tensor([[1, 5], [3, 4]]), { dim: [0, 1] }).item()); // 5
 * ```
 */
export function amax(x: Tensor, options: ReduceOptions = {}): Tensor {
  return chosen(amaxOp, "amax", x, options);
}

/**
 * The smallest element along axes. NaN counts as smaller than everything. The gradient is shared evenly among equal
 * elements.
 *
 * @param x Any shape
 * @param options Axes and whether they stay; default: all axes
 * @returns The smallest elements
 * @throws {ShapeError} If a reduced axis is empty
 *
 * @example
 * ```ts
 * import { amin, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await amin(tensor([[1, 5], [3, 4]]), { dim: 1 }).array()); // [1, 3]
 * ```
 */
export function amin(x: Tensor, options: ReduceOptions = {}): Tensor {
  return chosen(aminOp, "amin", x, options);
}

/**
 * The largest element, or the largest along an axis with its place. Of equal elements the first counts, and a NaN is
 * the largest. Along an axis the gradient goes to the element that was chosen; without one it is shared as in
 * {@link amax}.
 *
 * @param x Any shape
 * @param options The axis, and whether it stays
 * @returns The largest element; with `dim` the largest elements and their indices (i32)
 * @throws {ShapeError} If the reduced axis is empty
 *
 * @example
 * ```ts
 * import { init, max, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[1, 5], [4, 3]]);
 * console.log(await max(x).item()); // 5
 * const [values, indices] = max(x, { dim: 1 });
 * console.log(await values.array(), await indices.array()); // [5, 4] [1, 0]
 * ```
 */
export function max(x: Tensor, options?: { dim?: undefined }): Tensor;
/** The largest elements along an axis, and their indices. */
export function max(x: Tensor, options: AlongOptions): [Tensor, Tensor];
export function max(x: Tensor, options: { dim?: number; keepdim?: boolean } = {}): Tensor | [Tensor, Tensor] {
  checkNames("reduce in max", options, { dim: true, keepdim: true });
  const { dim, keepdim } = options;
  return dim === undefined ? chosen(amaxOp, "max", x, {}) : chosenAlong(maxAlongOp, "max", x, { dim, keepdim });
}

/**
 * The smallest element, or the smallest along an axis with its place. Of equal elements the first counts, and a NaN is
 * the smallest. Along an axis the gradient goes to the element that was chosen; without one it is shared as in
 * {@link amin}.
 *
 * @param x Any shape
 * @param options The axis, and whether it stays
 * @returns The smallest element; with `dim` the smallest elements and their indices (i32)
 * @throws {ShapeError} If the reduced axis is empty
 *
 * @example
 * ```ts
 * import { init, min, tensor } from "@fulgurite/core";
 *
 * await init();
 * const [values, indices] = min(tensor([[1, 5], [4, 3]]), { dim: 0 });
 * console.log(await values.array(), await indices.array()); // [1, 3] [0, 1]
 * ```
 */
export function min(x: Tensor, options?: { dim?: undefined }): Tensor;
/** The smallest elements along an axis, and their indices. */
export function min(x: Tensor, options: AlongOptions): [Tensor, Tensor];
export function min(x: Tensor, options: { dim?: number; keepdim?: boolean } = {}): Tensor | [Tensor, Tensor] {
  checkNames("reduce in min", options, { dim: true, keepdim: true });
  const { dim, keepdim } = options;
  return dim === undefined ? chosen(aminOp, "min", x, {}) : chosenAlong(minAlongOp, "min", x, { dim, keepdim });
}

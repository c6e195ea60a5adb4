import { checkNames } from "../../device/option_names.ts";
import { isHalf, promote } from "../../tensor/dtype.ts";
import { ShapeError, showShapes } from "../../tensor/errors.ts";
import { apply, type Inputs, type Op } from "../../tensor/op.ts";
import { tensorsOf } from "../../tensor/operands.ts";
import { normalizeDim, numel, sameShape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { splitBy } from "../_split.ts";
import { cat as catKernel } from "../_wgsl.ts";
import { to } from "../elementwise/cast.ts";
import { reshape } from "../layout/reshape.ts";
import { split } from "../layout/split.ts";

/** Along which axis. */
export interface CatOptions {
  /** The axis; default 0. */
  dim?: number;
}

/** Inputs that one dispatch takes: with the result, the eight bindings that every device has. */
const MOST_INPUTS = 7;

const catOp: Op<{ dim: number }> = {
  name: "cat",
  half: "native",
  infer: (x, { dim }) => ({
    shape: x[0]!.shape.map((n, i) => i === dim ? x.reduce((sum, t) => sum + t!.shape[dim], 0) : n),
    dtype: x[0]!.dtype,
  }),
  forward: (given, { dim }, [y]) => {
    const x = (given as readonly Tensor[]).filter((t) => t.numel > 0);
    const packed = isHalf(y.dtype) ? 2 : 1;
    const columnsOf = (t: Tensor) => numel(t.shape.slice(dim));
    const wide = x.every((t) => columnsOf(t) % (4 * packed) === 0);
    const unit = wide ? 4 * packed : packed;
    const rows = numel(y.shape.slice(0, dim)), row = columnsOf(y) / unit;
    let first = 0;
    for (let k = 0; k < x.length; k += MOST_INPUTS) {
      const part = x.slice(k, k + MOST_INPUTS);
      let columns = 0;
      const ends = part.map((t) => columns += columnsOf(t) / unit);
      const at = (i: number) => part[Math.min(i, part.length - 1)];
      launch(
        catKernel,
        { x0: at(0), x1: at(1), x2: at(2), x3: at(3), x4: at(4), x5: at(5), x6: at(6), y },
        { ends, first, columns: splitBy(columns), row, count: rows * columns },
        Math.ceil(rows * columns / 64),
        { overrides: { inputs: part.length }, aliases: wide ? { Word: "vec4u" } : {} },
      );
      first += columns;
    }
  },
  grad: (dy, { inputs, needs }, { dim }) => {
    const parts = split(dy, inputs.map((x) => x!.shape[dim]), { dim });
    return parts.map((part, i) => needs[i] ? part : null);
  },
};

/**
 * Joins tensors along an axis.
 *
 * @param tensors At least one; equal shapes but for that axis. Tensors of shape [0] are left out
 * @param options The axis
 * @returns A tensor of their common type
 * @throws {ShapeError} If the other axes differ, or there are no tensors
 *
 * @example
 * ```ts
 * import { cat, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const a = tensor([[1, 2]]), b = tensor([[3, 4], [5, 6]]);
 * console.log(await cat([a, b]).array()); // [[1, 2], [3, 4], [5, 6]]
 * ```
 */
export function cat(tensors: readonly Tensor[], options: CatOptions = {}): Tensor {
  const all = tensorsOf("cat", "join", tensors);
  checkNames("compute cat", options, { dim: true });
  const { dim = 0 } = options;
  return catAs("cat", all, dim);
}

/** {@link cat} under the name of the function that joins; `tensors` are checked, and at least one. */
export function catAs(op: string, tensors: readonly Tensor[], dim: number): Tensor {
  const refuse = (rule: string, wrong: Tensor, fault: string) => {
    const shapes = tensors.map((t) => t.shape);
    const place = `element ${tensors.indexOf(wrong)} ${fault}`;
    return new ShapeError(
      op,
      `Cannot join in ${op}: ${rule}, ${place}, current shapes are ${showShapes(shapes)}`,
      shapes,
    );
  };
  const kept = tensors.filter((t) => !(t.ndim === 1 && t.shape[0] === 0));
  const first = kept[0] ?? tensors[0];
  if (first.ndim === 0) throw refuse("each must have an axis", first, "has none");
  const axis = normalizeDim(op, dim, first.ndim);
  for (const t of kept) {
    if (t.ndim !== first.ndim || t.shape.some((n, i) => i !== axis && n !== first.shape[i])) {
      throw refuse(`all axes but ${axis} must be equal`, t, "has others");
    }
  }
  const dtype = promote(tensors.map((t) => ({ dtype: t.dtype, rank: 1 })));
  const same = (kept.length === 0 ? [first] : kept).map((t) => to(t, dtype));
  if (same.length === 1) return same[0];
  const inner = numel(first.shape.slice(axis + 1));
  if (isHalf(dtype) && same.some((t) => t.shape[axis] * inner % 2 !== 0)) {
    // A word would have two owners; f32 holds every value exactly.
    return to(join(same.map((t) => to(t, "f32")), axis), dtype);
  }
  return join(same, axis);
}

function join(tensors: Inputs, dim: number): Tensor {
  return apply(catOp, tensors, { dim });
}

/**
 * Joins tensors of equal shapes along a new axis.
 *
 * @param tensors At least one; equal shapes
 * @param options The place of the new axis
 * @returns A tensor with one axis more
 * @throws {ShapeError} If the shapes differ, or there are no tensors
 *
 * @example
 * ```ts
 * import { init, stack, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await stack([tensor([1, 2]), tensor([3, 4])], { dim: 1 }).array()); // [[1, 3], [2, 4]]
 * ```
 */
export function stack(tensors: readonly Tensor[], options: CatOptions = {}): Tensor {
  const all = tensorsOf("stack", "join", tensors), shapes = all.map((t) => t.shape);
  checkNames("compute stack", options, { dim: true });
  const { dim = 0 } = options;
  const other = shapes.findIndex((shape) => !sameShape(shape, shapes[0]));
  if (other >= 0) {
    throw new ShapeError(
      "stack",
      `Cannot join in stack: shapes must be equal, element ${other} has another, current shapes are ${
        showShapes(shapes)
      }`,
      shapes,
    );
  }
  const axis = normalizeDim("stack", dim, shapes[0].length + 1);
  const shape = [...shapes[0].slice(0, axis), 1, ...shapes[0].slice(axis)];
  return catAs("stack", all.map((t) => reshape(t, shape)), axis);
}

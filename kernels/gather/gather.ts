import { checkNames } from "../../device/option_names.ts";
import { isHalf } from "../../tensor/dtype.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { broadcastShapes, normalizeDim, numel, type Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { splitBy } from "../_split.ts";
import { fill, gather as gatherKernel, scatterUnique } from "../_wgsl.ts";
import { reshape } from "../layout/reshape.ts";
import { expand } from "../layout/views.ts";
import { window } from "../layout/window.ts";
import { missingWord, requireIndices } from "../_indices.ts";
import { sumByIndices } from "./_sum.ts";

/** Along which axis. */
export interface GatherOptions {
  /** The axis. */
  dim: number;
}

interface GatherAttrs {
  readonly dim: number;
  /** Whether no two indices lead to the same place, as those of a sort. */
  readonly unique: boolean;
}

interface ScatterAttrs {
  readonly dim: number;
  readonly size: number;
  readonly unique: boolean;
}

/** A shape as [outer, …, inner] around an axis. */
export function around(shape: Shape, dim: number): { outer: number; inner: number } {
  return { outer: numel(shape.slice(0, dim)), inner: numel(shape.slice(dim + 1)) };
}

/** How elements are moved: as the words that they are, but 16-bit ones as the numbers in them. */
const wordOf = ({ dtype }: Tensor) => ({ aliases: { Word: isHalf(dtype) ? "f32" : "u32" } });

const gatherOp: Op<GatherAttrs> = {
  name: "gather",
  half: "reads",
  infer: ([x, index]) => ({ shape: index!.shape, dtype: x!.dtype }),
  forward: ([x, index], { dim }, [y]) => {
    const { inner } = around(y.shape, dim);
    launch(
      gatherKernel,
      { x: x!, index: index!, y },
      {
        size: x!.shape[dim],
        length: splitBy(y.shape[dim]),
        inner: splitBy(inner),
        count: y.numel,
        missing: missingWord(y.dtype),
      },
      Math.ceil(y.numel / 64),
      wordOf(x!),
    );
  },
  saves: { inputs: [1] },
  grad: (
    dy,
    { x, inputs },
    { dim, unique },
  ) => [sumPlaces(dy, x(1), { dim, size: inputs[0]!.shape[dim], unique }), null],
};

const sumOp: Op<ScatterAttrs> = {
  name: "scatter_sum",
  half: "reads",
  infer: ([src], { dim, size }) => ({ shape: src!.shape.map((n, i) => i === dim ? size : n), dtype: src!.dtype }),
  forward: ([src, index], { dim, size, unique }, [y]) => {
    const length = src!.shape[dim], { outer, inner } = around(y.shape, dim);
    if (!unique) {
      sumByIndices("scatter_sum", src!, index!, y, { outer, length, inner, size });
      return;
    }
    launch(fill, { y }, { count: y.numel, value: 0 }, Math.ceil(y.numel / 64));
    const count = src!.numel;
    if (count === 0) return;
    const params = { size, length: splitBy(length), inner: splitBy(inner), count };
    launch(scatterUnique, { src: src!, index: index!, y }, params, Math.ceil(count / 64), wordOf(src!));
  },
  saves: { inputs: [1] },
  grad: (ddy, { x }, { dim, unique }) => [takePlaces(ddy, x(1), { dim, unique }), null],
};

/** y[o, j, i] = x[o, index[o, j, i], i], where all axes but `dim` have equal sizes. */
export function takePlaces(x: Tensor, index: Tensor, attrs: GatherAttrs): Tensor {
  return apply(gatherOp, [x, index], attrs);
}

/** y[o, k, i] = Σ src[o, j, i] over the places with index[o, j, i] = k, in a fixed order. */
export function sumPlaces(src: Tensor, index: Tensor, attrs: ScatterAttrs): Tensor {
  return apply(sumOp, [src, index], attrs);
}

/** An axis for a tensor without one. */
export function withAxis(x: Tensor): Tensor {
  return x.ndim === 0 ? reshape(x, [1]) : x;
}

/** Throws unless the index has as many axes as x and, but for `dim`, no larger ones. */
export function requireInside(op: string, x: Tensor, index: Tensor, dim: number): void {
  if (index.ndim === x.ndim && index.shape.every((n, i) => i === dim || n <= x.shape[i])) return;
  throw new ShapeError(
    op,
    `Cannot look up in ${op}: the index must have as many axes, none larger but axis ${dim}, current shapes are ${
      showShape(x.shape)
    } and ${showShape(index.shape)}`,
    [x.shape, index.shape],
  );
}

/** The corner of x that is as large as `shape`, but along `dim`. */
function corner(op: string, x: Tensor, shape: Shape, dim: number): Tensor {
  return window(x, op, {
    start: shape.map(() => 0),
    size: shape.map((n, i) => i === dim ? x.shape[i] : n),
    step: shape.map(() => 1),
  });
}

/**
 * Elements that an index names along an axis: y[i][j] = x[index[i][j]][j] for axis 0.
 *
 * @param x Any shape
 * @param index i32, as many axes as x, none larger but `dim`. An index that was computed on the device and leads
 *   outside reads NaN (0 for whole numbers)
 * @param options The axis
 * @returns A tensor of the index' shape
 * @throws {ShapeError} If the index has other or larger axes
 * @throws {RangeError} If an index that came from the host leads outside
 *
 * @example
 * ```ts
 * import { gather, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(await gather(x, tensor([[0, 0], [1, 0]]), { dim: 1 }).array()); // [[1, 1], [4, 3]]
 * ```
 */
export function gather(x: Tensor, index: Tensor, options: GatherOptions): Tensor {
  checkNames("look up in gather", options, { dim: "required" });
  const { dim } = options;
  const axis = normalizeDim("gather", dim, x.ndim);
  requireInside("gather", x, index, axis);
  const [from, places] = [withAxis(x), withAxis(index)];
  requireIndices("gather", index, from.shape[axis]);
  const y = takePlaces(corner("gather", from, places.shape, axis), places, { dim: axis, unique: false });
  return reshape(y, index.shape);
}

/**
 * Elements that an index names along an axis, where the other axes broadcast. Without an axis both are taken as flat.
 *
 * @param x Any shape
 * @param indices i32, as many axes as x
 * @param options The axis
 * @returns A tensor of x's shape, broadcast, with as many places along the axis as `indices`
 * @throws {ShapeError} If the axes do not fit
 * @throws {RangeError} If an index that came from the host leads outside
 *
 * @example
 * ```ts
 * import { init, takeAlongDim, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(await takeAlongDim(x, tensor([[1, 0]]), { dim: 0 }).array()); // [[3, 2]]
 * ```
 */
export function takeAlongDim(x: Tensor, indices: Tensor, options: { dim?: number } = {}): Tensor {
  checkNames("look up in takeAlongDim", options, { dim: true });
  const { dim } = options;
  if (dim === undefined) return gather(reshape(x, [x.numel]), reshape(indices, [indices.numel]), { dim: 0 });
  const axis = normalizeDim("takeAlongDim", dim, x.ndim);
  if (x.ndim !== indices.ndim) requireInside("takeAlongDim", x, indices, axis);
  const one = (shape: Shape) => shape.map((n, i) => i === axis ? 1 : n);
  const shape = broadcastShapes("takeAlongDim", [one(x.shape), one(indices.shape)]);
  const stretched = (t: Tensor) => expand(t, shape.map((n, i) => i === axis ? t.shape[i] : n));
  requireIndices("takeAlongDim", indices, x.shape[axis] ?? 1);
  return gather(stretched(x), stretched(indices), { dim: axis });
}

/** Tensors with parts of others written over theirs; all give new tensors, and gradients go to both. */
import { checkNames } from "../device/option_names.ts";
import { add, mul, sub } from "../kernels/elementwise/arithmetic.ts";
import { clamp, where } from "../kernels/elementwise/choice.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { eq } from "../kernels/elementwise/compare.ts";
import { arange } from "../kernels/elementwise/constants.ts";
import { indexAdd, indexSelect } from "../kernels/gather/index_select.ts";
import { requireIndices } from "../kernels/_indices.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { expand } from "../kernels/layout/views.ts";
import { cumsum } from "../kernels/scan/cumsum.ts";
import { ShapeError, showShape, showShapes } from "../tensor/errors.ts";
import { tensorsOf } from "../tensor/operands.ts";
import { broadcastShapes, normalizeDim, numel, sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { indexCopy, take } from "./search.ts";
import { diagonal, type DiagonalOptions, movedim, unsqueeze } from "./shape.ts";

function requireType(op: string, x: Tensor, source: Tensor): void {
  if (x.dtype === source.dtype) return;
  throw new TypeError(
    `Cannot write in ${op}: both tensors must have one type, they are ${x.dtype} and ${source.dtype}`,
  );
}

function requireShape(op: string, x: Tensor, source: Tensor, shape: readonly number[]): void {
  if (sameShape(source.shape, shape)) return;
  throw new ShapeError(
    op,
    `Cannot write in ${op}: the source must have the shape ${showShape(shape)}, its shape is ${
      showShape(source.shape)
    }`,
    [x.shape, source.shape],
  );
}

/** Which slice is written over. */
export interface SelectScatterOptions {
  /** The axis. */
  dim: number;
  /** The place along it; negative ones count from the end. */
  index: number;
}

/**
 * A tensor with one slice replaced.
 *
 * @param x At least one axis
 * @param source The shape of x without the axis, of its type
 * @param options The axis, and the place along it
 * @returns The shape of x
 * @throws {ShapeError} If the source does not fit
 * @throws {RangeError} If there is no such place
 *
 * @example
 * ```ts
 * import { init, selectScatter, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(await selectScatter(x, tensor([8, 9]), { dim: 1, index: 0 }).array()); // [[8, 2], [9, 4]]
 * ```
 */
export function selectScatter(x: Tensor, source: Tensor, options: SelectScatterOptions): Tensor {
  checkNames("write in selectScatter", options, { dim: "required", index: "required" });
  const dim = normalizeDim("selectScatter", options.dim, x.ndim), size = x.shape[dim];
  const index = options.index < 0 ? options.index + size : options.index;
  if (!Number.isInteger(index) || index < 0 || index >= size) {
    throw new RangeError(
      `Cannot write in selectScatter: index must be from ${-size} to ${size - 1}, got ${options.index}`,
    );
  }
  requireType("selectScatter", x, source);
  requireShape("selectScatter", x, source, x.shape.filter((_, i) => i !== dim));
  const here = reshape(eq(arange(size), index), x.shape.map((n, i) => i === dim ? n : 1));
  return where(here, unsqueeze(source, dim), x);
}

/** Which slices are written over. */
export interface SliceScatterOptions {
  /** The axis; default 0. */
  dim?: number;
  /** The first place; default 0. Negative ones count from the end. */
  start?: number;
  /** The place behind the last; default: the end. */
  end?: number;
  /** Distance of neighbouring places; default 1. */
  step?: number;
}

/**
 * A tensor with a range of slices replaced.
 *
 * @param x At least one axis
 * @param source The shape of x with as many places along the axis as the range has, of its type
 * @param options Axis and range
 * @returns The shape of x
 * @throws {ShapeError} If the source does not fit
 *
 * @example
 * ```ts
 * import { init, sliceScatter, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await sliceScatter(tensor([1, 2, 3, 4]), tensor([8, 9]), { start: 1, step: 2 }).array()); // [1, 8, 3, 9]
 * ```
 */
export function sliceScatter(x: Tensor, source: Tensor, options: SliceScatterOptions = {}): Tensor {
  checkNames("write in sliceScatter", options, { dim: true, start: true, end: true, step: true });
  const dim = normalizeDim("sliceScatter", options.dim ?? 0, x.ndim), size = x.shape[dim], { step = 1 } = options;
  if (!Number.isInteger(step) || step < 1) {
    throw new RangeError(`Cannot write in sliceScatter: step must be a whole number from 1 on, got ${step}`);
  }
  const inside = (place: number) => Math.min(Math.max(place < 0 ? place + size : place, 0), size);
  const start = inside(options.start ?? 0), end = Math.max(start, inside(options.end ?? size));
  const count = Math.ceil((end - start) / step);
  requireType("sliceScatter", x, source);
  requireShape("sliceScatter", x, source, x.shape.map((n, i) => i === dim ? count : n));
  return count === 0 ? x : indexCopy(x, arange(start, end, step), source, { dim });
}

/**
 * A tensor with the places where a mask is true replaced by the elements of another, one after another.
 *
 * @param x Any shape
 * @param mask Booleans that broadcast to it
 * @param source At least as many elements as the mask has true ones, of the type of x. Further places repeat its last
 *   element
 * @returns The shape of x
 * @throws {ShapeError} If the mask does not broadcast to x, or the source is empty
 *
 * @example
 * ```ts
 * import { init, maskedScatter, tensor } from "@fulgurite/core";
 *
 * await init();
 * const mask = tensor([true, false, true]);
 * console.log(await maskedScatter(tensor([1, 2, 3]), mask, tensor([8, 9])).array()); // [8, 2, 9]
 * ```
 */
export function maskedScatter(x: Tensor, mask: Tensor, source: Tensor): Tensor {
  requireType("maskedScatter", x, source);
  if (source.numel === 0 || !sameShape(broadcastShapes("maskedScatter", [x.shape, mask.shape]), x.shape)) {
    throw new ShapeError(
      "maskedScatter",
      `Cannot write in maskedScatter: the mask must broadcast to x, and the source not be empty, current shapes are ${
        showShapes([x.shape, mask.shape, source.shape])
      }`,
      [x.shape, mask.shape, source.shape],
    );
  }
  if (x.numel === 0) return x;
  const whole = expand(mask, x.shape);
  const places = sub(cumsum(to(reshape(whole, [-1]), "i32"), { dim: 0 }), 1);
  const values = take(source, clamp(places, { min: 0, max: source.numel - 1 }));
  return where(whole, reshape(values, x.shape), x);
}

/** How {@link indexPut} writes. */
export interface IndexPutOptions {
  /** Whether values are added; default false: they replace, and of several for one place the last counts. */
  accumulate?: boolean;
}

/**
 * A tensor with elements, or slices, replaced at places that are named by an index for each leading axis: PyTorch's
 * `x[i, j] = values`.
 *
 * @param x As many axes as there are indices, or more
 * @param indices i32 tensors that broadcast, for the first axis, the second and so on. Places outside are not written
 * @param values What broadcasts to the shape of the indices and the remaining axes, of the type of x
 * @param options Whether values are added
 * @returns The shape of x
 * @throws {ShapeError} If there are too many indices, or the values do not broadcast
 * @throws {RangeError} If an index that came from the host leads outside
 *
 * @example
 * ```ts
 * import { indexPut, init, tensor, zeros } from "@fulgurite/core";
 *
 * await init();
 * const y = indexPut(zeros([2, 3]), [tensor([0, 1]), tensor([2, 0])], tensor([5, 7], { dtype: "f32" }));
 * console.log(await y.array()); // [[0, 0, 5], [7, 0, 0]]
 * ```
 */
export function indexPut(x: Tensor, indices: readonly Tensor[], values: Tensor, options: IndexPutOptions = {}): Tensor {
  checkNames("write in indexPut", options, { accumulate: true });
  requireType("indexPut", x, values);
  indices = tensorsOf("indexPut", "write", indices, { item: "index", least: 0 });
  if (indices.length === 0 || indices.length > x.ndim) {
    throw new ShapeError(
      "indexPut",
      `Cannot write in indexPut: there must be from 1 to ${x.ndim} indices, got ${indices.length}`,
      [x.shape],
    );
  }
  const wrong = indices.findIndex(({ dtype }) => dtype !== "i32" && dtype !== "u32");
  if (wrong >= 0) {
    throw new TypeError(`Cannot write in indexPut: indices must be i32, index ${wrong} is ${indices[wrong].dtype}`);
  }
  indices.forEach((index, axis) => requireIndices("indexPut", index, x.shape[axis]));
  const shape = broadcastShapes("indexPut", indices.map((index) => index.shape));
  const named = x.shape.slice(0, indices.length), rest = x.shape.slice(indices.length);
  const places = indices.reduce((sum, index, axis) => add(mul(sum, named[axis]), index), sub(indices[0], indices[0]));
  const rows = reshape(x, [numel(named), ...rest]), flat = reshape(expand(places, shape), [-1]);
  const source = reshape(expand(values, [...shape, ...rest]), [numel(shape), ...rest]);
  const written = options.accumulate
    ? indexAdd(rows, flat, source, { dim: 0 })
    : indexCopy(rows, flat, source, { dim: 0 });
  return reshape(written, x.shape);
}

/**
 * A tensor with one diagonal replaced.
 *
 * @param x At least two axes
 * @param source The shape of `diagonal(x, options)`, of the type of x
 * @param options The diagonal and the axes
 * @returns The shape of x
 * @throws {ShapeError} If the source does not fit
 *
 * @example
 * ```ts
 * import { diagonalScatter, init, tensor, zeros } from "@fulgurite/core";
 *
 * await init();
 * const y = diagonalScatter(zeros([2, 2]), tensor([3, 4], { dtype: "f32" }));
 * console.log(await y.array()); // [[3, 0], [0, 4]]
 * ```
 */
export function diagonalScatter(x: Tensor, source: Tensor, options: DiagonalOptions = {}): Tensor {
  const { offset = 0, dim1 = 0, dim2 = 1 } = options;
  requireType("diagonalScatter", x, source);
  requireShape("diagonalScatter", x, source, diagonal(x, options).shape);
  const y = movedim(x, [dim1, dim2], [-2, -1]), [rows, columns] = y.shape.slice(-2);
  const r = reshape(arange(rows), [rows, 1]), here = eq(sub(arange(columns), r), offset);
  // Each row finds its element by its place on the diagonal; those without one take any.
  const length = source.shape.at(-1)!;
  if (length === 0) return x;
  const place = clamp(sub(arange(rows), Math.max(0, -offset)), { min: 0, max: length - 1 });
  const spread = unsqueeze(indexSelect(source, place, { dim: -1 }), -1);
  return movedim(where(here, spread, y), [-2, -1], [dim1, dim2]);
}

/**
 * A tensor with elements replaced at places of the flattened tensor.
 *
 * @param x Any shape
 * @param index i32, any shape
 * @param source As many elements as the index, of the type of x
 * @param options Whether elements are added
 * @returns The shape of x
 * @throws {ShapeError} If there are not as many elements as places
 * @throws {RangeError} If an index that came from the host leads outside
 *
 * @example
 * ```ts
 * import { init, put, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(await put(x, tensor([3, 0]), tensor([8, 9])).array()); // [[9, 2], [3, 8]]
 * ```
 */
export function put(x: Tensor, index: Tensor, source: Tensor, options: IndexPutOptions = {}): Tensor {
  if (index.numel !== source.numel) {
    throw new ShapeError(
      "put",
      `Cannot write in put: there must be an element for each index, current shapes are ${
        showShapes([index.shape, source.shape])
      }`,
      [index.shape, source.shape],
    );
  }
  return reshape(indexPut(reshape(x, [-1]), [reshape(index, [-1])], reshape(source, [-1]), options), x.shape);
}

import { checkNames } from "../device/option_names.ts";
import { expand, permute, reshape, slice, transpose } from "../kernels/layout/mod.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { checkList, normalizeDim, normalizeDims, numel } from "../tensor/shape.ts";
import { checkTensors } from "../tensor/operands.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Which axes become one. */
export interface FlattenOptions {
  /** First axis; default 0. */
  startDim?: number;
  /** Last axis; default the last one. */
  endDim?: number;
}

/** Which axes of size 1 go away. */
export interface SqueezeOptions {
  /** The axis or axes; default all of size 1. */
  dim?: number | readonly number[];
}

/** Which diagonal of which axes. */
export interface DiagonalOptions {
  /** 0 the main diagonal, above it positive, below it negative; default 0. */
  offset?: number;
  /** Axis of the rows; default 0. */
  dim1?: number;
  /** Axis of the columns; default 1. */
  dim2?: number;
}

/** Which axis is repeated. */
export interface RepeatInterleaveOptions {
  /** The axis; default: the tensor is repeated as if it were flat. */
  dim?: number;
}

/**
 * Makes neighbouring axes one. The storage is shared: nothing is copied.
 *
 * @param x Any shape; without axes the result has one of size 1
 * @param options The first and the last axis
 * @returns The same elements with fewer axes
 *
 * @example
 * ```ts
 * import { flatten, init, zeros } from "@fulgurite/core";
 *
 * await init();
 * console.log(flatten(zeros([2, 3, 4]), { startDim: 1 }).shape); // [2, 12]
 * ```
 */
export function flatten(x: Tensor, options: FlattenOptions = {}): Tensor {
  checkNames("compute flatten", options, { startDim: true, endDim: true });
  const { startDim = 0, endDim = -1 } = options;
  checkTensors("flatten", x);
  const first = normalizeDim("flatten", startDim, x.ndim), last = normalizeDim("flatten", endDim, x.ndim);
  if (last < first) {
    throw new RangeError(
      `Cannot flatten in flatten: startDim must not come after endDim, got ${startDim} and ${endDim} for shape ${
        showShape(x.shape)
      }`,
    );
  }
  return reshape(x, [...x.shape.slice(0, first), numel(x.shape.slice(first, last + 1)), ...x.shape.slice(last + 1)]);
}

/**
 * Splits an axis into several. The storage is shared: nothing is copied.
 *
 * @param x At least one axis
 * @param dim The axis
 * @param sizes Sizes whose product is the axis; one of them may be −1 and is then computed
 * @returns The same elements with more axes
 * @throws {ShapeError} If the sizes do not fit
 *
 * @example
 * ```ts
 * import { init, unflatten, zeros } from "@fulgurite/core";
 *
 * await init();
 * console.log(unflatten(zeros([2, 12]), 1, [3, -1]).shape); // [2, 3, 4]
 * ```
 */
export function unflatten(x: Tensor, dim: number, sizes: readonly number[]): Tensor {
  const axis = normalizeDim("unflatten", dim, x.ndim), size = x.shape[axis] ?? 1;
  const known = numel(sizes.filter((n) => n !== -1));
  const filled = sizes.map((n) => n === -1 && known > 0 ? size / known : n);
  if (sizes.length === 0 || filled.some((n) => !Number.isInteger(n) || n < 0) || numel(filled) !== size) {
    throw new ShapeError(
      "unflatten",
      `Cannot split an axis in unflatten: the product of the sizes must be the axis, current sizes are ${
        showShape(sizes)
      } for axis ${dim} of shape ${showShape(x.shape)}`,
      [x.shape],
    );
  }
  return reshape(x, [...x.shape.slice(0, axis), ...filled, ...x.shape.slice(axis + 1)]);
}

/**
 * Removes axes of size 1. The storage is shared: nothing is copied.
 *
 * @param x Any shape
 * @param options The axes; those of another size stay
 * @returns The same elements with fewer axes
 * @throws {RangeError} If an axis does not exist
 *
 * @example
 * ```ts
 * import { init, squeeze, zeros } from "@fulgurite/core";
 *
 * await init();
 * console.log(squeeze(zeros([1, 3, 1])).shape, squeeze(zeros([1, 3, 1]), { dim: 0 }).shape); // [3] [3, 1]
 * ```
 */
export function squeeze(x: Tensor, options: SqueezeOptions = {}): Tensor {
  checkNames("compute squeeze", options, { dim: true });
  const { dim } = options;
  const dims = normalizeDims("squeeze", dim, x.ndim);
  return reshape(x, x.shape.filter((n, i) => n !== 1 || !dims.includes(i)));
}

/**
 * Adds an axis of size 1. The storage is shared: nothing is copied.
 *
 * @param x Any shape
 * @param dim The new axis' place in the result; negative counts from its end
 * @returns The same elements with one axis more
 * @throws {RangeError} If there is no such place
 *
 * @example
 * ```ts
 * import { init, unsqueeze, zeros } from "@fulgurite/core";
 *
 * await init();
 * console.log(unsqueeze(zeros([2, 3]), -1).shape); // [2, 3, 1]
 * ```
 */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  const axis = normalizeDim("unsqueeze", dim, x.ndim + 1);
  return reshape(x, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)]);
}

/**
 * Moves axes to other places; the others keep their order. Inside a chain it costs nothing.
 *
 * @param x Any shape
 * @param source The axis or axes
 * @param destination Their places in the result
 * @returns A tensor with the axes in that order
 * @throws {RangeError} If there are not as many places as axes, or one does not exist
 *
 * @example
 * ```ts
 * import { init, movedim, zeros } from "@fulgurite/core";
 *
 * await init();
 * console.log(movedim(zeros([2, 3, 4]), 0, -1).shape); // [3, 4, 2]
 * ```
 */
export function movedim(
  x: Tensor,
  source: number | readonly number[],
  destination: number | readonly number[],
): Tensor {
  const list = (dims: number | readonly number[]) =>
    (typeof dims === "number" ? [dims] : dims).map((dim) => normalizeDim("movedim", dim, x.ndim));
  const from = list(source), into = list(destination);
  if (from.length !== into.length || new Set(from).size !== from.length || new Set(into).size !== into.length) {
    throw new RangeError(
      `Cannot move axes in movedim: each axis needs a place of its own, got ${showShape(from)} and ${showShape(into)}`,
    );
  }
  const rest = x.shape.map((_, i) => i).filter((i) => !from.includes(i));
  return permute(x, x.shape.map((_, i) => into.includes(i) ? from[into.indexOf(i)] : rest.shift()!));
}

/**
 * The transpose of a matrix. Inside a chain, and as an operand of matmul, it costs nothing.
 *
 * @param x At most two axes; fewer than two stay as they are
 * @returns The matrix with rows and columns swapped
 * @throws {ShapeError} If there are more than two axes
 *
 * @example
 * ```ts
 * import { init, t, zeros } from "@fulgurite/core";
 *
 * await init();
 * console.log(t(zeros([2, 3])).shape); // [3, 2]
 * ```
 */
export function t(x: Tensor): Tensor {
  if (x.ndim > 2) {
    throw new ShapeError(
      "t",
      `Cannot transpose in t: there must be at most two axes, the shape is ${showShape(x.shape)}; use mT or permute`,
      [x.shape],
    );
  }
  return x.ndim < 2 ? x : transpose(x, 0, 1);
}

/**
 * Transposes the matrices in the last two axes. Inside a chain, and as an operand of matmul, it costs nothing.
 *
 * @param x At least two axes
 * @returns A tensor with the last two axes swapped
 * @throws {ShapeError} If there are fewer than two axes
 *
 * @example
 * ```ts
 * import { init, mT, zeros } from "@fulgurite/core";
 *
 * await init();
 * console.log(mT(zeros([5, 2, 3])).shape); // [5, 3, 2]
 * ```
 */
export function mT(x: Tensor): Tensor {
  if (x.ndim < 2) {
    throw new ShapeError(
      "mT",
      `Cannot transpose in mT: there must be at least two axes, the shape is ${showShape(x.shape)}`,
      [x.shape],
    );
  }
  return transpose(x, -2, -1);
}

/**
 * Repeats a tensor along its axes, as a whole.
 *
 * @param x Any shape
 * @param repeats How often, for each axis; more numbers than axes add axes in front
 * @returns A tensor whose axes are as many times longer
 * @throws {ShapeError} If there are fewer numbers than axes
 *
 * @example
 * ```ts
 * import { init, repeat, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await repeat(tensor([1, 2]), [2, 2]).array()); // [[1, 2, 1, 2], [1, 2, 1, 2]]
 * ```
 */
export function repeat(x: Tensor, repeats: readonly number[]): Tensor {
  checkList("repeat", "how often", repeats);
  const lead = repeats.length - x.ndim;
  if (lead < 0 || repeats.some((n) => !Number.isInteger(n) || n < 0)) {
    throw new ShapeError(
      "repeat",
      `Cannot repeat in repeat: there must be a whole number for each axis, got ${showShape(repeats)} for shape ${
        showShape(x.shape)
      }`,
      [x.shape],
    );
  }
  const shape = [...repeats.slice(0, lead).map(() => 1), ...x.shape];
  // Each repeated axis gets a second one in front, which is stretched; then the two become one.
  const apart = shape.flatMap((n, i) => repeats[i] === 1 ? [n] : [1, n]);
  const stretched = shape.flatMap((n, i) => repeats[i] === 1 ? [n] : [repeats[i], n]);
  return reshape(expand(reshape(x, apart), stretched), shape.map((n, i) => n * repeats[i]));
}

/**
 * Repeats each place of an axis.
 *
 * @param x Any shape
 * @param repeats How often
 * @param options The axis
 * @returns A tensor whose axis is as many times longer
 *
 * @example
 * ```ts
 * import { init, repeatInterleave, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await repeatInterleave(tensor([1, 2]), 2).array()); // [1, 1, 2, 2]
 * ```
 */
export function repeatInterleave(x: Tensor, repeats: number, options: RepeatInterleaveOptions = {}): Tensor {
  checkNames("compute repeatInterleave", options, { dim: true });
  const { dim } = options;
  if (!Number.isInteger(repeats) || repeats < 0) {
    throw new RangeError(`Cannot repeat in repeatInterleave: repeats must be a whole number from 0 on, got ${repeats}`);
  }
  const from = dim === undefined || x.ndim === 0 ? reshape(x, [x.numel]) : x;
  const axis = normalizeDim("repeatInterleave", dim ?? 0, from.ndim);
  const around = (...middle: number[]) => [...from.shape.slice(0, axis), ...middle, ...from.shape.slice(axis + 1)];
  const size = from.shape[axis];
  return reshape(expand(reshape(from, around(size, 1)), around(size, repeats)), around(size * repeats));
}

/**
 * A diagonal of two axes, as the last axis of the result.
 *
 * @param x At least two axes
 * @param options The diagonal and the axes
 * @returns A tensor with one axis less
 * @throws {ShapeError} If there are fewer than two axes
 *
 * @example
 * ```ts
 * import { diagonal, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await diagonal(tensor([[1, 2], [3, 4]])).array()); // [1, 4]
 * ```
 */
export function diagonal(x: Tensor, options: DiagonalOptions = {}): Tensor {
  checkNames("compute diagonal", options, { offset: true, dim1: true, dim2: true });
  const { offset = 0, dim1 = 0, dim2 = 1 } = options;
  if (x.ndim < 2) {
    throw new ShapeError(
      "diagonal",
      `Cannot take a diagonal in diagonal: there must be at least two axes, the shape is ${showShape(x.shape)}`,
      [x.shape],
    );
  }
  const y = movedim(x, [dim1, dim2], [-2, -1]);
  const [rows, columns] = y.shape.slice(-2);
  const length = Math.max(0, offset >= 0 ? Math.min(rows, columns - offset) : Math.min(rows + offset, columns));
  // In the flat matrix the diagonal's elements lie one row and one column apart.
  const start = offset >= 0 ? offset : -offset * columns, step = columns + 1;
  const end = length === 0 ? start : start + (length - 1) * step + 1;
  return slice(reshape(y, [...y.shape.slice(0, -2), rows * columns]), { dim: -1, start, end, step });
}

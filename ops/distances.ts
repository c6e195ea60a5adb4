import { checkNames } from "../device/option_names.ts";
import { add, mul, sub } from "../kernels/elementwise/arithmetic.ts";
import { clamp } from "../kernels/elementwise/choice.ts";
import { sqrt } from "../kernels/elementwise/math.ts";
import { indexSelect } from "../kernels/gather/index_select.ts";
import { select } from "../kernels/layout/slice.ts";
import { transpose } from "../kernels/layout/views.ts";
import { stack } from "../kernels/cat/cat.ts";
import { matmul } from "../kernels/matmul/matmul.ts";
import { norm } from "../kernels/reduce/norm.ts";
import { sum } from "../kernels/reduce/sum.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import { normalizeDim } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { triuIndices } from "./grids.ts";
import { unsqueeze } from "./shape.ts";

/** Which distance, and how it is computed. */
export interface CdistOptions {
  /** Exponent of the norm; default 2. */
  p?: number;
  /**
   * Whether Euclidean distances come from one matrix product, |a|² + |b|² − 2 a·b, which is fast and cancels where
   * points are close; default false: differences are taken.
   */
  viaProduct?: boolean;
}

/**
 * The distances of all pairs of rows.
 *
 * @param a Shape [..., n, d]
 * @param b Shape [..., m, d]
 * @param options The norm
 * @returns Shape [..., n, m]
 * @throws {ShapeError} If the last sizes differ
 *
 * @example
 * ```ts
 * import { cdist, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const a = tensor([[0, 0], [3, 0]], { dtype: "f32" }), b = tensor([[3, 4]], { dtype: "f32" });
 * console.log(await cdist(a, b).array()); // [[5], [4]]
 * ```
 */
export function cdist(a: Tensor, b: Tensor, options: CdistOptions = {}): Tensor {
  checkNames("compute distances in cdist", options, { p: true, viaProduct: true });
  const { p = 2, viaProduct = false } = options;
  if (a.ndim < 2 || b.ndim < 2 || a.shape.at(-1) !== b.shape.at(-1)) {
    throw new ShapeError(
      "cdist",
      `Cannot compute distances in cdist: rows must have the same size, current shapes are ${
        showShapes([a.shape, b.shape])
      }`,
      [a.shape, b.shape],
    );
  }
  if (!viaProduct || p !== 2) return norm(sub(unsqueeze(a, -2), unsqueeze(b, -3)), { p, dim: -1 });
  const squares = (x: Tensor) => sum(mul(x, x), { dim: -1 });
  const crossed = matmul(a, transpose(b, -2, -1));
  const squared = sub(add(unsqueeze(squares(a), -1), unsqueeze(squares(b), -2)), mul(crossed, 2));
  return sqrt(clamp(squared, { min: 1e-30 }));
}

/** Which distance. */
export interface PdistOptions {
  /** Exponent of the norm; default 2. */
  p?: number;
}

/**
 * The distances of all pairs of different rows, in the order (0, 1), (0, 2), …, (1, 2), ….
 *
 * @param x Shape [n, d]
 * @param options The norm
 * @returns Shape [n (n − 1) / 2]
 *
 * @example
 * ```ts
 * import { init, pdist, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await pdist(tensor([[0, 0], [3, 0], [3, 4]], { dtype: "f32" })).array()); // [3, 5, 4]
 * ```
 */
export function pdist(x: Tensor, options: PdistOptions = {}): Tensor {
  checkNames("compute distances in pdist", options, { p: true });
  if (x.ndim !== 2) {
    throw new ShapeError(
      "pdist",
      `Cannot compute distances in pdist: the shape must be [n, d], it is ${showShapes([x.shape])}`,
      [x.shape],
    );
  }
  const places = triuIndices(x.shape[0], x.shape[0], { offset: 1 });
  const rows = (k: number) => indexSelect(x, select(places, { dim: 0, index: k }), { dim: 0 });
  return norm(sub(rows(0), rows(1)), { p: options.p ?? 2, dim: -1 });
}

/**
 * The p-norm of the difference of two tensors, all elements taken together.
 *
 * @param a A tensor
 * @param b A tensor that broadcasts with it
 * @param options The norm
 * @returns A number
 *
 * @example
 * ```ts
 * import { dist, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await dist(tensor([0, 0.5]), tensor([3, 4.5])).item()); // 5
 * ```
 */
export function dist(a: Tensor, b: Tensor, options: PdistOptions = {}): Tensor {
  checkNames("compute a distance in dist", options, { p: true });
  return norm(sub(a, b), { p: options.p ?? 2 });
}

/** Which axis. */
export interface CrossOptions {
  /** The axis of the vectors, of size 3; default −1. */
  dim?: number;
}

/**
 * The cross product of vectors in space.
 *
 * @param a Vectors along an axis of size 3
 * @param b Vectors that broadcast with them
 * @param options The axis
 * @returns The common shape
 * @throws {ShapeError} If the axis has another size
 *
 * @example
 * ```ts
 * import { cross, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await cross(tensor([1, 0, 0]), tensor([0, 1, 0])).array()); // [0, 0, 1]
 * ```
 */
export function cross(a: Tensor, b: Tensor, options: CrossOptions = {}): Tensor {
  checkNames("multiply in cross", options, { dim: true });
  const { dim = -1 } = options;
  if (a.size(dim) !== 3 || b.size(dim) !== 3) {
    throw new ShapeError(
      "cross",
      `Cannot multiply in cross: the axis must have size 3, current shapes are ${showShapes([a.shape, b.shape])}`,
      [a.shape, b.shape],
    );
  }
  const back = dim < 0 ? dim : dim - Math.max(a.ndim, b.ndim);
  const at = (x: Tensor, index: number) => select(x, { dim: back, index: index % 3 });
  const parts = [0, 1, 2].map((i) => sub(mul(at(a, i + 1), at(b, i + 2)), mul(at(a, i + 2), at(b, i + 1))));
  return stack(parts, { dim: back });
}

/** Which norm of which axes. */
export interface MatrixNormOptions {
  /** `"fro"` (default), or the largest absolute sum of a column (1) or a row (`Infinity`). */
  ord?: "fro" | number;
  /** Rows and columns; default the last two axes. */
  dim?: readonly [number, number];
}

/**
 * Norms of matrices.
 *
 * @param x Shape [..., rows, columns]
 * @param options Norm and axes
 * @returns The shape without the two axes
 * @throws {RangeError} If the norm is unknown; those of singular values are not computed
 *
 * @example
 * ```ts
 * import { init, matrixNorm, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await matrixNorm(tensor([[3, 0], [0, 4.0]], { dtype: "f32" })).item()); // 5
 * ```
 */
export function matrixNorm(x: Tensor, options: MatrixNormOptions = {}): Tensor {
  checkNames("compute norms in matrixNorm", options, { ord: true, dim: true });
  const { ord = "fro", dim = [-2, -1] } = options;
  const [rows, columns] = dim.map((axis) => normalizeDim("matrixNorm", axis, x.ndim));
  if (ord === "fro") return norm(x, { dim: [rows, columns] });
  if (ord !== 1 && ord !== Infinity) {
    throw new RangeError(`Cannot compute norms in matrixNorm: ord must be "fro", 1 or Infinity, got ${ord}`);
  }
  const sums = norm(x, { p: 1, dim: ord === 1 ? rows : columns, keepdim: true });
  return norm(sums, { p: Infinity, dim: [rows, columns] });
}

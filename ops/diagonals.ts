/** Matrices with given diagonals, and sums of diagonals. */
import { pad } from "../kernels/pad/pad.ts";
import { checkNames } from "../device/option_names.ts";
import { mul, sub } from "../kernels/elementwise/arithmetic.ts";
import { where } from "../kernels/elementwise/choice.ts";
import { eq } from "../kernels/elementwise/compare.ts";
import { arange } from "../kernels/elementwise/constants.ts";
import { cat } from "../kernels/cat/cat.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { narrow } from "../kernels/layout/slice.ts";
import { expand } from "../kernels/layout/views.ts";
import { sum } from "../kernels/reduce/sum.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { tensorsOf } from "../tensor/operands.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { diagonal, unsqueeze } from "./shape.ts";

/** Which diagonal of which axes. */
export interface DiagOptions {
  /** Above (positive) or below the main one; default 0. */
  offset?: number;
}

/**
 * A matrix with a vector on a diagonal and zeros elsewhere, or the diagonal of a matrix.
 *
 * @param x A vector or a matrix
 * @param options The diagonal
 * @returns A matrix or a vector
 * @throws {ShapeError} If it is neither
 *
 * @example
 * ```ts
 * import { diag, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await diag(tensor([1, 2])).array()); // [[1, 0], [0, 2]]
 * console.log(await diag(tensor([[1, 2], [3, 4]])).array()); // [1, 4]
 * ```
 */
export function diag(x: Tensor, options: DiagOptions = {}): Tensor {
  checkNames("take a diagonal in diag", options, { offset: true });
  const { offset = 0 } = options;
  if (x.ndim === 1) return diagEmbed(x, { offset });
  if (x.ndim === 2) return diagonal(x, { offset });
  throw new ShapeError(
    "diag",
    `Cannot take a diagonal in diag: it takes a vector or a matrix, got ${showShape(x.shape)}`,
    [x.shape],
  );
}

/**
 * Matrices with the vectors of the last axis on a diagonal and zeros elsewhere.
 *
 * @param x Shape [..., n]
 * @param options The diagonal
 * @returns Shape [..., n + |offset|, n + |offset|]
 *
 * @example
 * ```ts
 * import { diagEmbed, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await diagEmbed(tensor([5, 6]), { offset: 1 }).array()); // [[0, 5, 0], [0, 0, 6], [0, 0, 0]]
 * ```
 */
export function diagEmbed(x: Tensor, options: DiagOptions = {}): Tensor {
  checkNames("place a diagonal in diagEmbed", options, { offset: true });
  const { offset = 0 } = options;
  if (x.ndim === 0) throw new ShapeError("diagEmbed", "Cannot place a diagonal in diagEmbed: the shape is []", [[]]);
  const n = x.shape[x.ndim - 1], size = n + Math.abs(offset);
  const zeros = (count: number) => mul(expandLast(x, count), 0);
  // The vector stands in the rows where it belongs; each column keeps its own.
  const before = Math.max(0, -offset), after = size - n - before;
  const rows = cat([...(before > 0 ? [zeros(before)] : []), x, ...(after > 0 ? [zeros(after)] : [])], { dim: -1 });
  const r = reshape(arange(size), [size, 1]), c = arange(size);
  return where(eq(sub(c, r), offset), unsqueeze(rows, -1), 0);
}

/** As many elements along the last axis, whatever they are. */
function expandLast(x: Tensor, count: number): Tensor {
  const first = narrow(x, { dim: -1, start: 0, length: Math.min(1, x.shape[x.ndim - 1]) });
  return expand(first, [...x.shape.slice(0, -1), count]);
}

/**
 * The sum of a matrix' diagonal.
 *
 * @param x A matrix
 * @returns A number
 *
 * @example
 * ```ts
 * import { init, tensor, trace } from "@fulgurite/core";
 *
 * await init();
 * console.log(await trace(tensor([[1, 2], [3, 4]])).item()); // 5
 * ```
 */
export function trace(x: Tensor): Tensor {
  if (x.ndim !== 2) {
    throw new ShapeError("trace", `Cannot sum a diagonal in trace: it takes a matrix, got ${showShape(x.shape)}`, [
      x.shape,
    ]);
  }
  return sum(diagonal(x));
}

/**
 * A matrix with matrices along its diagonal and zeros elsewhere.
 *
 * @param tensors Matrices; vectors count as rows, numbers as matrices of one element
 * @returns [sum of rows, sum of columns]
 * @throws {ShapeError} If one has more axes, or there is none
 *
 * @example
 * ```ts
 * import { blockDiag, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await blockDiag([tensor([[1, 2]]), tensor([[3], [4]])]).array()); // [[1, 2, 0], [0, 0, 3], [0, 0, 4]]
 * ```
 */
export function blockDiag(tensors: readonly Tensor[]): Tensor {
  const all = tensorsOf("blockDiag", "place blocks", tensors), wrong = all.findIndex(({ ndim }) => ndim > 2);
  if (wrong >= 0) {
    const { shape } = all[wrong];
    throw new ShapeError(
      "blockDiag",
      `Cannot place blocks in blockDiag: each must have at most two axes, element ${wrong} has the shape ${
        showShape(shape)
      }`,
      [shape],
    );
  }
  const blocks = all.map((t) => t.ndim === 2 ? t : reshape(t, [1, -1]));
  const columns = blocks.reduce((n, { shape }) => n + shape[1], 0);
  let before = 0;
  const rows = blocks.map((block) => {
    const start = before;
    before += block.shape[1];
    return pad(block, [start, columns - before]);
  });
  return cat(rows, { dim: 0 });
}

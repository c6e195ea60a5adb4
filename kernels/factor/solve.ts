import { apply, type Op } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { neg } from "../elementwise/arithmetic.ts";
import { to } from "../elementwise/cast.ts";
import { eye } from "../elementwise/constants.ts";
import { reshape } from "../layout/reshape.ts";
import { transpose } from "../layout/views.ts";
import { matmul } from "../matmul/matmul.ts";
import { temporary } from "../_run.ts";
import { factorsOf, release, substituteInto } from "./_lu.ts";
import { requireSquare, sameStacks } from "./_matrices.ts";

const solveOp: Op<null> = {
  name: "solve",
  precision: "full",
  infer: ([, b]) => ({ shape: b!.shape, dtype: b!.dtype }),
  forward: ([a, b], _, [y]) => {
    const factors = factorsOf(a!, "solve"), { lu, order } = factors;
    const half = temporary(y.shape, "f32", "solve");
    substituteInto(lu, b!, order, { upper: false, unitriangular: true }, half);
    substituteInto(lu, half, null, { upper: true, unitriangular: false }, y);
    half.dispose();
    release(factors);
  },
  saves: { inputs: [0], outputs: [0] },
  grad: (dy, { x, y, needs }) => {
    const db = apply(solveOp, [transpose(x(0), -1, -2), dy], null);
    return [needs[0] ? neg(matmul(db, transpose(y, -1, -2))) : null, db];
  },
};

/**
 * X with A·X = B, by factors with exchanged rows, in f32 arithmetic.
 *
 * @param a Shape [..., n, n], floating-point
 * @param b Shape [..., n, k] of the same type, or [..., n] with the leading axes of `a`; leading axes of matrices
 *   broadcast
 * @returns The shape of b with the leading axes of both; not finite where a matrix is singular, since nothing is read
 *   back to tell
 * @throws {ShapeError} If the shapes do not fit
 * @throws {TypeError} If the types differ, or are not floating-point
 *
 * @example
 * ```ts
 * import { init, solve, tensor } from "@fulgurite/core";
 *
 * await init();
 * const a = tensor([[0, 2], [4, 1]], { dtype: "f32" });
 * console.log(await solve(a, tensor([2, 9], { dtype: "f32" })).array()); // [2, 1]
 * ```
 */
export function solve(a: Tensor, b: Tensor): Tensor {
  requireSquare("solve", a);
  // As in PyTorch: right sides are vectors where there is one for each matrix.
  const vectors = b.ndim === 1 || b.ndim === a.ndim - 1 && b.shape.every((size, i) => size === a.shape[i]);
  if (vectors) return reshape(solve(a, reshape(b, [...b.shape, 1])), [...a.shape.slice(0, -1)]);
  return apply(solveOp, sameStacks("solve", a, b), null);
}

/**
 * The inverses of matrices, in f32 arithmetic. To solve a system, {@link solve} is faster and nearer.
 *
 * @param x Shape [..., n, n], floating-point
 * @returns Shape [..., n, n]; not finite where a matrix is singular, since nothing is read back to tell
 * @throws {ShapeError} If the matrices are not square
 * @throws {TypeError} If the elements are not floating-point
 *
 * @example
 * ```ts
 * import { init, inverse, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await inverse(tensor([[2, 0], [0, 4]], { dtype: "f32" })).array()); // [[0.5, 0], [0, 0.25]]
 * ```
 */
export function inverse(x: Tensor): Tensor {
  requireSquare("inverse", x);
  return solve(x, to(eye(x.shape.at(-1)!), x.dtype));
}

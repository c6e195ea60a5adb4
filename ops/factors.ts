/** What follows from factors of matrices: orthogonal columns, least squares. */
import { checkNames } from "../device/option_names.ts";
import { add, mul } from "../kernels/elementwise/arithmetic.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { eye } from "../kernels/elementwise/constants.ts";
import { cholesky } from "../kernels/factor/cholesky.ts";
import { solveTriangular } from "../kernels/factor/triangular.ts";
import { narrow } from "../kernels/layout/slice.ts";
import { transpose } from "../kernels/layout/views.ts";
import { matmul } from "../kernels/matmul/matmul.ts";
import { sum } from "../kernels/reduce/sum.ts";
import { isFloat, isHalf } from "../tensor/dtype.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";

const turned = (x: Tensor) => transpose(x, -1, -2);

/** One round of orthogonalisation: R is the Cholesky factor of xᵀx, plus a shift of its diagonal, and Q = x·R⁻¹. */
function round(x: Tensor, shift: number): [q: Tensor, r: Tensor] {
  const gram = matmul(turned(x), x), size = gram.shape.at(-1)!;
  const trace = sum(mul(x, x), { dim: [-1, -2], keepdim: true });
  const r = cholesky(shift === 0 ? gram : add(gram, mul(eye(size), mul(trace, shift))), { upper: true });
  return [solveTriangular(r, x, { upper: true, left: false }), r];
}

/** Least relative distance of numbers in f32, halved. */
const ROUNDING = 2 ** -24;

/**
 * Q with orthonormal columns and an upper triangle R, with Q·R = x: PyTorch's "reduced" mode. R has a positive
 * diagonal, which makes both unique (Householder's way, PyTorch's, leaves signs to chance). Made of products and
 * Cholesky factors in three rounds, the first of them shifted (Fukaya and others, "Shifted Cholesky QR for computing
 * the QR factorization of ill-conditioned matrices", 2020), in f32 arithmetic.
 *
 * @param x Shape [..., m, n], floating-point, whose first min(m, n) columns are independent
 * @returns Q [..., m, min(m, n)] and R [..., min(m, n), n]; not finite where columns depend on each other
 * @throws {ShapeError} If it is no matrix
 * @throws {TypeError} If the elements are not floating-point
 *
 * @example
 * ```ts
 * import { init, qr, tensor } from "@fulgurite/core";
 *
 * await init();
 * const [q, r] = qr(tensor([[3, 1], [4, 2]], { dtype: "f32" }));
 * console.log(await q.array(), await r.array()); // [[0.6, -0.8], [0.8, 0.6]] [[5, 2.2], [0, 0.4]]
 * ```
 */
export function qr(x: Tensor): [q: Tensor, r: Tensor] {
  if (!isFloat(x.dtype)) throw new TypeError(`Cannot compute qr: elements must be floating-point, they are ${x.dtype}`);
  if (x.ndim < 2) {
    throw new ShapeError("qr", `Cannot compute qr: it takes matrices, current shape is ${showShapes([x.shape])}`, [
      x.shape,
    ]);
  }
  if (isHalf(x.dtype)) {
    const [q, r] = qr(to(x, "f32"));
    return [to(q, x.dtype), to(r, x.dtype)];
  }
  const [m, n] = x.shape.slice(-2), rank = Math.min(m, n);
  const square = n > m ? narrow(x, { dim: -1, start: 0, length: rank }) : x;
  const [first, r1] = round(square, 11 * (m + n + 1) * ROUNDING);
  const [second, r2] = round(first, 0);
  const [q, r3] = round(second, 0);
  return [q, n > m ? matmul(turned(q), x) : matmul(r3, matmul(r2, r1))];
}

/**
 * X for which A·X is nearest to B, the sum of squared differences least.
 *
 * @param a Shape [..., m, n], floating-point, m ≥ n, with independent columns
 * @param b Shape [..., m, k] of the same type, with the same leading axes
 * @returns Shape [..., n, k]
 * @throws {ShapeError} If there are fewer rows than columns, or the shapes do not fit
 * @throws {TypeError} If the elements are not floating-point
 *
 * @example
 * ```ts
 * import { init, lstsq, tensor } from "@fulgurite/core";
 *
 * await init();
 * // A line through (0, 1), (1, 3), (2, 5): 1 + 2x.
 * const a = tensor([[1, 0], [1, 1], [1, 2]], { dtype: "f32" }), b = tensor([[1], [3], [5]], { dtype: "f32" });
 * console.log(await lstsq(a, b).array()); // [[1], [2]], but for rounding
 * ```
 */
export function lstsq(a: Tensor, b: Tensor): Tensor {
  if (a.ndim < 2 || b.ndim !== a.ndim || a.shape.at(-2) !== b.shape.at(-2) || a.shape.at(-2)! < a.shape.at(-1)!) {
    throw new ShapeError(
      "lstsq",
      `Cannot compute lstsq: it takes at least as many rows as columns, as many of both sides, current shapes are ${
        showShapes([a.shape, b.shape])
      }`,
      [a.shape, b.shape],
    );
  }
  const [q, r] = qr(a);
  return solveTriangular(r, matmul(turned(q), b), { upper: true });
}

/** Which triangle {@link choleskySolve} is given. */
export interface CholeskySolveOptions {
  /** Whether the factor is the upper triangle; default false. */
  upper?: boolean;
}

/**
 * X with A·X = B, from the Cholesky factor of A.
 *
 * @param b Shape [..., n, k], floating-point
 * @param factor What `cholesky` gave, [..., n, n] of the same type
 * @param options Which triangle it is
 * @returns The shape of b
 * @throws {ShapeError} If the shapes do not fit
 *
 * @example
 * ```ts
 * import { cholesky, choleskySolve, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const a = tensor([[4, 2], [2, 10]], { dtype: "f32" }), b = tensor([[6], [12]], { dtype: "f32" });
 * console.log(await choleskySolve(b, cholesky(a)).array()); // [[1], [1]]
 * ```
 */
export function choleskySolve(b: Tensor, factor: Tensor, options: CholeskySolveOptions = {}): Tensor {
  checkNames("compute choleskySolve", options, { upper: true });
  const lower = options.upper ? turned(factor) : factor;
  return solveTriangular(turned(lower), solveTriangular(lower, b, { upper: false }), { upper: true });
}

import { checkNames } from "../../device/option_names.ts";
import { apply, type Op } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { add, mul, sub } from "../elementwise/arithmetic.ts";
import { tril } from "../layout/triangle.ts";
import { transpose } from "../layout/views.ts";
import { matmul } from "../matmul/matmul.ts";
import { launch, temporary } from "../_run.ts";
import { choleskyStep } from "../_wgsl.ts";
import { requireSquare, squares } from "./_matrices.ts";
import { solveTriangular } from "./triangular.ts";

const choleskyOp: Op<null> = {
  name: "cholesky",
  precision: "full",
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  forward: ([x], _, [y]) => {
    const { size } = squares(x!), count = y.numel;
    let from = x!;
    for (let step = 0; step < size; step++) {
      const into = step === size - 1 ? y : temporary(y.shape, "f32", "cholesky");
      launch(choleskyStep, { x: from, y: into }, { size, step, count }, Math.ceil(count / 64));
      if (from !== x) from.dispose();
      from = into;
    }
  },
  saves: { outputs: [0] },
  // With Φ the lower triangle and half of its diagonal: S = L⁻ᵀ Φ(Lᵀ dL) L⁻¹, and dA = (S + Sᵀ) / 2 (Murray,
  // "Differentiation of the Cholesky decomposition", 2016).
  grad: (dy, { y }) => {
    const turned = transpose(y, -1, -2), product = matmul(turned, tril(dy));
    const lower = sub(tril(product), mul(sub(tril(product), tril(product, { diagonal: -1 })), 0.5));
    const left = solveTriangular(turned, lower, { upper: true });
    const s = solveTriangular(y, left, { upper: false, left: false });
    return [mul(add(s, transpose(s, -1, -2)), 0.5)];
  },
};

/** Which triangle {@link cholesky} gives. */
export interface CholeskyOptions {
  /** Whether U with Uᵀ·U = A is wanted instead of L; default false. */
  upper?: boolean;
}

/**
 * The Cholesky factor: the lower triangle L with L·Lᵀ = A, in f32 arithmetic.
 *
 * @param x Symmetric, positive definite matrices, shape [..., n, n]; the lower triangle is read
 * @param options Which triangle is wanted
 * @returns Shape [..., n, n]; NaN from the first row on that is not positive definite, since nothing is read back to
 *   tell
 * @throws {ShapeError} If the matrices are not square
 * @throws {TypeError} If the elements are not floating-point
 *
 * @example
 * ```ts
 * import { cholesky, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await cholesky(tensor([[4, 2], [2, 10]], { dtype: "f32" })).array()); // [[2, 0], [1, 3]]
 * ```
 */
export function cholesky(x: Tensor, options: CholeskyOptions = {}): Tensor {
  checkNames("compute cholesky", options, { upper: true });
  requireSquare("cholesky", x);
  const y = apply(choleskyOp, [x], null);
  return options.upper ? transpose(y, -1, -2) : y;
}

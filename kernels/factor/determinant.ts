import { apply, applyAll, type Op, type Spec } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { mul } from "../elementwise/arithmetic.ts";
import { where } from "../elementwise/choice.ts";
import { gt } from "../elementwise/compare.ts";
import { reshape } from "../layout/reshape.ts";
import { transpose } from "../layout/views.ts";
import { launch, temporary } from "../_run.ts";
import { luDeterminant } from "../_wgsl.ts";
import { factorsOf, release } from "./_lu.ts";
import { requireSquare, squares } from "./_matrices.ts";
import { inverse } from "./solve.ts";

/** Fills determinants, signs and logarithms; those that nobody wants go to scratch. */
function measure(x: Tensor, wanted: { det?: Tensor; signs?: Tensor; logs?: Tensor }): void {
  const { pages, size } = squares(x), label = "determinant";
  const factors = factorsOf(x, label);
  const scratch = [wanted.det, wanted.signs, wanted.logs].map((t) => t ?? temporary([pages], "f32", label));
  const [det, signs, logs] = scratch;
  const { lu, swaps } = factors;
  launch(luDeterminant, { lu, swaps, det, signs, logs }, { size, pages }, Math.ceil(pages / 64));
  release(factors);
  for (const t of scratch) if (!Object.values(wanted).includes(t)) t.dispose();
}

/** A gradient for each matrix times the matrix' inverse, transposed. */
const alongInverse = (dy: Tensor, x: Tensor) => mul(reshape(dy, [...dy.shape, 1, 1]), transpose(inverse(x), -1, -2));

const detOp: Op<null> = {
  name: "det",
  precision: "full",
  infer: ([x]) => ({ shape: x!.shape.slice(0, -2), dtype: x!.dtype }),
  forward: ([x], _, [det]) => measure(x!, { det }),
  saves: { inputs: [0], outputs: [0] },
  grad: (dy, { x, y }) => [alongInverse(mul(dy, y), x(0))],
};

/** Logarithms and signs. */
const slogdetOp: Op<null, readonly Spec[]> = {
  name: "slogdet",
  precision: "full",
  infer: ([x]) => [0, 1].map(() => ({ shape: x!.shape.slice(0, -2), dtype: x!.dtype })),
  forward: ([x], _, [logs, signs]) => measure(x!, { logs, signs }),
  saves: { inputs: [0] },
  grad: (_, { x, dys }) => [dys[0] === null ? null : alongInverse(dys[0], x(0))],
};

/**
 * The determinants of matrices, in f32 arithmetic. The gradient of a singular matrix is not finite.
 *
 * @param x Shape [..., n, n], floating-point
 * @returns Shape [...]
 * @throws {ShapeError} If the matrices are not square
 * @throws {TypeError} If the elements are not floating-point
 *
 * @example
 * ```ts
 * import { det, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await det(tensor([[4, 2], [1, 3]], { dtype: "f32" })).item()); // 10
 * ```
 */
export function det(x: Tensor): Tensor {
  requireSquare("det", x);
  return apply(detOp, [x], null);
}

/**
 * Signs of determinants, and the logarithms of their magnitudes, which do not overflow.
 *
 * @param x Shape [..., n, n], floating-point
 * @returns Signs (−1, 0, 1; without gradient) and logarithms (−∞ for a singular matrix), shapes [...]
 * @throws {ShapeError} If the matrices are not square
 * @throws {TypeError} If the elements are not floating-point
 *
 * @example
 * ```ts
 * import { init, slogdet, tensor } from "@fulgurite/core";
 *
 * await init();
 * const [sign, log] = slogdet(tensor([[0, 2], [3, 0]], { dtype: "f32" }));
 * console.log(await sign.item(), await log.item()); // -1 1.79…
 * ```
 */
export function slogdet(x: Tensor): [signs: Tensor, logs: Tensor] {
  requireSquare("slogdet", x);
  const [logs, signs] = applyAll(slogdetOp, [x], null);
  return [signs, logs];
}

/**
 * The logarithms of determinants.
 *
 * @param x Shape [..., n, n], floating-point
 * @returns Shape [...]; −∞ for a singular matrix, NaN where the determinant is negative
 * @throws {ShapeError} If the matrices are not square
 * @throws {TypeError} If the elements are not floating-point
 *
 * @example
 * ```ts
 * import { init, logdet, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await logdet(tensor([[4, 2], [1, 3]], { dtype: "f32" })).item()); // 2.302…
 * ```
 */
export function logdet(x: Tensor): Tensor {
  requireSquare("logdet", x);
  const [signs, logs] = slogdet(x);
  return where(gt(mul(signs, -1), 0), NaN, logs);
}

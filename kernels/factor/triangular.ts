import { checkNames } from "../../device/option_names.ts";
import { apply, type Op } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { neg } from "../elementwise/arithmetic.ts";
import { tril, triu } from "../layout/triangle.ts";
import { transpose } from "../layout/views.ts";
import { matmul } from "../matmul/matmul.ts";
import { substituteInto, type Triangle } from "./_lu.ts";
import { requireSquare, sameStacks } from "./_matrices.ts";

const solveTriangularOp: Op<Triangle> = {
  name: "solveTriangular",
  precision: "full",
  infer: ([, b]) => ({ shape: b!.shape, dtype: b!.dtype }),
  forward: ([t, b], triangle, [y]) => substituteInto(t!, b!, null, triangle, y),
  saves: { inputs: [0], outputs: [0] },
  grad: (dy, { x, y, needs }, triangle) => {
    const { upper, unitriangular } = triangle;
    const db = apply(solveTriangularOp, [transpose(x(0), -1, -2), dy], { ...triangle, upper: !upper });
    if (!needs[0]) return [null, db];
    // Only the triangle that is read has a gradient.
    const dt = neg(matmul(db, transpose(y, -1, -2))), diagonal = unitriangular ? 1 : 0;
    return [upper ? triu(dt, { diagonal }) : tril(dt, { diagonal: -diagonal }), db];
  },
};

/** Which triangle is solved with. */
export interface SolveTriangularOptions {
  /** The upper triangle (`true`) or the lower one. */
  upper: boolean;
  /** Whether the diagonal is taken for ones; default false. */
  unitriangular?: boolean;
  /** Whether X·A = B is solved (`false`) instead of A·X = B; default true. */
  left?: boolean;
}

/**
 * X with A·X = B, where A is triangular; the other triangle is not read.
 *
 * @param a Shape [..., n, n], floating-point
 * @param b Shape [..., n, k] of the same type (with `left: false` [..., k, n]); leading axes broadcast
 * @param options Which triangle, whether its diagonal counts, and on which side it stands
 * @returns The shape of b with the leading axes of both
 * @throws {ShapeError} If the shapes do not fit
 * @throws {TypeError} If the types differ, or are not floating-point
 *
 * @example
 * ```ts
 * import { init, solveTriangular, tensor } from "@fulgurite/core";
 *
 * await init();
 * const a = tensor([[2, 0], [1, 4]], { dtype: "f32" }), b = tensor([[2], [9]], { dtype: "f32" });
 * console.log(await solveTriangular(a, b, { upper: false }).array()); // [[1], [2]]
 * ```
 */
export function solveTriangular(a: Tensor, b: Tensor, options: SolveTriangularOptions): Tensor {
  checkNames("compute solveTriangular", options, { upper: "required", unitriangular: true, left: true });
  requireSquare("solveTriangular", a);
  const { upper, unitriangular = false, left = true } = options;
  if (!left) {
    const turned = solveTriangular(transpose(a, -1, -2), transpose(b, -1, -2), { upper: !upper, unitriangular });
    return transpose(turned, -1, -2);
  }
  return apply(solveTriangularOp, sameStacks("solveTriangular", a, b), { upper, unitriangular });
}

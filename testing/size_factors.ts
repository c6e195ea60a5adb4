/** What follows from factors of matrices, for any number of them: see `tests/sizes_test.ts`. */
import * as f from "../mod.ts";
import type { Tensor } from "../mod.ts";
import { array } from "./reference.ts";
import type { SizeRow } from "./sizes.ts";

/** Stacks of matrices of two rows, of which the diagonal is larger than the rest. */
const pairs = (
  name: string,
  run: (x: Tensor) => Tensor,
  of: (m: number[]) => number[],
  size: number[] = [],
): SizeRow => ({
  name,
  inputs: (n) => [[n, 2, 2]],
  run: ([x]) => run(f.add(x, f.to(f.mul(f.eye(2), 4), x.dtype))),
  reference: ([x]) =>
    array(
      [x.shape[0], ...size],
      Array.from({ length: x.shape[0] }, (_, i) => {
        const [a, b, c, d] = x.data.slice(4 * i, 4 * i + 4);
        return of([a + 4, b, c, d + 4]);
      }).flat(),
    ),
  draw: { low: -1, high: 1 },
  many: 263,
});
/** A right side of the matrices' type. */
const right = (x: Tensor) => f.to(f.tensor([[1], [-2]], { dtype: "f32" }), x.dtype);
const crossed = ([a, b, c, d]: number[]) => a * d - b * c;
const solved = ([a, b, c, d]: number[], u: number, v: number) =>
  [d * u - b * v, a * v - c * u].map((x) => x / crossed([a, b, c, d]));

export const FACTOR_ROWS: readonly SizeRow[] = [
  pairs("det", f.det, (m) => [crossed(m)]),
  pairs("logdet", f.logdet, (m) => [Math.log(crossed(m))]),
  pairs("slogdet", (x) => f.slogdet(x)[1], (m) => [Math.log(crossed(m))]),
  pairs("inverse", f.inverse, ([a, b, c, d]) => [d, -b, -c, a].map((x) => x / crossed([a, b, c, d])), [2, 2]),
  pairs("solve", (x) => f.solve(x, right(x)), (m) => solved(m, 1, -2), [2, 1]),
  pairs(
    "solveTriangular",
    (x) => f.solveTriangular(x, right(x), { upper: false }),
    ([a, , c, d]) => solved([a, 0, c, d], 1, -2),
    [2, 1],
  ),
  // The lower triangle is read; its gradient is that of symmetric matrices.
  {
    ...pairs("cholesky", f.cholesky, ([a, , c, d]) => [Math.sqrt(a), 0, c / Math.sqrt(a), Math.sqrt(d - c * c / a)], [
      2,
      2,
    ]),
    grad: false,
  },
];

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  add,
  cholesky,
  det,
  eye,
  grad,
  inverse,
  logdet,
  matmul,
  mul,
  randn,
  ShapeError,
  slogdet,
  solve,
  solveTriangular,
  sum,
  type Tensor,
  tensor,
  transpose,
  zeros,
} from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { at, build, type NDArray, permute } from "../../testing/reference.ts";
import * as reference from "../../testing/reference.ts";
import { testOp } from "../../testing/test_op.ts";

/** Matrices far enough from singular ones: a random one and a multiple of the identity. */
const shifted = (x: Tensor, by: number) => add(x, mul(eye(x.shape.at(-1)!), by));
const shiftedReference = (x: NDArray, by: number) =>
  build(x.shape, (index) => at(x, index) + (index.at(-1) === index.at(-2) ? by : 0));

/** Gauss and Jordan in f64: solution and determinant of one system. */
function eliminate(a: number[][], b: number[][]): { x: number[][]; det: number } {
  const rows = a.map((row, i) => [...row, ...b[i]]);
  let det = 1;
  rows.forEach((_, k) => {
    const p = rows.reduce((best, row, i) => i >= k && Math.abs(row[k]) > Math.abs(rows[best][k]) ? i : best, k);
    if (p !== k) [rows[k], rows[p], det] = [rows[p], rows[k], -det];
    det *= rows[k][k];
    rows[k] = rows[k].map((v) => v / rows[k][k]);
    rows.forEach((row, i) => {
      if (i !== k) rows[i] = row.map((v, j) => v - row[k] * rows[k][j]);
    });
  });
  return { x: rows.map((row) => row.slice(a.length)), det };
}

/** Matrix number `n` of a stack. */
function page(x: NDArray, n: number): number[][] {
  const [rows, columns] = x.shape.slice(-2), from = n * rows * columns;
  return Array.from({ length: rows }, (_, i) => [...x.data.slice(from + i * columns, from + (i + 1) * columns)]);
}
const pagesOf = (x: NDArray) => x.shape.slice(0, -2).reduce((n, s) => n * s, 1);
const stack = (shape: readonly number[], pages: number[][][]): NDArray => reference.array(shape, pages.flat(2));
const solution = (a: NDArray, b: NDArray) =>
  stack(b.shape, Array.from({ length: pagesOf(b) }, (_, n) => eliminate(page(a, n % pagesOf(a)), page(b, n)).x));
const determinants = (x: NDArray) =>
  reference.array(
    x.shape.slice(0, -2),
    Array.from({ length: pagesOf(x) }, (_, n) => eliminate(page(x, n), page(x, n)).det),
  );
const masked = (x: NDArray, upper: boolean, unit: boolean) =>
  build(x.shape, (index) => {
    const [i, j] = index.slice(-2);
    return i === j ? unit ? 1 : at(x, index) : (i < j) === upper ? at(x, index) : 0;
  });

const stacks = [{ inputs: [[3, 3], [3, 2]] }, { inputs: [[2, 5, 5], [2, 5, 4]] }, { inputs: [[1, 1], [1, 1]] }, {
  inputs: [[17, 17], [17, 3]],
}];

testOp({
  name: "solve",
  run: ([a, b]) => solve(shifted(a, 9), b),
  reference: ([a, b]) => solution(shiftedReference(a, 9), b),
  cases: [...stacks, { inputs: [[4, 4], [3, 4, 2]] }],
});

testOp({
  name: "inverse, det, logdet",
  run: ([a]) => [inverse(shifted(a, 5)), mul(det(shifted(a, 5)), 1e-3), logdet(shifted(a, 9))],
  reference: ([a]) => {
    const identity = build(a.shape, (index) => Number(index.at(-1) === index.at(-2)));
    return [
      solution(shiftedReference(a, 5), identity),
      reference.map((v) => v * 1e-3, determinants(shiftedReference(a, 5))),
      reference.map(Math.log, determinants(shiftedReference(a, 9))),
    ];
  },
  cases: [{ inputs: [[3, 3]] }, { inputs: [[2, 4, 4]] }, { inputs: [[2, 2, 1, 1]] }],
});

testOp<{ upper: boolean; unitriangular?: boolean; left?: boolean }>({
  name: "solveTriangular",
  run: ([a, b], attrs) => solveTriangular(shifted(a, 6), b, attrs),
  reference: ([a, b], { upper, unitriangular = false, left = true }) => {
    const t = masked(shiftedReference(a, 6), upper, unitriangular);
    return left ? solution(t, b) : permute(solution(permute(t, [1, 0]), permute(b, [1, 0])), [1, 0]);
  },
  cases: [
    ...stacks.flatMap(({ inputs }) => [true, false].map((upper) => ({ inputs, attrs: { upper } }))),
    { inputs: [[4, 4], [4, 4]], attrs: { upper: true, unitriangular: true } },
    { inputs: [[4, 4], [4, 4]], attrs: { upper: false, unitriangular: true } },
    { inputs: [[4, 4], [2, 4]], attrs: { upper: false, left: false } },
  ],
});

testOp({
  name: "cholesky",
  run: ([a]) => {
    const spd = shifted(matmul(a, transpose(a, -1, -2)), 2);
    return [cholesky(spd), cholesky(spd, { upper: true })];
  },
  reference: ([a]) => {
    const swap = (x: NDArray) =>
      permute(x, x.shape.map((_, i) => [...x.shape.keys()].slice(0, -2)[i] ?? 2 * x.shape.length - 3 - i));
    const spd = shiftedReference(reference.matmul(a, swap(a)), 2);
    const pages = Array.from({ length: pagesOf(a) }, (_, n) => {
      const x = page(spd, n), l = x.map((row) => row.map(() => 0));
      x.forEach((_, j) => {
        for (let i = j; i < x.length; i++) {
          const rest = x[i][j] - l[i].slice(0, j).reduce((s, v, k) => s + v * l[j][k], 0);
          l[i][j] = i === j ? Math.sqrt(rest) : rest / l[j][j];
        }
      });
      return l;
    });
    const lower = stack(a.shape, pages);
    return [lower, swap(lower)];
  },
  cases: [{ inputs: [[3, 3]] }, { inputs: [[2, 5, 5]] }, { inputs: [[1, 1]] }, { inputs: [[9, 9]] }],
});

gpuTest("rows are exchanged where a pivot is small or 0", async () => {
  const a = tensor([[0, 2, 1], [1e-6, 1, 1], [4, 0, -1]], { dtype: "f32" });
  const x = tensor([[1], [-2], [3]], { dtype: "f32" });
  const got = await solve(a, matmul(a, x)).data();
  [1, -2, 3].forEach((v, i) => assert(Math.abs(got[i] - v) < 1e-5, `${[...got]}`));
  // Exchanges change the sign of the product of the pivots.
  assertEquals(await det(tensor([[0, 0, 2], [0, 3, 0], [5, 0, 0]], { dtype: "f32" })).item(), -30);
  assertEquals(await solve(a, zeros([3])).array(), [0, 0, 0]);
});

gpuTest("200 equations are solved as near as f32 allows", async () => {
  const a = randn([200, 200]), x = randn([200, 3]);
  const rest = await matmul(a, solve(a, matmul(a, x))).sub(matmul(a, x)).abs().amax().item();
  assert(Number(rest) < 2e-2, `the rest is ${rest}`);
  const unit = await matmul(inverse(a), a).sub(eye(200)).abs().amax().item();
  assert(Number(unit) < 5e-2, `off by ${unit}`);
});

gpuTest("singular matrices, negative determinants, and what is not positive definite", async () => {
  const singular = tensor([[1, 2], [2, 4]], { dtype: "f32" });
  assertEquals(await det(singular).item(), 0);
  assertEquals(await Promise.all(slogdet(singular).map((t) => t.item())), [0, -Infinity]);
  assertEquals(await logdet(singular).item(), -Infinity);
  const negative = tensor([[0, 2], [3, 0]], { dtype: "f32" });
  assertEquals([await slogdet(negative)[0].item(), await logdet(negative).item()], [-1, NaN]);
  assert([...await inverse(singular).data()].some((v) => !Number.isFinite(v)));
  const l = await cholesky(tensor([[1, 2], [2, 1]], { dtype: "f32" })).data();
  assertEquals([l[0], l[1], l[2], Number.isNaN(l[3])], [1, 0, 2, true]);
});

gpuTest("16-bit matrices are factored in f32, and give 16 bits", async () => {
  const a = tensor([[2, 1], [1, 3]], { dtype: "f16" }), b = tensor([[3], [5]], { dtype: "f16" });
  const results = [solve(a, b), det(a), inverse(a), cholesky(a), solveTriangular(a, b, { upper: true })];
  assertEquals(results.map(({ dtype }) => dtype), new Array(5).fill("f16"));
  assertEquals([...await results[1].data()], [5]);
});

gpuTest("nothing, and matrices of size 0", async () => {
  assertEquals([det(zeros([0, 2, 2])).shape, inverse(zeros([3, 0, 0])).shape], [[0], [3, 0, 0]]);
  assertEquals(await det(zeros([2, 0, 0])).array(), [1, 1]);
  assertEquals([solve(zeros([2, 2]), zeros([2, 0])).shape, cholesky(zeros([0, 3, 3])).shape], [[2, 0], [0, 3, 3]]);
});

gpuTest("gradients of gradients", async () => {
  // log det(x·I) = 2 log x, whose second derivative is −2 / x².
  const x = tensor([2], { dtype: "f32", requiresGrad: true });
  const [first] = grad(logdet(mul(eye(2), x)), x, { createGraph: true });
  const [second] = grad(sum(first!), x);
  assertEquals([...await first!.data(), ...await second!.data()], [1, -0.5]);
});

gpuTest("what is not square, or does not fit, is refused", () => {
  assertThrows(() => det(zeros([2, 3])), ShapeError, "Cannot compute det: the matrices must be square");
  assertThrows(() => solve(zeros([2, 2]), zeros([3, 1])), ShapeError, "as many rows as the matrix");
  assertThrows(() => cholesky(zeros([2, 2], { dtype: "i32" })), TypeError, "must be floating-point");
  assertThrows(() => solve(zeros([2, 2]), zeros([2, 1], { dtype: "f16" })), TypeError, "one type");
  return Promise.resolve();
});

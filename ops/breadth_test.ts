import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  addbmm,
  addr,
  diagonal,
  diagonalScatter,
  grad,
  gradient,
  ldexp,
  logNdtr,
  multiDot,
  put,
  ShapeError,
  sum,
  tensor,
  zeros,
} from "../mod.ts";
import { device } from "../device/mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { at, build, map, matmul, type NDArray } from "../testing/reference.ts";
import { testOp } from "../testing/test_op.ts";

const page = (x: NDArray, n: number): NDArray => build(x.shape.slice(1), (index) => at(x, [n, ...index]));

testOp<{ beta?: number; alpha?: number }>({
  name: "addbmm, addr",
  run: ([x, a, b, u, v], attrs) => [addbmm(x, a, b, attrs), addr(x, u, v, attrs)],
  reference: ([x, a, b, u, v], { beta = 1, alpha = 1 }) => {
    const products = Array.from({ length: a.shape[0] }, (_, n) => matmul(page(a, n), page(b, n)));
    const pairs = build([3, 4], ([i, j]) => u.data[i] * v.data[j]);
    return [
      products.reduce((y, p) => map((s, t) => s + alpha * t, y, p), map((s) => beta * s, x)),
      map((s, t) => beta * s + alpha * t, x, pairs),
    ];
  },
  cases: [{ inputs: [[3, 4], [2, 3, 5], [2, 5, 4], [3], [4]], attrs: {} }, {
    inputs: [[3, 4], [1, 3, 2], [1, 2, 4], [3], [4]],
    attrs: { beta: 0.5, alpha: -2 },
  }],
});

testOp({
  name: "multiDot",
  run: ([a, b, c, d, u, v]) => [multiDot([a, b, c, d]), multiDot([u, b, c]), multiDot([a, b, v]), multiDot([u, b, v])],
  reference: ([a, b, c, d, u, v]) => {
    const row = { ...u, shape: [1, u.shape[0]] }, column = { ...v, shape: [v.shape[0], 1] };
    const flat = (x: NDArray, shape: number[]) => ({ ...x, shape });
    return [
      matmul(matmul(matmul(a, b), c), d),
      flat(matmul(matmul(row, b), c), [3]),
      flat(matmul(matmul(a, b), column), [5]),
      flat(matmul(matmul(row, b), column), []),
    ];
  },
  cases: [{ inputs: [[5, 2], [2, 7], [7, 3], [3, 4], [2], [7]] }],
});

testOp({
  name: "diagonalScatter, put",
  run: ([x, a, b, c]) => [
    diagonalScatter(x, a, { offset: 1 }),
    diagonalScatter(x, b, { offset: -2, dim1: 1, dim2: 0 }),
    put(x, tensor([[7], [2]]), c),
  ],
  reference: ([x, a, b, c]) => [
    build([3, 5], ([i, j]) => j - i === 1 ? a.data[i] : at(x, [i, j])),
    build([3, 5], ([i, j]) => i - j === -2 ? b.data[i] : at(x, [i, j])),
    build([3, 5], ([i, j]) => i * 5 + j === 7 ? c.data[0] : i * 5 + j === 2 ? c.data[1] : at(x, [i, j])),
  ],
  cases: [{ inputs: [[3, 5], [3], [3], [2]] }],
});

testOp({
  name: "gradient",
  run: ([x]) => [
    ...gradient(x, { spacing: [0.5, 2] }),
    ...gradient(x, { dim: 1, edgeOrder: 2, spacing: 0.25 }),
    ...gradient(x, { dim: [0] }),
  ],
  reference: ([x]) => {
    const [n, m] = x.shape;
    const along = (dim: number, h: number, order: number) =>
      build([n, m], (index) => {
        const i = index[dim], last = x.shape[dim] - 1;
        const f = (k: number) => at(x, index.map((v, axis) => axis === dim ? k : v));
        if (i > 0 && i < last) return (f(i + 1) - f(i - 1)) / (2 * h);
        const s = i === 0 ? 1 : -1;
        if (order === 1) return s * (f(i + s) - f(i)) / h;
        return s * (-3 * f(i) + 4 * f(i + s) - f(i + 2 * s)) / (2 * h);
      });
    return [along(0, 0.5, 1), along(1, 2, 1), along(1, 0.25, 2), along(0, 1, 1)];
  },
  cases: [{ inputs: [[4, 6]] }, { inputs: [[2, 3]] }],
});

gpuTest("the logarithm of a small share of the normal distribution stays a number, and so does its slope", async () => {
  const x = tensor([-5, -10, -20, -100, -1e4, 0, 3, 30, Infinity, -Infinity, NaN], { requiresGrad: true });
  // φ(x) / |x| · (1 − 1/x² + 3/x⁴ − 15/x⁶ + …), see Abramowitz and Stegun, 26.2.12.
  const series = (x: number) => {
    let term = 1, all = 1;
    for (let k = 1; k < 12; k++) all += term *= -(2 * k - 1) / (x * x);
    return all;
  };
  const far = (x: number) => -x * x / 2 - Math.log(-x) - Math.log(2 * Math.PI) / 2 + Math.log(series(x));
  const y = logNdtr(x), got = await y.data();
  [-5, -10, -20, -100, -1e4].forEach((v, i) => {
    assert(Math.abs(got[i] / far(v) - 1) < (v === -5 ? 1e-4 : 1e-6), `log Φ(${v}) is ${got[i]}, want ${far(v)}`);
  });
  assertEquals([got[7], got[8], got[9], got[10]], [-0, 0, -Infinity, NaN]);
  const slope = await grad(sum(y.slice({ dim: 0, end: 5 })), x)[0]!.data();
  [-5, -10, -20, -100, -1e4].forEach((v, i) => {
    const want = -v / series(v);
    assert(Math.abs(slope[i] / want - 1) < (v === -5 ? 1e-3 : 1e-5), `the slope at ${v} is ${slope[i]}, want ${want}`);
  });
});

gpuTest("powers of two scale exactly; products of chains go the cheap way", async () => {
  assertEquals(await ldexp(tensor([1.5, 3, -0.75]), tensor([2, -1, 0])).array(), [6, 1.5, -0.75]);
  assertEquals([...await diagonal(diagonalScatter(zeros([2, 3]), tensor([3, 4], { dtype: "f32" }))).data()], [3, 4]);
  // From the left the first product alone would have 4 million elements.
  const column = zeros([2000, 1]), row = zeros([1, 2000]), last = zeros([2000, 1]);
  for (const t of [column, row, last]) void t.storage.buffer;
  const { pool } = device();
  pool.resetPeak();
  const before = pool.report().liveBytes;
  void multiDot([column, row, last]).storage.buffer;
  assert(pool.report().peakBytes - before < 100_000);
});

gpuTest("what does not fit is refused", () => {
  assertThrows(() => addbmm(zeros([1]), zeros([2, 3, 4]), zeros([3, 4, 2])), ShapeError, "Cannot multiply in addbmm");
  assertThrows(() => addr(zeros([1]), zeros([2]), zeros([2]), { gamma: 1 } as never), TypeError, "no option gamma");
  assertThrows(() => multiDot([zeros([2, 3])]), ShapeError, "2 or more tensors, got 1");
  assertThrows(() => multiDot([zeros([2, 3]), zeros([2]), zeros([3, 2])]), ShapeError, "that fit");
  assertThrows(() => put(zeros([3]), tensor([0, 1]), zeros([1])), ShapeError, "an element for each index");
  assertThrows(() => diagonalScatter(zeros([3, 3]), zeros([2])), ShapeError, "must have the shape [3]");
  assertThrows(() => gradient(zeros([2]), { edgeOrder: 2 }), ShapeError, "at least 3 elements");
  assertThrows(() => gradient(zeros([2, 2]), { spacing: [1] }), RangeError, "a distance for each of 2 axes");
  return Promise.resolve();
});

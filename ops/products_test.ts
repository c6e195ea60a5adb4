import { assertEquals, assertThrows } from "@std/assert";
import {
  addmm,
  addmv,
  baddbmm,
  bilinear,
  bmm,
  cdist,
  type CdistOptions,
  cross,
  dist,
  dot,
  inner,
  kron,
  matrixNorm,
  type MatrixNormOptions,
  matrixPower,
  mm,
  mv,
  ones,
  outer,
  pdist,
  randn,
  ShapeError,
  tensordot,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { at, build, map, matmul, type NDArray } from "../testing/reference.ts";
import { testOp } from "../testing/test_op.ts";

const total = (n: number, f: (i: number) => number) =>
  Array.from({ length: n }, (_, i) => f(i)).reduce((a, b) => a + b, 0);
const scalar = (v: number): NDArray => ({ shape: [], data: Float64Array.of(v) });

testOp<{ beta?: number; alpha?: number }>({
  name: "addmm",
  run: ([x, a, b], attrs) => addmm(x, a, b, attrs),
  reference: ([x, a, b], { beta = 1, alpha = 1 }) => map((u, v) => beta * u + alpha * v, x, matmul(a, b)),
  cases: [{ inputs: [[4], [3, 5], [5, 4]], attrs: {} }, {
    inputs: [[3, 1], [3, 5], [5, 4]],
    attrs: { beta: 0.5, alpha: -2 },
  }],
});

testOp({
  name: "mm, bmm, mv, dot, outer, inner",
  run: ([a, b, u, v, s, t]) => [mm(a, b), bmm(s, t), mv(a, u), dot(u, u), outer(u, v), inner(u, u), inner(v, v)],
  reference: ([a, b, u, v, s, t]) => {
    const square = (x: NDArray) => scalar(total(x.data.length, (i) => x.data[i] ** 2));
    return [
      matmul(a, b),
      matmul(s, t),
      build([3], ([i]) => total(4, (k) => at(a, [i, k]) * u.data[k])),
      square(u),
      build([4, 2], ([i, j]) => u.data[i] * v.data[j]),
      square(u),
      square(v),
    ];
  },
  cases: [{ inputs: [[3, 4], [4, 2], [4], [2], [2, 3, 4], [2, 4, 2]] }],
});

testOp({
  name: "addmv, baddbmm, inner of more axes",
  run: ([a, u, x, s, t]) => [addmv(x, a, u), baddbmm(x, s, t), inner(s, a)],
  reference: ([a, u, x, s, t]) => [
    build([3], ([i]) => x.data[i] + total(4, (k) => at(a, [i, k]) * u.data[k])),
    map((p, q) => p + q, x, matmul(s, t)),
    build([2, 5, 3], ([n, i, j]) => total(4, (k) => at(s, [n, i, k]) * at(a, [j, k]))),
  ],
  cases: [{ inputs: [[3, 4], [4], [3], [2, 5, 4], [2, 4, 3]] }],
});

testOp({
  name: "tensordot",
  run: ([a, b]) => [tensordot(a, b, { dims: [[1, -1], [1, 0]] }), tensordot(a, b, { dims: 0 })],
  reference: ([a, b]) => [
    build([2, 5], ([i, j]) => total(3, (k) => total(4, (l) => at(a, [i, k, l]) * at(b, [l, k, j])))),
    build([2, 3, 4, 4, 3, 5], (p) => at(a, p.slice(0, 3)) * at(b, p.slice(3))),
  ],
  cases: [{ inputs: [[2, 3, 4], [4, 3, 5]] }],
});

testOp({
  name: "kron",
  run: ([a, b]) => kron(a, b),
  reference: ([a, b]) => build([2, 9], ([i, j]) => a.data[Math.floor(j / 3)] * at(b, [i, j % 3])),
  cases: [{ inputs: [[3], [2, 3]] }],
});

testOp({
  name: "bilinear",
  run: ([x1, x2, weight, bias]) => bilinear(x1, x2, weight, { bias }),
  reference: ([x1, x2, w, b]) =>
    build(
      [5, 2],
      ([n, o]) => b.data[o] + total(3, (i) => total(4, (j) => at(x1, [n, i]) * at(w, [o, i, j]) * at(x2, [n, j]))),
    ),
  cases: [{ inputs: [[5, 3], [5, 4], [2, 3, 4], [2]] }],
});

testOp<{ n: number }>({
  name: "matrixPower",
  run: ([x], { n }) => matrixPower(x, n),
  reference: ([x], { n }) => {
    let y = build([3, 3], ([i, j]) => i === j ? 1 : 0);
    for (let i = 0; i < n; i++) y = matmul(y, x);
    return y;
  },
  cases: [0, 1, 2, 5].map((n) => ({ inputs: [{ shape: [3, 3], draw: { low: -1, high: 1 } }], attrs: { n } })),
});

const distance = (p: number, f: (k: number) => number, d: number) =>
  p === Infinity
    ? Math.max(...Array.from({ length: d }, (_, k) => Math.abs(f(k))))
    : total(d, (k) => Math.abs(f(k)) ** p) ** (1 / p);

testOp<CdistOptions>({
  name: "cdist",
  run: ([a, b], attrs) => cdist(a, b, attrs),
  reference: ([a, b], { p = 2 }) =>
    build([2, 3, 4], ([n, i, j]) => distance(p, (k) => at(a, [n, i, k]) - at(b, [n, j, k]), 5)),
  tolerance: { f32: { rtol: 1e-5, atol: 1e-5 } },
  cases: [{ p: 2 }, { p: 1 }, { p: 3 }, { viaProduct: true }].map((attrs) => ({
    inputs: [[2, 3, 5], [2, 4, 5]],
    attrs,
  })),
});

testOp({
  name: "pdist, dist, cross",
  run: ([x, y]) => [pdist(x, { p: 2 }), dist(x, y), cross(x, y)],
  reference: ([x, y]) => [
    build([6], ([i]) => {
      const [a, b] = [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]][i];
      return distance(2, (k) => at(x, [a, k]) - at(x, [b, k]), 3);
    }),
    scalar(distance(2, (k) => x.data[k] - y.data[k], 12)),
    build([4, 3], ([n, k]) => {
      const [i, j] = [(k + 1) % 3, (k + 2) % 3];
      return at(x, [n, i]) * at(y, [n, j]) - at(x, [n, j]) * at(y, [n, i]);
    }),
  ],
  cases: [{ inputs: [[4, 3], [4, 3]] }],
});

testOp<MatrixNormOptions>({
  name: "matrixNorm",
  run: ([x], attrs) => matrixNorm(x, attrs),
  reference: ([x], { ord = "fro" }) =>
    build([2], ([n]) => {
      if (ord === "fro") return Math.sqrt(total(12, (i) => x.data[n * 12 + i] ** 2));
      const sums = Array.from({ length: ord === 1 ? 4 : 3 }, (_, a) =>
        total(ord === 1 ? 3 : 4, (b) => Math.abs(at(x, ord === 1 ? [n, b, a] : [n, a, b]))));
      return Math.max(...sums);
    }),
  cases: [{}, { ord: 1 as const }, { ord: Infinity }].map((attrs) => ({ inputs: [[2, 3, 4]], attrs })),
});

gpuTest("products say what does not fit", () => {
  assertThrows(() => mm(ones([2]), ones([2, 2])), ShapeError, "2 and 2 axes");
  assertThrows(() => bmm(ones([1, 2, 2]), ones([2, 2, 2])), ShapeError, "batches");
  assertThrows(() => tensordot(ones([2, 3]), ones([2, 3]), { dims: 1 }), ShapeError, "equal sizes");
  assertThrows(() => tensordot(ones([2]), ones([2]), { dims: 3 }), RangeError, "dims");
  assertThrows(() => matrixPower(ones([2, 3]), 2), ShapeError, "square");
  assertThrows(() => cross(ones([2]), ones([2])), ShapeError, "size 3");
  // @ts-expect-error a slip in the name
  assertThrows(() => addmm(ones([2]), ones([2, 2]), ones([2, 2]), { bata: 1 }), TypeError, "beta");
  assertEquals(kron(randn([2, 3]), randn([4])).shape, [2, 12]);
});

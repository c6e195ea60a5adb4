import { assertEquals, assertThrows } from "@std/assert";
import {
  affineGrid,
  embeddingBag,
  glu,
  gridSample,
  type GridSampleOptions,
  gumbelSoftmax,
  localResponseNorm,
  manualSeed,
  ones,
  rrelu,
  ShapeError,
  softmin,
  sum,
  tensor,
  zeros,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { at, build, mapRows, type NDArray } from "../testing/reference.ts";
import { testOp } from "../testing/test_op.ts";

/** The value at a position, pixel by pixel, as the modes define it. */
function sampled(x: NDArray, n: number, c: number, place: number[], options: GridSampleOptions): number {
  const { mode = "bilinear", paddingMode = "zeros", alignCorners = false } = options;
  const sizes = x.shape.slice(2);
  const bounded = (v: number, size: number) => {
    if (paddingMode === "border") return Math.min(Math.max(v, 0), size - 1);
    if (paddingMode === "zeros") return v;
    const [low, high] = alignCorners ? [0, size - 1] : [-0.5, size - 0.5];
    while (v < low || v > high) v = v < low ? 2 * low - v : 2 * high - v;
    return Math.min(Math.max(v, 0), size - 1);
  };
  const pixel = (p: number[]) => p.every((v, i) => v >= 0 && v < sizes[i]) ? at(x, [n, c, ...p]) : 0;
  const raw = place.map((g, i) => alignCorners ? (g + 1) * (sizes[i] - 1) / 2 : ((g + 1) * sizes[i] - 1) / 2);
  const taps = raw.map((v, i): [number, number][] => {
    if (mode === "bicubic") {
      const low = Math.floor(v), t = v - low, a = -0.75;
      const near = (d: number) => ((a + 2) * d - (a + 3)) * d * d + 1;
      const far = (d: number) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
      return [far(t + 1), near(t), near(1 - t), far(2 - t)].map((w, k) => [bounded(low + k - 1, sizes[i]), w]);
    }
    const b = bounded(v, sizes[i]);
    if (mode === "nearest") return [[Math.round(b), 1]];
    return [[Math.floor(b), 1 - (b - Math.floor(b))], [Math.floor(b) + 1, b - Math.floor(b)]];
  });
  const visit = (i: number, p: number[], w: number): number =>
    i === sizes.length ? w * pixel(p) : taps[i].reduce((s, [q, v]) => s + visit(i + 1, [...p, q], w * v), 0);
  return visit(0, [], 1);
}

const PLACES = [-1.3, -0.71, -0.42, 0.13, 0.27, 0.58, 0.83, 1.21, -0.15, 0.39, 0.94, -1.07];

testOp<GridSampleOptions>({
  name: "gridSample",
  run: ([x, grid], attrs) => gridSample(x, grid, attrs),
  reference: ([x, grid], attrs) => {
    const axes = x.shape.length - 2, places = grid.shape.slice(1, -1);
    return build(
      [x.shape[0], x.shape[1], ...places],
      ([n, c, ...p]) =>
        sampled(x, n, c, Array.from({ length: axes }, (_, i) => at(grid, [n, ...p, axes - 1 - i])), attrs),
    );
  },
  tolerance: { f32: { rtol: 1e-5, atol: 1e-5 } },
  cases: [
    ...(["bilinear", "nearest", "bicubic"] as const).flatMap((mode) =>
      (["zeros", "border", "reflection"] as const).flatMap((paddingMode) =>
        [false, true].map((alignCorners) => ({
          inputs: [[1, 2, 4, 5], { shape: [1, 2, 3, 2], values: PLACES }],
          attrs: { mode, paddingMode, alignCorners },
        }))
      )
    ),
    { inputs: [[1, 2, 2, 3, 4], { shape: [1, 1, 2, 2, 3], values: PLACES }], attrs: {} },
  ],
});

gpuTest("an identity map reads the image itself", async () => {
  const x = tensor([[[[1, 2, 3], [4, 5, 6.5]]]]);
  for (const alignCorners of [false, true]) {
    const grid = affineGrid(tensor([[[1, 0, 0], [0, 1, 0]]], { dtype: "f32" }), x.shape, { alignCorners });
    assertEquals(grid.shape, [1, 2, 3, 2]);
    const y = await gridSample(x, grid, { alignCorners, paddingMode: "border" }).data();
    assertEquals(Array.from(y, (v) => Math.round(v * 1e4) / 1e4), [1, 2, 3, 4, 5, 6.5]);
  }
  assertEquals(affineGrid(zeros([2, 3, 4]), [2, 1, 3, 4, 5]).shape, [2, 3, 4, 5, 3]);
  assertThrows(() => affineGrid(zeros([2, 2, 3]), [1, 1, 3, 4]), ShapeError, "maps");
  assertThrows(() => gridSample(x, zeros([1, 2, 2, 3])), ShapeError, "place of 2 numbers");
  // @ts-expect-error no such mode
  assertThrows(() => gridSample(x, zeros([1, 2, 2, 2]), { mode: "cubic" }), RangeError, "cubic");
});

testOp<{ size: number }>({
  name: "localResponseNorm",
  run: ([x], { size }) => localResponseNorm(x, { size, alpha: 0.5, k: 2 }),
  reference: ([x], { size }) =>
    build(x.shape, ([n, c, ...p]) => {
      let squares = 0;
      for (let i = c - (size >> 1); i <= c + ((size - 1) >> 1); i++) {
        if (i >= 0 && i < x.shape[1]) squares += at(x, [n, i, ...p]) ** 2;
      }
      return at(x, [n, c, ...p]) / (2 + 0.5 * squares / size) ** 0.75;
    }),
  cases: [1, 2, 3, 5].map((size) => ({ inputs: [[2, 6, 2, 3]], attrs: { size } })),
});

testOp({
  name: "glu, softmin",
  run: ([x]) => [glu(x), glu(x, { dim: 0 }), softmin(x, { dim: 1 })],
  reference: ([x]) => [
    build([4, 3], ([i, j]) => at(x, [i, j]) / (1 + Math.exp(-at(x, [i, j + 3])))),
    build([2, 6], ([i, j]) => at(x, [i, j]) / (1 + Math.exp(-at(x, [i + 2, j])))),
    mapRows(x, (row) => {
      const e = Array.from(row, (v) => Math.exp(-v)), all = e.reduce((a, b) => a + b);
      return e.map((v) => v / all);
    }),
  ],
  cases: [{ inputs: [[4, 6]] }],
});

const OFFSETS = [0, 2, 2, 5];
testOp({
  name: "embeddingBag",
  run: ([ids, flat, weight, factors]) => [
    embeddingBag(ids, weight),
    embeddingBag(ids, weight, { mode: "max" }),
    embeddingBag(flat, weight, { offsets: tensor(OFFSETS) }),
    embeddingBag(flat, weight, { offsets: tensor(OFFSETS), mode: "sum", perSampleWeights: factors }),
  ],
  reference: ([ids, flat, w, f]) => {
    const row = (n: number) => [0, 1, 2].map((k) => at(ids, [n, k]));
    const bag = (b: number) => Array.from(flat.data.keys()).slice(OFFSETS[b], OFFSETS[b + 1] ?? 7);
    return [
      build([2, 3], ([n, j]) => row(n).reduce((s, id) => s + at(w, [id, j]), 0) / 3),
      build([2, 3], ([n, j]) => Math.max(...row(n).map((id) => at(w, [id, j])))),
      build([4, 3], ([b, j]) => bag(b).reduce((s, k) => s + at(w, [flat.data[k], j]), 0) / Math.max(1, bag(b).length)),
      build([4, 3], ([b, j]) => bag(b).reduce((s, k) => s + f.data[k] * at(w, [flat.data[k], j]), 0)),
    ];
  },
  draw: "distinct",
  cases: [{
    inputs: [
      { shape: [2, 3], dtype: "i32", values: [0, 4, 1, 3, 3, 2] },
      {
        shape: [7],
        dtype: "i32",
        values: [4, 0, 1, 1, 3, 2, 0],
      },
      [5, 3],
      [7],
    ],
  }],
});

gpuTest("samples of classes, and slopes that are drawn", async () => {
  manualSeed(3);
  const hard = await gumbelSoftmax(zeros([50, 4]), { hard: true }).array() as number[][];
  assertEquals(
    hard.every((row) => row.filter((v) => v === 1).length === 1 && row.filter((v) => v === 0).length === 3),
    true,
  );
  assertEquals(new Set(hard.map((row) => row.indexOf(1))).size, 4);
  const soft = await sum(gumbelSoftmax(zeros([6, 4]), { tau: 0.5 }), { dim: 1 }).data();
  assertEquals(soft.every((v) => Math.abs(v - 1) < 1e-5), true);
  const slopes = await rrelu(ones([200]).mul(-1), { training: true }).data();
  assertEquals(slopes.every((v) => v <= -0.125 && v >= -1 / 3 - 1e-6), true);
  assertEquals(new Set(slopes).size > 150, true);
  assertEquals(await rrelu(tensor([-1, 2.5]), { lower: 0.25, upper: 0.75 }).array(), [-0.5, 2.5]);
  assertThrows(() => gumbelSoftmax(zeros([2]), { tau: 0 }), RangeError, "tau");
  assertThrows(() => glu(zeros([3])), ShapeError, "even");
  assertThrows(() => embeddingBag(tensor([0]), zeros([2, 2])), ShapeError, "two axes");
  assertThrows(() => embeddingBag(tensor([[0]]), zeros([2, 2]), { perSampleWeights: ones([1, 1]) }), TypeError, "sum");
});

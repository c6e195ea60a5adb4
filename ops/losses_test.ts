import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  autocast,
  binaryCrossEntropy,
  type BinaryCrossEntropyOptions,
  binaryCrossEntropyWithLogits,
  cosineEmbeddingLoss,
  cosineSimilarity,
  type CosineSimilarityOptions,
  grad,
  hingeEmbeddingLoss,
  huberLoss,
  type HuberLossOptions,
  klDiv,
  type KlDivOptions,
  l1Loss,
  type MarginLossOptions,
  mseLoss,
  normalize,
  type NormalizeOptions,
  pairwiseDistance,
  type PairwiseDistanceOptions,
  type ReductionOptions,
  ShapeError,
  smoothL1Loss,
  type SmoothL1LossOptions,
  square,
  sum,
  type Tensor,
  tensor,
  tripletMarginLoss,
  type TripletMarginLossOptions,
  zeros,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { build, map, mapRows, type NDArray, reduce, reduceLoss, total } from "../testing/reference.ts";
import { type InputSpec, type OpCase, testOp } from "../testing/test_op.ts";

/** Cases of an elementwise loss, in all reductions. */
function cases<A extends ReductionOptions>(
  second: Partial<InputSpec>,
  attrs: A[],
  first: Partial<InputSpec> = {},
): OpCase<A>[] {
  return attrs.flatMap((own) =>
    (["mean", "sum", "none"] as const).map((reduction): OpCase<A> => ({
      inputs: [{ shape: [4, 7], ...first }, { shape: [4, 7], ...second }],
      attrs: { ...own, reduction },
    }))
  );
}

/** Differences that stay away from the places where a loss bends. */
const apart = (points: number[]): Partial<InputSpec> => ({ draw: { low: -3, high: 3, avoid: points, gap: 0.1 } });
const none: Partial<InputSpec> = { values: new Array(28).fill(0) };

testOp<ReductionOptions>({
  name: "mseLoss",
  dtypes: ["f32", "bf16"],
  run: ([x, t], attrs) => mseLoss(x, t, attrs),
  reference: ([x, t], { reduction }) => reduceLoss(map((a, b) => (a - b) ** 2, x, t), reduction),
  cases: cases({}, [{}]),
});

testOp<ReductionOptions>({
  name: "l1Loss",
  run: ([x, t], attrs) => l1Loss(x, t, attrs),
  reference: ([x, t], { reduction }) => reduceLoss(map((a, b) => Math.abs(a - b), x, t), reduction),
  cases: cases(none, [{}], apart([0])),
});

const bent = (d: number, knee: number) => Math.abs(d) < knee ? d * d / 2 : knee * (Math.abs(d) - knee / 2);

testOp<SmoothL1LossOptions>({
  name: "smoothL1Loss",
  run: ([x, t], attrs) => smoothL1Loss(x, t, attrs),
  reference: ([x, t], { beta = 1, reduction }) =>
    reduceLoss(map((a, b) => beta === 0 ? Math.abs(a - b) : bent(a - b, beta) / beta, x, t), reduction),
  cases: cases<SmoothL1LossOptions>(none, [{}, { beta: 0.5 }, { beta: 0 }], apart([0, 0.5, -0.5, 1, -1])),
});

testOp<HuberLossOptions>({
  name: "huberLoss",
  run: ([x, t], attrs) => huberLoss(x, t, attrs),
  reference: ([x, t], { delta = 1, reduction }) => reduceLoss(map((a, b) => bent(a - b, delta), x, t), reduction),
  cases: cases<HuberLossOptions>(none, [{}, { delta: 0.7 }], apart([0.7, -0.7, 1, -1])),
});

const share: Partial<InputSpec> = { draw: { low: 0.05, high: 0.95 } };

testOp<Pick<BinaryCrossEntropyOptions, "reduction">>({
  name: "binaryCrossEntropy",
  run: ([x, t, weight], attrs) => binaryCrossEntropy(x, t, { ...attrs, weight }),
  reference: ([x, t, w], { reduction }) =>
    reduceLoss(
      map(
        (p, q, v) => -v * (q * Math.log(p) + (1 - q) * Math.log(1 - p)),
        x,
        t,
        w ?? { shape: [], data: Float64Array.of(1) },
      ),
      reduction,
    ),
  cases: [
    ...cases(share, [{}], share),
    { inputs: [{ shape: [4, 7], ...share }, { shape: [4, 7], ...share }, { shape: [7] }], attrs: {} },
  ],
});

testOp<Pick<BinaryCrossEntropyOptions, "reduction">>({
  name: "binaryCrossEntropyWithLogits",
  run: ([x, t, posWeight, weight], attrs) => binaryCrossEntropyWithLogits(x, t, { ...attrs, posWeight, weight }),
  reference: ([x, t, p, w], { reduction }) => {
    const one = { shape: [], data: Float64Array.of(1) };
    return reduceLoss(
      map(
        (s, q, positive, v) => v * ((1 - q) * s + (1 + (positive - 1) * q) * Math.log1p(Math.exp(-s))),
        x,
        t,
        p ?? one,
        w ?? one,
      ),
      reduction,
    );
  },
  cases: [
    ...cases(share, [{}]),
    {
      inputs: [[4, 7], { shape: [4, 7], ...share }, { shape: [7], draw: "positive" }, {
        shape: [4, 1],
        draw: "positive",
      }],
      attrs: {},
    },
  ],
});

testOp<KlDivOptions>({
  name: "klDiv",
  run: ([x, t], attrs) => klDiv(x, t, attrs),
  reference: ([x, t], { reduction, logTarget }) => {
    const losses = map((a, b) => logTarget ? Math.exp(b) * (b - a) : b * (Math.log(b) - a), x, t);
    return reduction === "batchmean"
      ? { shape: [], data: Float64Array.of(total(losses.data) / x.shape[0]) }
      : reduceLoss(losses, reduction);
  },
  cases: [
    ...cases<ReductionOptions & KlDivOptions>(share, [{}]),
    ...cases<ReductionOptions & KlDivOptions>({}, [{ logTarget: true }]),
    { inputs: [[4, 7], { shape: [4, 7], ...share }], attrs: { reduction: "batchmean" } },
  ],
});

const signs = (shape: number[]): InputSpec => ({
  shape,
  values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i % 3 === 0 ? -1 : 1),
  grad: false,
});

testOp<MarginLossOptions>({
  name: "hingeEmbeddingLoss",
  run: ([x, t], attrs) => hingeEmbeddingLoss(x, t, attrs),
  reference: ([x, t], { margin = 1, reduction }) =>
    reduceLoss(map((d, s) => s === 1 ? d : Math.max(0, margin - d), x, t), reduction),
  cases: cases<MarginLossOptions>(signs([4, 7]), [{}, { margin: 2 }], apart([1, 2])),
});

const dot = (x: NDArray, y: NDArray) => reduce(map((a, b) => a * b, x, y), total, -1);
const cosine = (x: NDArray, y: NDArray) => map((d, a, b) => d / Math.sqrt(a * b), dot(x, y), dot(x, x), dot(y, y));

testOp<MarginLossOptions>({
  name: "cosineEmbeddingLoss",
  run: ([x, y, t], attrs) => cosineEmbeddingLoss(x, y, t, attrs),
  reference: ([x, y, t], { margin = 0, reduction }) =>
    reduceLoss(map((c, s) => s === 1 ? 1 - c : Math.max(0, c - margin), cosine(x, y), t), reduction),
  cases: [
    { inputs: [[6, 5], [6, 5], signs([6])], attrs: {} },
    { inputs: [[6, 5], [6, 5], signs([6])], attrs: { margin: 0.3, reduction: "none" } },
    { inputs: [[5], [5], signs([])], attrs: { reduction: "sum" } },
  ],
});

const distance = (x: NDArray, y: NDArray, p: number, eps: number) =>
  reduce(
    map((a, b) => Math.abs(a - b + eps) ** p, x, y),
    (values) => total(values) ** (1 / p),
    -1,
  );

testOp<TripletMarginLossOptions>({
  name: "tripletMarginLoss",
  run: ([a, p, n], attrs) => tripletMarginLoss(a, p, n, attrs),
  reference: ([a, b, c], { margin = 1, p = 2, eps = 1e-6, swap, reduction }) => {
    const near = distance(a, b, p, eps), far = distance(a, c, p, eps), other = distance(b, c, p, eps);
    return reduceLoss(
      map((x, y, z) => Math.max(0, x - (swap ? Math.min(y, z) : y) + margin), near, far, other),
      reduction,
    );
  },
  cases: [{}, { margin: 3, reduction: "none" as const }, { p: 1 }, { swap: true, reduction: "sum" as const }].map((
    attrs,
  ) => ({
    inputs: [[6, 5], [6, 5], [6, 5]],
    attrs,
  })),
});

testOp<CosineSimilarityOptions>({
  name: "cosineSimilarity",
  run: ([x, y], attrs) => cosineSimilarity(x, y, attrs),
  reference: ([x, y]) => cosine(x, y),
  cases: [
    { inputs: [[4, 7], [4, 7]], attrs: {} },
    { inputs: [[4, 1, 7], [5, 7]], attrs: { dim: 2 } },
    { inputs: [[4, 7], [4, 7]], attrs: { dim: -1 } },
  ],
});

testOp<NormalizeOptions>({
  name: "normalize",
  run: ([x], attrs) => normalize(x, attrs),
  reference: ([x], { p = 2, dim = 1 }) =>
    mapRows(x, (row) => {
      const length = total(row.map((v) => Math.abs(v) ** p)) ** (1 / p);
      return row.map((v) => v / length);
    }, dim),
  cases: [{ inputs: [[4, 7]], attrs: {} }, { inputs: [[4, 7]], attrs: { dim: 0, p: 1 } }],
});

testOp<PairwiseDistanceOptions>({
  name: "pairwiseDistance",
  run: ([x, y], attrs) => pairwiseDistance(x, y, attrs),
  reference: ([x, y], { p = 2, eps = 1e-6, keepdim }) => {
    const d = distance(x, y, p, eps);
    return keepdim ? { shape: [...d.shape, 1], data: d.data } : d;
  },
  cases: [{ inputs: [[4, 7], [4, 7]], attrs: {} }, { inputs: [[4, 7], [7]], attrs: { p: 3, keepdim: true } }],
});

gpuTest("losses where they bend, saturate or vanish", async () => {
  const f32 = (values: number[], requiresGrad = false) => tensor(values, { dtype: "f32", requiresGrad });
  const x = f32([1, 2, 2], true);
  assertEquals(await grad(sum(l1Loss(x, f32([1, 2, 5]), { reduction: "none" })), x)[0]!.array(), [0, 0, -1]);
  // Logarithms end at −100, gradients do not.
  const p = f32([0, 1, 0, 1], true), t = f32([0, 1, 1, 0]);
  const losses = binaryCrossEntropy(p, t, { reduction: "none" });
  assertEquals(await losses.array(), [0, 0, 100, 100]);
  assertEquals(await grad(sum(losses), p)[0]!.array(), [0, 0, Math.fround(-1e12), Math.fround(1e12)]);
  const s = f32([1000, -1000, 1000, -1000], true);
  const far = binaryCrossEntropyWithLogits(s, t, { reduction: "none" });
  assertEquals(await far.array(), [1000, 1000, 0, 0]);
  assertEquals(await grad(sum(far), s)[0]!.array(), [1, -1, 0, 0]);
  const q = f32([0, 1], true);
  const terms = klDiv(f32([-3, -1]), q, { reduction: "none" });
  assertEquals(await terms.array(), [0, 1]);
  assertEquals((await grad(sum(terms), q)[0]!.array() as number[]).every(Number.isFinite), true);
  assertEquals(await normalize(f32([0, 0]), { dim: 0 }).array(), [0, 0]);
  assertEquals(await binaryCrossEntropy(f32([NaN]), f32([1])).item(), NaN);
});

gpuTest("binary cross-entropy can be differentiated twice", async () => {
  const values = [0.2, 0.7, 0.5], t = tensor([1, 0.25, 0], { dtype: "f32" });
  const x = tensor(values, { dtype: "f32", requiresGrad: true });
  const [g] = grad(binaryCrossEntropy(x, t, { reduction: "sum" }), x, { createGraph: true });
  const got = await grad(sum(square(g!)), x)[0]!.data();
  const slope = (v: number, q: number) => (v - q) / (v * (1 - v));
  [1, 0.25, 0].forEach((q, i) => {
    const v = values[i], h = 1e-5;
    const want = (slope(v + h, q) ** 2 - slope(v - h, q) ** 2) / (2 * h);
    assertAlmostEquals(got[i], want, 1e-3 * Math.max(1, Math.abs(want)));
  });
});

gpuTest("under autocast losses are computed in f32", () => {
  const x = tensor([1.5, 2], { dtype: "bf16" });
  assertEquals(autocast("bf16", () => mseLoss(x, x)).dtype, "f32");
  assertEquals(mseLoss(x, x).dtype, "bf16");
});

gpuTest("losses check what they are given", () => {
  const x = zeros([2, 3]), y = zeros([2]);
  const pairs: [string, (a: Tensor, b: Tensor) => Tensor][] = [
    ["mseLoss", mseLoss],
    ["l1Loss", l1Loss],
    ["smoothL1Loss", smoothL1Loss],
    ["huberLoss", huberLoss],
    ["binaryCrossEntropy", binaryCrossEntropy],
    ["binaryCrossEntropyWithLogits", binaryCrossEntropyWithLogits],
    ["klDiv", klDiv],
    ["hingeEmbeddingLoss", hingeEmbeddingLoss],
  ];
  for (const [name, loss] of pairs) assertThrows(() => loss(x, y), ShapeError, `Cannot compute ${name}`);
  assertThrows(() => cosineEmbeddingLoss(x, x, zeros([3])), ShapeError, "[2, 3] and [3]");
  assertThrows(() => mseLoss(tensor([1]), tensor([1])), TypeError, "floating-point, found i32");
  assertThrows(() => huberLoss(x, x, { delta: 0 }), RangeError, "delta must be positive");
  assertThrows(() => smoothL1Loss(x, x, { beta: -1 }), RangeError, "beta must be at least 0");
  assertThrows(() => tripletMarginLoss(x, x, x, { margin: 0 }), RangeError, "margin must be positive");
  // deno-lint-ignore no-explicit-any -- what a caller without types can do
  assertThrows(() => mseLoss(x, x, { reduction: "avg" as any }), RangeError, "got avg");
});

gpuTest("broadcast vectors keep their axis", () => {
  assertEquals(cosineSimilarity(zeros([3, 1, 4]), zeros([5, 4]), { dim: -1 }).shape, [3, 5]);
  assertEquals(build([1], () => 0).shape, [1]);
});

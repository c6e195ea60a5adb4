import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  backward,
  ctcLoss,
  type CtcLossOptions,
  gaussianNllLoss,
  type GaussianNllLossOptions,
  logSoftmax,
  marginRankingLoss,
  multilabelMarginLoss,
  multilabelSoftMarginLoss,
  multiMarginLoss,
  type MultiMarginLossOptions,
  poissonNllLoss,
  type PoissonNllLossOptions,
  randn,
  type ReductionOptions,
  ShapeError,
  sigmoidFocalLoss,
  type SigmoidFocalLossOptions,
  softMarginLoss,
  sum,
  tensor,
  tripletMarginLoss,
  tripletMarginWithDistanceLoss,
  zeros,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { at, build, map, type NDArray, reduceLoss, total } from "../testing/reference.ts";
import { testOp } from "../testing/test_op.ts";
const REDUCTIONS = ["mean", "sum", "none"] as const;
const signs = (n: number) => Array.from({ length: n }, (_, i) => i % 3 === 0 ? 1 : -1);
const softplus = (v: number) => Math.log1p(Math.exp(-Math.abs(v))) + Math.max(v, 0);

testOp<ReductionOptions>({
  name: "marginRankingLoss",
  run: ([a, b, t], attrs) => marginRankingLoss(a, b, t, { margin: 0.25, ...attrs }),
  reference: ([a, b, t], { reduction }) =>
    reduceLoss(map((x, y, s) => Math.max(0, -s * (x - y) + 0.25), a, b, t), reduction),
  draw: "distinct",
  cases: REDUCTIONS.map((reduction) => ({
    inputs: [[9], [9], { shape: [9], values: signs(9), grad: false }],
    attrs: { reduction },
  })),
});

testOp<ReductionOptions>({
  name: "softMarginLoss",
  run: ([x, t], attrs) => softMarginLoss(x, t, attrs),
  reference: ([x, t], { reduction }) => reduceLoss(map((v, s) => softplus(-v * s), x, t), reduction),
  cases: REDUCTIONS.map((reduction) => ({
    inputs: [[9], { shape: [9], values: signs(9), grad: false }],
    attrs: { reduction },
  })),
});

testOp<Omit<MultiMarginLossOptions, "weight">>({
  name: "multiMarginLoss",
  run: ([x, t, weight], attrs) => multiMarginLoss(x, t, { ...attrs, weight }),
  reference: ([x, t, w], { p = 1, margin = 1, reduction }) =>
    reduceLoss(
      build([4], ([n]) => {
        const label = t.data[n];
        let loss = 0;
        for (let j = 0; j < 5; j++) {
          if (j !== label) loss += Math.max(0, margin - at(x, [n, label]) + at(x, [n, j])) ** p;
        }
        return loss / 5 * w.data[label];
      }),
      reduction,
    ),
  draw: { low: -3, high: 3 },
  cases: ([{ p: 1 }, { p: 2, margin: 0.5 }, { reduction: "none" }] as const).map((attrs) => ({
    inputs: [[4, 5], { shape: [4], dtype: "i32", draw: { below: 5 } }, { shape: [5], draw: "positive", grad: false }],
    attrs,
  })),
});

testOp<ReductionOptions>({
  name: "multilabelMarginLoss",
  run: ([x, t], attrs) => multilabelMarginLoss(x, t, attrs),
  reference: ([x, t], { reduction }) =>
    reduceLoss(
      build([3], ([n]) => {
        const row = [0, 1, 2, 3].map((j) => at(t, [n, j]));
        const end = row.indexOf(-1), labels = end < 0 ? row : row.slice(0, end);
        let loss = 0;
        for (const l of labels) {
          for (let j = 0; j < 4; j++) {
            if (!labels.includes(j)) loss += Math.max(0, 1 - (at(x, [n, l]) - at(x, [n, j])));
          }
        }
        return loss / 4;
      }),
      reduction,
    ),
  draw: { low: -2, high: 2 },
  cases: REDUCTIONS.map((reduction) => ({
    inputs: [[3, 4], { shape: [3, 4], dtype: "i32", values: [3, 0, -1, 1, -1, 2, 1, 0, 2, 1, 3, -1] }],
    attrs: { reduction },
  })),
});

testOp<ReductionOptions>({
  name: "multilabelSoftMarginLoss",
  run: ([x, t, weight], attrs) => multilabelSoftMarginLoss(x, t, { ...attrs, weight }),
  reference: ([x, t, w], { reduction }) =>
    reduceLoss(
      build([3], ([n]) => {
        let loss = 0;
        for (let c = 0; c < 4; c++) {
          const v = at(x, [n, c]), q = at(t, [n, c]);
          loss += w.data[c] * (q * softplus(-v) + (1 - q) * softplus(v)) / 4;
        }
        return loss;
      }),
      reduction,
    ),
  cases: REDUCTIONS.map((reduction) => ({
    inputs: [[3, 4], { shape: [3, 4], values: signs(12).map((s) => s > 0 ? 1 : 0), grad: false }, {
      shape: [4],
      draw: "positive",
      grad: false,
    }],
    attrs: { reduction },
  })),
});

testOp<PoissonNllLossOptions>({
  name: "poissonNllLoss",
  run: ([x, t], attrs) => poissonNllLoss(x, t, attrs),
  reference: ([x, t], { logInput = true, full = false, eps = 1e-8, reduction }) =>
    reduceLoss(
      map(
        (v, k) => {
          const loss = logInput ? Math.exp(v) - k * v : v - k * Math.log(v + eps);
          return loss + (full && k > 1 ? k * Math.log(k) - k + 0.5 * Math.log(2 * Math.PI * k) : 0);
        },
        x,
        t,
      ),
      reduction,
    ),
  draw: "positive",
  cases: [{}, { logInput: false }, { full: true }, { reduction: "none" as const }].map((attrs) => ({
    inputs: [[8], { shape: [8], values: [0, 1, 2, 3, 7, 0, 4, 1], grad: false }],
    attrs,
  })),
});

testOp<GaussianNllLossOptions>({
  name: "gaussianNllLoss",
  run: ([x, t, v], attrs) => gaussianNllLoss(x, t, v, attrs),
  reference: ([x, t, v], { full = false, reduction }) =>
    reduceLoss(
      map((a, b, s) => 0.5 * (Math.log(s) + (a - b) ** 2 / s + (full ? Math.log(2 * Math.PI) : 0)), x, t, v),
      reduction,
    ),
  cases: [{}, { full: true }, { reduction: "none" as const }].map((attrs) => ({
    inputs: [[3, 4], [3, 4], { shape: [3, 1], draw: "positive" }],
    attrs,
  })),
});

testOp<SigmoidFocalLossOptions>({
  name: "sigmoidFocalLoss",
  run: ([x, t], attrs) => sigmoidFocalLoss(x, t, attrs),
  reference: ([x, t], { alpha = 0.25, gamma = 2, reduction = "none" }) =>
    reduceLoss(
      map(
        (v, q) => {
          const p = 1 / (1 + Math.exp(-v)), right = q === 1 ? p : 1 - p;
          return -((1 - right) ** gamma) * Math.log(right) * (alpha < 0 ? 1 : q === 1 ? alpha : 1 - alpha);
        },
        x,
        t,
      ),
      reduction,
    ),
  cases: [{}, { alpha: -1 }, { gamma: 1.5, reduction: "mean" as const }].map((attrs) => ({
    inputs: [[8], { shape: [8], values: [0, 1, 0, 1, 1, 0, 0, 1], grad: false }],
    attrs,
  })),
});

/** −ln Σ of the probabilities of all paths, by enumeration. */
function byEnumeration(scores: NDArray, n: number, target: number[], times: number, blank: number): number {
  const classes = scores.shape[2];
  let sum = 0;
  for (let code = 0; code < classes ** times; code++) {
    const path = Array.from({ length: times }, (_, t) => Math.floor(code / classes ** t) % classes);
    const read = path.filter((c, t) => c !== blank && c !== path[t - 1]);
    if (read.join() === target.join()) sum += Math.exp(path.reduce((s, c, t) => s + at(scores, [t, n, c]), 0));
  }
  return -Math.log(sum);
}

const TARGETS = [[1, 2, 0], [1, 1, 0], [2, 0, 0]], COUNTS = [2, 2, 1], TIMES = [4, 4, 3];

testOp<CtcLossOptions>({
  name: "ctcLoss",
  run: ([x], attrs) => ctcLoss(x, tensor(TARGETS), TIMES, COUNTS, attrs),
  reference: ([x], { reduction = "mean" }) => {
    const losses = TARGETS.map((t, n) => byEnumeration(x, n, t.slice(0, COUNTS[n]), TIMES[n], 0));
    if (reduction === "none") return build([3], ([n]) => losses[n]);
    const each = reduction === "sum" ? losses : losses.map((l, n) => l / COUNTS[n] / 3);
    return { shape: [], data: Float64Array.of(total(each)) };
  },
  draw: { low: -2, high: 0 },
  cases: REDUCTIONS.map((reduction) => ({ inputs: [[4, 3, 3]], attrs: { reduction } })),
});

gpuTest("ctcLoss: targets that do not fit, and empty ones", async () => {
  const x = logSoftmax(randn([2, 2, 3]), { dim: 2 });
  const given = [x, tensor([[1, 1], [0, 0]]), [2, 2], [2, 0]] as const;
  const losses = await ctcLoss(...given, { reduction: "none" }).data();
  assertEquals(losses[0], Infinity);
  const blanks = await x.array() as number[][][];
  assertAlmostEquals(losses[1], -(blanks[0][1][0] + blanks[1][1][0]), 1e-5);
  assertEquals((await ctcLoss(...given, { reduction: "none", zeroInfinity: true }).data())[0], 0);
  assertThrows(() => ctcLoss(x, tensor([[1]]), [2], [1]), ShapeError, "targets");
  assertThrows(() => ctcLoss(x, tensor([[1], [1]]), [2], [1, 1]), TypeError, "inputLengths");
});

gpuTest("ctcLoss: a sample without times reads nothing of its rows", async () => {
  for (const zeroInfinity of [false, true]) {
    const raw = zeros([4, 3, 3], { requiresGrad: true });
    const x = logSoftmax(raw, { dim: 2 });
    const targets = tensor([[1, 1], [1, 2], [1, 2]]);
    const losses = ctcLoss(x, targets, [0, 0, 4], [0, 1, 1], { reduction: "none", zeroInfinity });
    const got = await losses.data();
    assertEquals([...got.slice(0, 2)], [0, zeroInfinity ? 0 : Infinity]);
    assertAlmostEquals(got[2], 2.0919, 1e-4);
    backward(sum(losses));
    const grad = await raw.grad!.array() as number[][][];
    for (const time of grad) assertEquals(time.slice(0, 2), [[0, 0, 0], [0, 0, 0]]);
    assert(grad[0][2].every((v) => v !== 0));
    raw.grad!.dispose();
  }
});

gpuTest("a triplet loss with its own distance is the usual one with the usual distance", async () => {
  const [a, b, c] = [randn([5, 4]), randn([5, 4]), randn([5, 4])];
  for (const swap of [false, true]) {
    const own = tripletMarginWithDistanceLoss(a, b, c, { swap, margin: 2, reduction: "sum" });
    assertAlmostEquals(
      await own.item(),
      await tripletMarginLoss(a, b, c, { swap, margin: 2, reduction: "sum" }).item(),
      1e-4,
    );
  }
});

gpuTest("margin losses say what does not fit", () => {
  assertThrows(() => multiMarginLoss(zeros([2, 3]), tensor([0])), ShapeError, "[n, classes]");
  assertThrows(() => marginRankingLoss(zeros([2]), zeros([3]), zeros([2])), ShapeError, "same shape");
  // @ts-expect-error PyTorch's spelling
  assertThrows(() => poissonNllLoss(zeros([2]), zeros([2]), { log_input: true }), TypeError, "logInput");
  assertThrows(() => sum(softMarginLoss(tensor([1, 2]), tensor([1, 1]))), TypeError, "floating-point");
});

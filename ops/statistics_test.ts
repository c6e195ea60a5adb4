import { assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  allclose,
  aminmax,
  bucketize,
  corrcoef,
  countNonzero,
  cov,
  equal,
  gt,
  histc,
  indexCopy,
  indexFill,
  isin,
  kthvalue,
  maskedSelect,
  median,
  nanmean,
  nanquantile,
  nansum,
  ones,
  quantile,
  type QuantileOptions,
  renorm,
  searchsorted,
  ShapeError,
  stdMean,
  take,
  tensor,
  trapezoid,
  unique,
  uniqueConsecutive,
  varMean,
  zeros,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { at, build, reduce, total } from "../testing/reference.ts";
import { testOp } from "../testing/test_op.ts";

const average = (v: readonly number[]) => total(v) / v.length;
const spread = (v: readonly number[]) => total(v.map((x) => (x - average(v)) ** 2)) / (v.length - 1);

testOp({
  name: "varMean, stdMean, aminmax",
  run: ([x]) => [...varMean(x, { dim: 1 }), ...stdMean(x), ...aminmax(x, { dim: 0 })],
  reference: ([x]) => [
    reduce(x, spread, 1),
    reduce(x, average, 1),
    reduce(x, (v) => Math.sqrt(spread(v))),
    reduce(x, average),
    reduce(x, (v) => Math.min(...v), 0),
    reduce(x, (v) => Math.max(...v), 0),
  ],
  draw: "distinct",
  cases: [{ inputs: [[4, 6]] }],
});

const between = (v: number[], q: number, how = "linear") => {
  const s = v.toSorted((a, b) => a - b), at = q * (s.length - 1), low = s[Math.floor(at)], high = s[Math.ceil(at)];
  return { linear: low + (high - low) * (at % 1), lower: low, higher: high, midpoint: (low + high) / 2 }[how]!;
};

testOp<QuantileOptions>({
  name: "quantile",
  run: ([x], attrs) => quantile(x, 0.3, attrs),
  reference: ([x], { dim, keepdim, interpolation }) => reduce(x, (v) => between(v, 0.3, interpolation), dim, keepdim),
  draw: "distinct",
  cases: [{}, { dim: 0 }, { dim: -1, keepdim: true }, { interpolation: "lower" as const }, {
    interpolation: "higher" as const,
    keepdim: true,
  }, { interpolation: "midpoint" as const }].map((attrs) => ({ inputs: [[5, 6]], attrs })),
});

testOp({
  name: "median, kthvalue, renorm, trapezoid",
  run: ([x]) => [
    median(x, { dim: 1 }),
    median(x),
    kthvalue(x, 2, { dim: 0 })[0],
    renorm(x, 0.5, { dim: 0 }),
    trapezoid(x, { dx: 0.5 }),
  ],
  reference: ([x]) => {
    const nth = (k: number) => (v: number[]) => v.toSorted((a, b) => a - b)[k];
    return [
      reduce(x, nth(2), 1),
      reduce(x, nth(14), undefined),
      reduce(x, nth(1), 0),
      build([5, 6], ([i, j]) => {
        const length = Math.hypot(...[0, 1, 2, 3, 4, 5].map((k) => at(x, [i, k])));
        return at(x, [i, j]) * Math.min(1, 0.5 / length);
      }),
      reduce(x, (v) => 0.5 * (total(v) - (v[0] + v[5]) / 2), 1),
    ];
  },
  draw: "distinct",
  cases: [{ inputs: [[5, 6]] }],
});

testOp({
  name: "cov, corrcoef",
  run: ([x]) => [cov(x), corrcoef(x)],
  reference: ([x]) => {
    const row = (i: number) => Array.from({ length: 7 }, (_, k) => at(x, [i, k]));
    const c = (i: number, j: number) => {
      const [a, b] = [row(i), row(j)];
      return total(a.map((v, k) => (v - average(a)) * (b[k] - average(b)))) / 6;
    };
    return [
      build([3, 3], ([i, j]) => c(i, j)),
      build([3, 3], ([i, j]) => c(i, j) / Math.sqrt(c(i, i) * c(j, j))),
    ];
  },
  cases: [{ inputs: [[3, 7]] }],
});

gpuTest("NaN is left out where it is asked to be, and spreads elsewhere", async () => {
  const x = tensor([[1, NaN, 3], [NaN, NaN, NaN]]);
  assertEquals(await nansum(x, { dim: 1 }).array(), [4, 0]);
  assertEquals(await nanmean(x, { dim: 1 }).array(), [2, NaN]);
  assertEquals(await median(x, { dim: 1 }).array(), [NaN, NaN]);
  assertEquals(await quantile(x, 0.5).item(), NaN);
  assertEquals(await countNonzero(tensor([[0, 3], [4, 0]]), { dim: 0 }).array(), [1, 1]);
  assertEquals(await median(tensor([4, 1, 3, 2])).item(), 2);
  assertEquals(await kthvalue(tensor([30, 10, 20]), 3)[1].item(), 0);
});

gpuTest("several quantiles are each quantile, along a new first axis", async () => {
  const x = tensor([[4, 1, 3], [NaN, 5, 6]]), q = [0, 0.25, 1];
  for (const fn of [quantile, nanquantile]) {
    for (const options of [{}, { dim: 1 }, { dim: 0, keepdim: true }]) {
      const all = fn(x, q, options), each = q.map((q) => fn(x, q, options));
      assertEquals(all.shape, [3, ...each[0].shape]);
      assertEquals(await all.array(), await Promise.all(each.map((y) => y.array())));
    }
  }
  assertThrows(() => quantile(x, []), RangeError, "q must be from 0 to 1, got []");
  assertThrows(() => nanquantile(x, [0.5, 2]), RangeError, "[0.5, 2]");
});

gpuTest("values are found in sorted rows, and counted", async () => {
  const sorted = tensor([1, 3, 3, 5]), values = tensor([[0, 3], [4, 9]]);
  assertEquals(await searchsorted(sorted, values).array(), [[0, 1], [3, 4]]);
  assertEquals(await bucketize(values, sorted, { right: true }).array(), [[0, 3], [3, 4]]);
  assertEquals(await searchsorted(tensor([[1, 2], [3, 4]]), tensor([[2], [2]])).array(), [[1], [0]]);
  assertEquals(await isin(tensor([1, 2, 3]), tensor([3, 1])).array(), [true, false, true]);
  assertEquals(await histc(tensor([0, 0.5, 1, 2.9, 3, 4, -1]), { bins: 3, min: 0, max: 3 }).array(), [2, 1, 2]);
  assertThrows(() => searchsorted(ones([2, 3]), ones([3, 2])), ShapeError, "leading sizes");
  assertThrows(() => histc(ones([2]), { min: 1, max: 1 }), RangeError, "below max");
});

gpuTest("elements are chosen and replaced", async () => {
  const x = tensor([[3, -1], [2, 0]]);
  assertEquals(await (await maskedSelect(x, gt(x, 0))).array(), [3, 2]);
  assertEquals(await take(x, tensor([[3], [0]])).array(), [[0], [3]]);
  assertEquals(await indexFill(x, tensor([1]), 9, { dim: 1 }).array(), [[3, 9], [2, 9]]);
  assertEquals(await indexCopy(x, tensor([1, 0]), tensor([[7, 8], [5, 6]]), { dim: 0 }).array(), [[5, 6], [7, 8]]);
});

gpuTest("each value once", async () => {
  const { values, inverse, counts } = await unique(tensor([[3, 1, 3], [2, 1, 3]]));
  assertEquals(await values.array(), [1, 2, 3]);
  assertEquals(await inverse.array(), [[2, 0, 2], [1, 0, 2]]);
  assertEquals(await counts.array(), [2, 1, 3]);
  const runs = await uniqueConsecutive(tensor([1, 1, 2, 1]));
  assertEquals([await runs.values.array(), await runs.inverse.array(), await runs.counts.array()], [
    [1, 2, 1],
    [0, 0, 1, 2],
    [2, 1, 1],
  ]);
  assertEquals((await unique(zeros([0]))).values.shape, [0]);
  assertEquals(await (await unique(tensor([5]))).counts.array(), [1]);
});

gpuTest("tensors are compared as a whole", async () => {
  assertEquals(await equal(tensor([1, 2]), tensor([1, 2])), true);
  assertEquals(await equal(tensor([1, 2]), tensor([1, 3])), false);
  assertEquals(await equal(tensor([1, 2]), tensor([[1, 2]])), false);
  assertEquals(await allclose(tensor([1, 2.5]), tensor([1, 2.50001])), true);
  assertEquals(await allclose(tensor([1, NaN]), tensor([1, NaN]), { equalNan: true }), true);
  assertAlmostEquals(await corrcoef(tensor([1, 2.5])).item(), 1);
  assertThrows(() => quantile(ones([2]), 2), RangeError, "from 0 to 1");
  assertThrows(() => kthvalue(ones([2]), 3), RangeError, "from 1 to 2");
  assertThrows(() => median(zeros([0])), ShapeError, "empty");
  // @ts-expect-error a slip in the name
  await assertRejects(() => allclose(ones([1]), ones([1]), { rtoll: 1 }), TypeError, "rtol");
});

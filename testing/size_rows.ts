/** Layout, indices and creation, each at any size: see `tests/sizes_test.ts`. */
import * as f from "../mod.ts";
import type { Tensor } from "../mod.ts";
import { array, at, build, map, narrowTo, reshape, total } from "./reference.ts";
import type { InputSpec } from "./op_spec.ts";
import { FACTOR_ROWS } from "./size_factors.ts";
import { ALONG_ROWS, REDUCTIONS, ROWS } from "./size_reductions.ts";
import type { SizeRow } from "./sizes.ts";

export const whole = (shape: readonly number[], below: number): InputSpec => ({ shape, dtype: "i32", draw: { below } });
const truth = (shape: readonly number[]): InputSpec => ({ shape, dtype: "bool", draw: { below: 2 } });
const LAYOUT: readonly SizeRow[] = [
  {
    name: "transpose",
    inputs: ROWS,
    run: ([x]) => f.transpose(x, 0, 1),
    reference: ([x]) => build([5, x.shape[0]], ([i, j]) => at(x, [j, i])),
  },
  {
    name: "permute",
    inputs: (n) => [[2, n, 3]],
    run: ([x]) => f.permute(x, [2, 0, 1]),
    reference: ([x]) => build([3, 2, x.shape[1]], ([i, j, k]) => at(x, [j, k, i])),
  },
  {
    name: "reshape",
    inputs: (n) => [[n, 6]],
    run: ([x], n) => f.reshape(x, [2, n, 3]),
    reference: ([x], n) => reshape(x, [2, n, 3]),
    folds: false,
  },
  { name: "clone", inputs: (n) => [[n, 3]], run: ([x]) => f.clone(x), reference: ([x]) => x },
  {
    name: "expand",
    inputs: (n) => [[n, 1]],
    run: ([x], n) => f.expand(x, [n, 5]),
    reference: ([x], n) => build([n, 5], ([i]) => at(x, [i, 0])),
  },
  {
    name: "cat",
    inputs: (n) => [[n, 2], [n, 3]],
    run: ([a, b]) => f.cat([a, b], { dim: 1 }),
    reference: ([a, b], n) => build([n, 5], ([i, j]) => j < 2 ? at(a, [i, j]) : at(b, [i, j - 2])),
  },
  {
    name: "stack",
    inputs: (n) => [[n], [n]],
    run: ([a, b]) => f.stack([a, b], { dim: 1 }),
    reference: ([a, b], n) => build([n, 2], ([i, j]) => at(j === 0 ? a : b, [i])),
  },
  {
    name: "split",
    inputs: ROWS,
    run: ([x]) => f.split(x, [2, 3], { dim: 1 }),
    reference: ([x], n) => [narrowTo(x, [n, 2]), narrowTo(x, [n, 3], [0, 2])],
  },
  {
    name: "chunk",
    inputs: ROWS,
    run: ([x]) => f.chunk(x, 2, { dim: 1 }),
    reference: ([x], n) => [narrowTo(x, [n, 3]), narrowTo(x, [n, 2], [0, 3])],
  },
  {
    name: "unbind",
    inputs: (n) => [[n, 2]],
    run: ([x]) => f.unbind(x, { dim: 1 }),
    reference: ([x], n) => [0, 1].map((j) => build([n], ([i]) => at(x, [i, j]))),
  },
  {
    name: "narrow",
    inputs: ROWS,
    run: ([x]) => f.narrow(x, { dim: 1, start: 1, length: 3 }),
    reference: ([x], n) => narrowTo(x, [n, 3], [0, 1]),
  },
  {
    name: "slice",
    inputs: ROWS,
    run: ([x]) => f.slice(x, { dim: 1, start: 0, end: 5, step: 2 }),
    reference: ([x], n) => build([n, 3], ([i, j]) => at(x, [i, 2 * j])),
  },
  {
    name: "select",
    inputs: ROWS,
    run: ([x]) => f.select(x, { dim: 1, index: 3 }),
    reference: ([x], n) => build([n], ([i]) => at(x, [i, 3])),
  },
  {
    name: "pad",
    inputs: ROWS,
    run: ([x]) => f.pad(x, [1, 2], { value: 7 }),
    reference: ([x], n) => build([n, 8], ([i, j]) => j < 1 || j > 5 ? 7 : at(x, [i, j - 1])),
  },
  {
    name: "tril",
    inputs: (n) => [[n, 3, 3]],
    run: ([x]) => f.tril(x),
    reference: ([x]) => build(x.shape, (index) => index[2] > index[1] ? 0 : at(x, index)),
  },
  {
    name: "triu",
    inputs: (n) => [[n, 3, 3]],
    run: ([x]) => f.triu(x, { diagonal: 1 }),
    reference: ([x]) => build(x.shape, (index) => index[2] < index[1] + 1 ? 0 : at(x, index)),
  },
  {
    name: "interpolate",
    inputs: (n) => [[n, 1, 3]],
    run: ([x]) => f.interpolate(x, { size: 6, mode: "nearest" }),
    reference: ([x], n) => build([n, 1, 6], ([i, j, k]) => at(x, [i, j, k >> 1])),
  },
];

const REDUCERS = {
  sum: (a: number, b: number) => a + b,
  prod: (a: number, b: number) => a * b,
  amax: Math.max,
} as const;
const scattered = Object.entries(REDUCERS).flatMap(([reduction, combine]): SizeRow[] => [{
  name: `scatterReduce by ${reduction}`,
  inputs: (n) => [[n, 5], whole([n, 3], 5), [n, 3]],
  run: ([x, index, src]) => f.scatterReduce(x, index, src, reduction as keyof typeof REDUCERS, { dim: 1 }),
  reference: ([x, index, src]) =>
    build(
      x.shape,
      ([i, j]) => [0, 1, 2].reduce((v, k) => at(index, [i, k]) === j ? combine(v, at(src, [i, k])) : v, at(x, [i, j])),
    ),
}, {
  name: `indexReduce by ${reduction}`,
  inputs: (n) => [[n, 3], whole([2], 3), [n, 2]],
  run: ([x, index, source]) => f.indexReduce(x, index, source, reduction as keyof typeof REDUCERS, { dim: 1 }),
  reference: ([x, index, source]) =>
    build(
      x.shape,
      ([i, j]) => [0, 1].reduce((v, k) => at(index, [k]) === j ? combine(v, at(source, [i, k])) : v, at(x, [i, j])),
    ),
}]);

const INDEXED: readonly SizeRow[] = [
  ...scattered,
  {
    name: "gather",
    inputs: (n) => [[n, 5], whole([n, 3], 5)],
    run: ([x, index]) => f.gather(x, index, { dim: 1 }),
    reference: ([x, index]) => build(index.shape, ([i, j]) => at(x, [i, at(index, [i, j])])),
  },
  {
    name: "takeAlongDim",
    inputs: (n) => [[n, 5], whole([n, 3], 5)],
    run: ([x, index]) => f.takeAlongDim(x, index, { dim: 1 }),
    reference: ([x, index]) => build(index.shape, ([i, j]) => at(x, [i, at(index, [i, j])])),
  },
  {
    name: "scatter",
    inputs: (n) => [[n, 5], whole([n, 1], 5), [n, 1]],
    run: ([x, index, src]) => f.scatter(x, index, src, { dim: 1 }),
    reference: ([x, index, src]) =>
      build(x.shape, ([i, j]) => at(at(index, [i, 0]) === j ? src : x, at(index, [i, 0]) === j ? [i, 0] : [i, j])),
  },
  {
    name: "scatterAdd",
    inputs: (n) => [[n, 5], whole([n, 3], 5), [n, 3]],
    run: ([x, index, src]) => f.scatterAdd(x, index, src, { dim: 1 }),
    reference: ([x, index, src]) =>
      build(
        x.shape,
        ([i, j]) => at(x, [i, j]) + total([0, 1, 2].map((k) => at(index, [i, k]) === j ? at(src, [i, k]) : 0)),
      ),
  },
  {
    name: "indexSelect",
    inputs: (n) => [[7, 3], whole([n], 7)],
    run: ([x, index]) => f.indexSelect(x, index, { dim: 0 }),
    reference: ([x, index], n) => build([n, 3], ([i, j]) => at(x, [at(index, [i]), j])),
  },
  {
    name: "indexAdd",
    inputs: (n) => [[n, 3], whole([2], 3), [n, 2]],
    run: ([x, index, source]) => f.indexAdd(x, index, source, { dim: 1 }),
    reference: ([x, index, source]) =>
      build(
        x.shape,
        ([i, j]) => at(x, [i, j]) + total([0, 1].map((k) => at(index, [k]) === j ? at(source, [i, k]) : 0)),
      ),
  },
  {
    name: "embedding",
    inputs: (n) => [whole([n], 7), [7, 3]],
    run: ([ids, weight]) => f.embedding(ids, weight),
    reference: ([ids, weight], n) => build([n, 3], ([i, j]) => at(weight, [at(ids, [i]), j])),
  },
  {
    name: "bincount",
    inputs: (n) => [whole([n], 7)],
    run: ([x]) => f.bincount(x, { numBins: 7 }),
    reference: ([x]) => build([7], ([bin]) => x.data.filter((v) => v === bin).length),
    grad: false,
  },
  {
    name: "countInto",
    inputs: (n) => [whole([n], 7)],
    run: ([x]) => {
      const counts = f.zeros([7], { dtype: "i32" });
      f.countInto(counts, x);
      return counts;
    },
    reference: ([x]) => build([7], ([bin]) => x.data.filter((v) => v === bin).length),
    grad: false,
  },
];

const filled = (
  name: string,
  run: (n: number) => Tensor,
  value: (i: number) => number,
  more?: Partial<SizeRow>,
): SizeRow => ({
  name,
  inputs: () => [],
  run: (_, n) => run(n),
  reference: (_, n) => build([n], ([i]) => value(i)),
  grad: false,
  ...more,
});
const OTHERS: readonly SizeRow[] = [
  filled("zeros", (n) => f.zeros([n]), () => 0),
  filled("ones", (n) => f.ones([n]), () => 1),
  filled("full", (n) => f.full([n], 2.5), () => 2.5),
  filled("zerosLike", (n) => f.zerosLike(f.ones([n])), () => 0),
  filled("onesLike", (n) => f.onesLike(f.zeros([n])), () => 1),
  filled("fullLike", (n) => f.fullLike(f.zeros([n]), 3), () => 3),
  filled("arange", (n) => f.arange(0, n), (i) => i),
  filled("linspace", (n) => f.linspace(0, Math.max(0, n - 1), n), (i) => i),
  filled("eye", (n) => f.eye(n, 2), () => 0, {
    reference: (_, n) => build([n, 2], ([i, j]) => Number(i === j)),
  }),
  {
    name: "to",
    inputs: (n) => [[n]],
    run: ([x]) => f.to(f.to(f.mul(x, 8), "i32"), "f32"),
    reference: ([x]) => map((v) => Math.trunc(v * 8), x),
    grad: false,
  },
  {
    name: "copyInto",
    inputs: (n) => [[n]],
    run: ([x], n) => {
      const into = f.zeros([n]);
      f.copyInto(into, x);
      return into;
    },
    reference: ([x]) => x,
    grad: false,
  },
  {
    name: "gradNorm",
    inputs: (n) => [[n]],
    run: ([x]) => f.gradNorm([x]),
    reference: ([x]) => array([], [Math.sqrt(total(x.data.map((v) => v * v)))]),
    grad: false,
    folds: false,
  },
  {
    name: "prelu",
    inputs: (n) => [[n, 2], [2]],
    run: ([x, w]) => f.prelu(x, w),
    reference: ([x, w]) => map((x, w) => x > 0 ? x : w * x, x, reshape(w, [1, 2])),
    draw: { low: -3, high: 3, avoid: [0] },
  },
  {
    name: "maskedFill",
    inputs: (n) => [[n], truth([n])],
    run: ([x, mask]) => f.maskedFill(x, mask, 9),
    reference: ([x, mask]) => map((x, m) => m ? 9 : x, x, mask),
  },
  {
    name: "addcmul",
    inputs: (n) => [[n], [n], [n]],
    run: ([x, a, b]) => f.addcmul(x, a, b, { value: 0.5 }),
    reference: ([x, a, b]) => map((x, a, b) => x + 0.5 * a * b, x, a, b),
  },
  {
    name: "addcdiv",
    inputs: (n) => [[n], [n], [n]],
    run: ([x, a, b]) => f.addcdiv(x, a, b, { value: 0.5 }),
    reference: ([x, a, b]) => map((x, a, b) => x + 0.5 * a / b, x, a, b),
    draw: "positive",
  },
];

/** Primitives with kernels of their own, but for those of layers (`size_layers.ts`). */
export const SIZE_ROWS: readonly SizeRow[] = [
  ...FACTOR_ROWS,
  ...REDUCTIONS,
  ...ALONG_ROWS,
  ...LAYOUT,
  ...INDEXED,
  ...OTHERS,
];

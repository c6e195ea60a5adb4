/** What layers are made of, each at any size: see `tests/sizes_test.ts`. */
import * as f from "../mod.ts";
import type { Tensor } from "../mod.ts";
import { conv, convInput, type Slide } from "./conv_reference.ts";
import { array, at, build, map, matmul, narrowTo, type NDArray, reduce, reshape, total } from "./reference.ts";
import { logsumexp, mean, softmax, spread } from "./size_reductions.ts";
import { whole } from "./size_rows.ts";
import type { SizeRow } from "./sizes.ts";

const slide = (axes: number): Slide => ({ padding: Array.from({ length: axes }, () => [1, 1] as const) });
const convolution = (name: string, axes: 1 | 2 | 3, run: (x: Tensor, w: Tensor) => Tensor): SizeRow => ({
  name,
  inputs: (n) => [[n, 2, ...new Array(axes).fill(3)], [3, 2, ...new Array(axes).fill(2)]],
  run: ([x, w]) => run(x, w),
  reference: ([x, w]) => conv(x, w, slide(axes)),
  many: [1031, 257, 61][axes - 1],
});
const transposed = (name: string, axes: 1 | 2 | 3, run: (x: Tensor, w: Tensor) => Tensor): SizeRow => ({
  name,
  inputs: (n) => [[n, 3, ...new Array(axes).fill(3)], [3, 2, ...new Array(axes).fill(2)]],
  run: ([x, w]) => run(x, w),
  reference: ([x, w], n) => convInput(x, w, [n, 2, ...new Array(axes).fill(4)], {}),
  many: [1031, 257, 61][axes - 1],
});
const pool = (name: string, axes: 1 | 2, run: (x: Tensor) => Tensor, of: (values: number[]) => number): SizeRow => ({
  name,
  inputs: (n) => [[n, 1, ...new Array(axes).fill(4)]],
  run: ([x]) => run(x),
  reference: ([x], n) =>
    build([n, 1, ...new Array(axes).fill(2)], ([i, c, ...o]) => {
      const taps = axes === 1 ? [[0], [1]] : [[0, 0], [0, 1], [1, 0], [1, 1]];
      return of(taps.map((tap) => at(x, [i, c, ...tap.map((t, axis) => 2 * o[axis] + t)])));
    }),
  draw: "distinct",
});
const attend = ([q, k, v]: NDArray[]) => {
  const score = (b: number, i: number, j: number) =>
    total([0, 1].map((c) => at(q, [b, 0, i, c]) * at(k, [b, 0, j, c]))) / Math.SQRT2;
  return build(q.shape, ([b, h, i, e]) => {
    const shares = softmax([0, 1, 2].map((j) => score(b, i, j)));
    return total(shares.map((share, j) => share * at(v, [b, h, j, e])));
  });
};
/** Convolutions, pools, products, normalisation over batches, losses and attention. */
export const LAYER_ROWS: readonly SizeRow[] = [
  convolution("conv1d", 1, (x, w) => f.conv1d(x, w, { padding: 1 })),
  convolution("conv2d", 2, (x, w) => f.conv2d(x, w, { padding: 1 })),
  convolution("conv3d", 3, (x, w) => f.conv3d(x, w, { padding: 1 })),
  transposed("convTranspose1d", 1, (x, w) => f.convTranspose1d(x, w)),
  transposed("convTranspose2d", 2, (x, w) => f.convTranspose2d(x, w)),
  transposed("convTranspose3d", 3, (x, w) => f.convTranspose3d(x, w)),
  pool("avgPool1d", 1, (x) => f.avgPool1d(x, { kernelSize: 2 }), mean),
  pool("avgPool2d", 2, (x) => f.avgPool2d(x, { kernelSize: 2 }), mean),
  pool("maxPool1d", 1, (x) => f.maxPool1d(x, { kernelSize: 2 }), (v) => Math.max(...v)),
  pool("maxPool2d", 2, (x) => f.maxPool2d(x, { kernelSize: 2 }), (v) => Math.max(...v)),
  pool("adaptiveAvgPool1d", 1, (x) => f.adaptiveAvgPool1d(x, { outputSize: 2 }), mean),
  pool("adaptiveAvgPool2d", 2, (x) => f.adaptiveAvgPool2d(x, { outputSize: 2 }), mean),
  pool("adaptiveMaxPool1d", 1, (x) => f.adaptiveMaxPool1d(x, { outputSize: 2 }), (v) => Math.max(...v)),
  pool("adaptiveMaxPool2d", 2, (x) => f.adaptiveMaxPool2d(x, { outputSize: 2 }), (v) => Math.max(...v)),
  {
    name: "matmul",
    inputs: (n) => [[n, 5], [5, 3]],
    run: ([a, b]) => f.matmul(a, b),
    reference: ([a, b]) => matmul(a, b),
  },
  {
    name: "matmul over nothing",
    inputs: (n) => [[61, n], [n, 67]],
    run: ([a, b]) => f.matmul(a, b),
    reference: ([a, b]) => matmul(a, b),
    many: 131,
    folds: false,
  },
  {
    name: "matmul of a stack",
    inputs: (n) => [[n, 2, 3], [n, 3, 4]],
    run: ([a, b]) => f.matmul(a, b),
    reference: ([a, b]) => matmul(a, b),
    many: 1031,
  },
  {
    name: "batchNorm",
    inputs: (n) => [[3, n, 2]],
    run: ([x]) => f.batchNorm(x, { training: true }),
    reference: ([x]) => {
      const middle = reduce(x, mean, [0, 2], true), square = reduce(x, (v) => spread(v, 0), [0, 2], true);
      return map((v, m, s) => (v - m) / Math.sqrt(s + 1e-5), x, middle, square);
    },
    many: 1031,
  },
  {
    name: "crossEntropy",
    inputs: (n) => [[n, 5], whole([n], 5)],
    run: ([x, target]) => f.crossEntropy(x, target),
    reference: ([x, target], n) => {
      const losses = Array.from({ length: n }, (_, i) => {
        const row = [...x.data.subarray(5 * i, 5 * i + 5)];
        return logsumexp(row) - row[target.data[i]];
      });
      return array([], [mean(losses)]);
    },
  },
  {
    name: "nllLoss",
    inputs: (n) => [[n, 5], whole([n], 5)],
    run: ([x, target]) => f.nllLoss(x, target),
    reference: ([x, target], n) => array([], [mean(Array.from({ length: n }, (_, i) => -at(x, [i, target.data[i]])))]),
  },
  {
    name: "scaledDotProductAttention",
    inputs: (n) => [[n, 1, 3, 2], [n, 1, 3, 2], [n, 1, 3, 2]],
    run: ([q, k, v]) => f.scaledDotProductAttention(q, k, v),
    reference: attend,
    many: 1031,
  },
  {
    name: "packedAttention",
    inputs: (n) => [[n, 3, 6]],
    run: ([x]) => f.packedAttention(x, { numHeads: 1 }),
    reference: ([x], n) => {
      const part = (start: number) => reshape(narrowTo(x, [n, 3, 2], [0, 0, start]), [n, 1, 3, 2]);
      return reshape(attend([part(0), part(2), part(4)]), [n, 3, 2]);
    },
    many: 1031,
  },
];

import { assertEquals, assertThrows } from "@std/assert";
import {
  arange,
  broadcastTensors,
  cartesianProd,
  channelShuffle,
  diag,
  diagEmbed,
  diff,
  dstack,
  expandAs,
  fliplr,
  flipud,
  hstack,
  logspace,
  meshgrid,
  ones,
  reshape,
  rot90,
  ShapeError,
  tensor,
  tensorSplit,
  tile,
  trace,
  trilIndices,
  triuIndices,
  unfoldDim,
  vander,
  vstack,
  zeros,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { at, build } from "../testing/reference.ts";
import { testOp } from "../testing/test_op.ts";

gpuTest("grids and numbers of places", async () => {
  const [x, y] = meshgrid([arange(3), arange(2)], { indexing: "xy" });
  assertEquals(await x.array(), [[0, 1, 2], [0, 1, 2]]);
  assertEquals(await y.array(), [[0, 0, 0], [1, 1, 1]]);
  assertEquals(await trilIndices(3, 2, { offset: -1 }).array(), [[1, 2, 2], [0, 0, 1]]);
  assertEquals(await triuIndices(2, 3, { offset: 1 }).array(), [[0, 0, 1], [1, 2, 2]]);
  assertEquals(triuIndices(0, 3).shape, [2, 0]);
  assertEquals(await cartesianProd([tensor([1, 2]), tensor([3, 4])]).array(), [[1, 3], [1, 4], [2, 3], [2, 4]]);
  assertEquals(await logspace(0, 2, 3, { base: 2 }).array(), [1, 2, 4]);
  assertEquals(await vander(tensor([2, 3], { dtype: "f32" }), { increasing: true, n: 3 }).array(), [[1, 2, 4], [
    1,
    3,
    9,
  ]]);
  assertThrows(() => meshgrid([ones([2, 2])]), ShapeError, "must be a vector");
  assertThrows(() => trilIndices(-1, 2), RangeError, "rows");
});

testOp({
  name: "diag, diagEmbed, trace, diff",
  run: ([v, m, b]) => [
    diag(v, { offset: -1 }),
    diag(m, { offset: 1 }),
    diagEmbed(b, { offset: 1 }),
    trace(m),
    diff(m, { n: 2 }),
    diff(m, { dim: 0 }),
  ],
  reference: ([v, m, b]) => [
    build([4, 4], ([i, j]) => i - j === 1 ? v.data[j] : 0),
    build([3], ([i]) => at(m, [i, i + 1])),
    build([2, 4, 4], ([n, i, j]) => j - i === 1 ? at(b, [n, i]) : 0),
    build([], () => at(m, [0, 0]) + at(m, [1, 1]) + at(m, [2, 2])),
    build([3, 2], ([i, j]) => at(m, [i, j + 2]) - 2 * at(m, [i, j + 1]) + at(m, [i, j])),
    build([2, 4], ([i, j]) => at(m, [i + 1, j]) - at(m, [i, j])),
  ],
  cases: [{ inputs: [[3], [3, 4], [2, 3]] }],
});

testOp({
  name: "rot90, fliplr, flipud, tile, unfoldDim, channelShuffle",
  run: ([m, c]) => [
    rot90(m),
    rot90(m, { k: 2 }),
    rot90(m, { k: -1 }),
    fliplr(m),
    flipud(m),
    tile(m, [2]),
    unfoldDim(m, { dim: 1, size: 2, step: 2 }),
    channelShuffle(c, 3),
  ],
  reference: ([m, c]) => [
    build([4, 3], ([i, j]) => at(m, [j, 3 - i])),
    build([3, 4], ([i, j]) => at(m, [2 - i, 3 - j])),
    build([4, 3], ([i, j]) => at(m, [2 - j, i])),
    build([3, 4], ([i, j]) => at(m, [i, 3 - j])),
    build([3, 4], ([i, j]) => at(m, [2 - i, j])),
    build([3, 8], ([i, j]) => at(m, [i, j % 4])),
    build([3, 2, 2], ([i, w, k]) => at(m, [i, 2 * w + k])),
    build([1, 6, 2], ([n, k, i]) => at(c, [n, (k % 3) * 2 + Math.floor(k / 3), i])),
  ],
  cases: [{ inputs: [[3, 4], [1, 6, 2]] }],
});

gpuTest("stacks, splits, and shapes of several", async () => {
  const [a, b] = [tensor([1, 2]), tensor([3, 4])];
  assertEquals(await hstack([a, b]).array(), [1, 2, 3, 4]);
  assertEquals(await vstack([a, b]).array(), [[1, 2], [3, 4]]);
  assertEquals(await dstack([a, b]).array(), [[[1, 3], [2, 4]]]);
  assertEquals(hstack([zeros([2, 1]), zeros([2, 3])]).shape, [2, 4]);
  assertEquals(expandAs(ones([3, 1]), zeros([2, 3, 4])).shape, [2, 3, 4]);
  assertEquals(broadcastTensors([ones([3, 1]), ones([4])]).map((t) => t.shape), [[3, 4], [3, 4]]);
  assertEquals(tensorSplit(arange(7), 3).map((t) => t.numel), [3, 2, 2]);
  assertEquals(tensorSplit(reshape(arange(8), [2, 4]), [1, 3], { dim: 1 }).map((t) => t.shape), [[2, 1], [2, 2], [
    2,
    1,
  ]]);
  assertThrows(() => rot90(ones([2, 2]), { dims: [0, -2] }), RangeError, "differ");
  assertThrows(() => unfoldDim(ones([3]), { dim: 0, size: 4, step: 1 }), RangeError, "size");
  assertThrows(() => diag(ones([1, 1, 1])), ShapeError, "a vector or a matrix");
  assertThrows(() => tensorSplit(arange(3), 0), RangeError, "parts");
});

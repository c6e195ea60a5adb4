import { assertEquals, assertThrows } from "@std/assert";
import {
  grad,
  indexReduce,
  scatterReduce,
  type ScatterReduceOptions,
  type ScatterReduction,
  sum,
  tensor,
  zeros,
} from "../../mod.ts";
import { testFamilies } from "../../testing/families.ts";
import { gpuTest } from "../../testing/gpu.ts";
import type { NDArray } from "../../testing/reference.ts";
import { type OpCase, testOp } from "../../testing/test_op.ts";

/** Numbers from 0 to `below` − 1 in no order. */
const indices = (count: number, below: number) => Array.from({ length: count }, (_, i) => (i * 7 + i * i) % below);

/** The definition, for an axis: elements of the source one after another. */
function reference(
  [x, index, src]: NDArray[],
  reduction: ScatterReduction,
  { dim, includeSelf = true }: ScatterReduceOptions,
): NDArray {
  const { shape } = x, size = shape[dim], inner = shape.slice(dim + 1).reduce((a, b) => a * b, 1);
  const length = index.shape[dim];
  const lists: number[][] = Array.from(x.data, (v) => includeSelf ? [v] : []);
  for (let at = 0; at < index.data.length; at++) {
    const i = at % inner, o = Math.floor(at / inner / length);
    lists[(o * size + index.data[at]) * inner + i].push(src.data[at]);
  }
  const total = (list: number[]) => list.reduce((a, b) => a + b, 0);
  const one = (list: number[], own: number) => {
    if (list.length === 0) return own;
    if (reduction === "prod") return list.reduce((a, b) => a * b);
    if (reduction === "amax") return Math.max(...list);
    if (reduction === "amin") return Math.min(...list);
    return reduction === "sum" ? total(list) : total(list) / list.length;
  };
  return { shape, data: Float64Array.from(lists, (list, i) => one(list, x.data[i])) };
}

const placed = (shape: number[], below: number) => ({
  shape,
  dtype: "i32" as const,
  values: indices(shape.reduce((a, b) => a * b, 1), below),
});

const CASES: OpCase<ScatterReduceOptions>[] = [
  { inputs: [[5], placed([9], 5), [9]], attrs: { dim: 0 } },
  { inputs: [[5], placed([3], 5), [3]], attrs: { dim: 0, includeSelf: false } },
  { inputs: [[2, 4, 3], placed([2, 7, 3], 4), [2, 7, 3]], attrs: { dim: 1 } },
  { inputs: [[2, 4, 3], placed([2, 7, 3], 4), [2, 7, 3]], attrs: { dim: 1, includeSelf: false } },
  { inputs: [[130, 2], placed([300, 2], 130), [300, 2]], attrs: { dim: 0 } },
  { inputs: [[300], placed([20000], 300), [20000]], attrs: { dim: 0 }, large: true },
];

for (const reduction of ["sum", "prod", "mean", "amax", "amin"] as const) {
  testOp<ScatterReduceOptions>({
    name: `scatterReduce by ${reduction}`,
    dtypes: ["f32", "f16"],
    run: ([x, index, src], attrs) => scatterReduce(x, index, src, reduction, attrs),
    reference: (inputs, attrs) => reference(inputs, reduction, attrs),
    // Products of many factors stay near 1; extremes are drawn without ties between x and the source.
    draw: reduction === "prod" ? { low: 0.9, high: 1.1 } : "normal",
    cases: CASES,
  });
}

testFamilies("whole numbers, NaN, and the lowest numbers there are", async () => {
  const index = tensor([0, 0, 1, 3]);
  const by = async (reduction: ScatterReduction, x: number[], src: number[], options = {}) =>
    await scatterReduce(tensor(x), index, tensor(src), reduction, { dim: 0, ...options }).array();
  assertEquals(await by("amax", [1, 2, 3, 4], [-5, 7, 1, 9]), [7, 2, 3, 9]);
  assertEquals(await by("amin", [1, 2, 3, 4], [-5, 7, 1, 9]), [-5, 1, 3, 4]);
  assertEquals(await by("prod", [1, 2, 3, 4], [-5, 7, 1, 9]), [-35, 2, 3, 36]);
  assertEquals(await by("mean", [1, 2, 3, 4], [-5, 7, 1, 9]), [1, 1, 3, 6]);
  const low = -(2 ** 31);
  assertEquals(await by("amax", [1, 2, 3, 4], [low, low, low, 9], { includeSelf: false }), [low, low, 3, 9]);
  const x = tensor([1, NaN, 3, -Infinity], { dtype: "f32" }), src = tensor([NaN, 5, 2, -Infinity], { dtype: "f32" });
  assertEquals(await scatterReduce(x, index, src, "amax", { dim: 0 }).array(), [NaN, NaN, 3, -Infinity]);
  assertEquals(await scatterReduce(x, index, src, "amin", { dim: 0 }).array(), [NaN, NaN, 3, -Infinity]);
});

gpuTest("an index smaller than x leaves the rest alone, and one beside the host's view changes nothing", async () => {
  const x = tensor([[1, 2, 3], [4, 5, 6]]), index = tensor([[1, 0]]), src = tensor([[9, 0]]);
  assertEquals(await scatterReduce(x, index, src, "amax", { dim: 0 }).array(), [[1, 2, 3], [9, 5, 6]]);
  const outside = tensor([0, 5, -2]).mul(1);
  const y = scatterReduce(tensor([1, 2]), outside, tensor([7, 8, 9]), "prod", { dim: 0 });
  assertEquals(await y.array(), [7, 2]);
});

gpuTest("gradients at zeros of a product and at equal extremes", async () => {
  const float = (values: number[]) => tensor(Float32Array.from(values), { requiresGrad: true });
  const gradients = async (reduction: ScatterReduction, own: number[], from: number[]) => {
    const x = float(own), src = float(from);
    const y = scatterReduce(x, tensor(from.map(() => 0)), src, reduction, { dim: 0 });
    return await Promise.all(grad(sum(y), [x, src]).map((g) => g!.array()));
  };
  assertEquals(await gradients("prod", [2, 7], [3, 0, 5]), [[0, 1], [0, 30, 0]]);
  assertEquals(await gradients("prod", [0, 7], [3, 4]), [[12, 1], [0, 0]]);
  assertEquals(await gradients("prod", [2, 7], [0, 0, 5]), [[0, 1], [0, 0, 0]]);
  assertEquals(await gradients("prod", [2, 7], [3, NaN, 0]), [[NaN, 1], [NaN, NaN, NaN]]);
  assertEquals(await gradients("prod", [2, 7], [0, NaN, 0]), [[NaN, 1], [NaN, NaN, NaN]]);
  assertEquals(await gradients("prod", [NaN, 7], [3, 0]), [[NaN, 1], [NaN, NaN]]);
  assertEquals(await gradients("amax", [4, 7], [4, 1]), [[0.5, 1], [0.5, 0]]);
});

gpuTest("slices are reduced by one index each", async () => {
  const x = tensor([[1, 2], [3, 4]]), source = tensor([[2, 2], [5, 1]]);
  assertEquals(await indexReduce(x, tensor([0, 0]), source, "prod", { dim: 0 }).array(), [[10, 4], [3, 4]]);
  assertEquals(await indexReduce(x, tensor([1, 1]), source, "amin", { dim: 1 }).array(), [[1, 2], [3, 1]]);
});

gpuTest("what cannot be reduced is refused", () => {
  const [x, index] = [zeros([3]), tensor([0, 1])];
  const reduce = (reduction: string, src = zeros([2]), at = index) =>
    scatterReduce(x, at, src, reduction as ScatterReduction, { dim: 0 });
  assertThrows(() => reduce("median"), RangeError, "must be sum, prod, mean, amax or amin, got median");
  assertThrows(() => reduce("sum", tensor([1, 2])), TypeError, "they are f32 and i32");
  assertThrows(() => reduce("amax", zeros([1])), TypeError, "none smaller");
  assertThrows(() => reduce("amax", zeros([2]), tensor([0, 3])), RangeError, "from 0 to 2");
});

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  groupNorm,
  type GroupNormOptions,
  instanceNorm,
  type InstanceNormOptions,
  ones,
  ShapeError,
  tensor,
  zeros,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { array, build, mapRows, type NDArray, random, reshape, total } from "../testing/reference.ts";
import { testOp } from "../testing/test_op.ts";

/** Groups as rows, normalised; then each channel scaled and shifted. */
function reference(x: NDArray, groups: number, eps: number, weight?: NDArray, bias?: NDArray): NDArray {
  const size = x.data.length / (x.shape[0] * groups);
  const y = mapRows(reshape(x, [x.shape[0] * groups, size]), (row) => {
    const mean = total(row) / size;
    const deviation = Math.sqrt(total(row.map((v) => (v - mean) ** 2)) / size + eps);
    return row.map((v) => (v - mean) / deviation);
  });
  let i = 0;
  return build(x.shape, ([, c]) => y.data[i++] * (weight?.data[c] ?? 1) + (bias?.data[c] ?? 0));
}

testOp<Pick<GroupNormOptions, "numGroups" | "eps">>({
  name: "groupNorm",
  dtypes: ["f32", "bf16"],
  run: ([x, weight, bias], attrs) => groupNorm(x, { ...attrs, weight, bias }),
  reference: ([x, weight, bias], { numGroups, eps = 1e-5 }) => reference(x, numGroups, eps, weight, bias),
  cases: [
    { inputs: [[2, 6, 5], [6], [6]], attrs: { numGroups: 2 } },
    { inputs: [[2, 6, 4, 5], [6], [6]], attrs: { numGroups: 3, eps: 1e-3 } },
    { inputs: [[3, 8], [8], [8]], attrs: { numGroups: 2, eps: 1e-3 } },
    { inputs: [[2, 6, 7]], attrs: { numGroups: 1 } },
    { inputs: [[2, 4, 9, 9], [4]], attrs: { numGroups: 4 } },
  ],
});

testOp<Pick<InstanceNormOptions, "eps">>({
  name: "instanceNorm",
  run: ([x, weight, bias], attrs) => instanceNorm(x, { ...attrs, weight, bias }),
  reference: ([x, weight, bias], { eps = 1e-5 }) => reference(x, x.shape[1], eps, weight, bias),
  cases: [
    { inputs: [[2, 3, 5, 6], [3], [3]], attrs: {} },
    { inputs: [[2, 3, 11]], attrs: { eps: 1e-2 } },
  ],
});

gpuTest("instanceNorm keeps running statistics, and uses them when told to", async () => {
  const draw = random(5);
  const x = array([4, 2, 6], Array.from({ length: 48 }, () => Math.fround(3 + draw.normal())));
  const t = tensor(Float32Array.from(x.data), { shape: [4, 2, 6] });
  const runningMean = ones([2]), runningVar = zeros([2]);
  instanceNorm(t, { runningMean, runningVar, momentum: 0.25 });
  const mean = await runningMean.data(), variance = await runningVar.data();
  for (let c = 0; c < 2; c++) {
    const rows = [0, 1, 2, 3].map((n) => [...x.data.slice((2 * n + c) * 6, (2 * n + c) * 6 + 6)]);
    const means = rows.map((row) => total(row) / 6);
    const variances = rows.map((row, n) => total(row.map((v) => (v - means[n]) ** 2)) / 5);
    assertAlmostEquals(mean[c], 0.75 + 0.25 * total(means) / 4, 1e-5);
    assertAlmostEquals(variance[c], 0.25 * total(variances) / 4, 1e-5);
  }
  const y = instanceNorm(t, { runningMean: zeros([2]), runningVar: ones([2]), useInputStats: false });
  assertAlmostEquals((await y.data())[0], x.data[0] / Math.sqrt(1 + 1e-5), 1e-5);
});

gpuTest("group and instance normalisation check shapes", () => {
  assertThrows(() => groupNorm(zeros([2, 5, 3]), { numGroups: 2 }), ShapeError, "got 2 for the shape [2, 5, 3]");
  assertThrows(() => groupNorm(zeros([5]), { numGroups: 1 }), ShapeError, "at least 2 axes");
  assertThrows(
    () => groupNorm(zeros([2, 4]), { numGroups: 2, weight: ones([2]) }),
    ShapeError,
    "each of the 4 channels",
  );
  assertThrows(() => instanceNorm(zeros([2, 3, 1])), ShapeError, "more than one value");
  assertThrows(() => instanceNorm(zeros([2, 3])), ShapeError, "at least 3 axes");
  assertThrows(
    () => groupNorm(tensor([[1, 2]]), { numGroups: 1 }),
    TypeError,
    "in groupNorm: elements must be floating",
  );
  assertEquals(groupNorm(zeros([0, 4, 3]), { numGroups: 2 }).shape, [0, 4, 3]);
});

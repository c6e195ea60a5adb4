import { assertEquals, assertThrows } from "@std/assert";
import { cumsum, type ScanOptions, tensor, zeros } from "../../mod.ts";
import { testFamilies, testOpInFamilies } from "../../testing/families.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { mapRows } from "../../testing/reference.ts";

testOpInFamilies<ScanOptions>({
  name: "cumsum",
  dtypes: ["f32", "f16"],
  run: ([x], attrs) => cumsum(x, attrs),
  reference: ([x], { dim }) => {
    return mapRows(x, (row) => {
      let sum = 0;
      return row.map((v) => sum += v);
    }, dim);
  },
  cases: [
    { inputs: [[4, 6, 5]], attrs: { dim: 0 } },
    { inputs: [[4, 6, 5]], attrs: { dim: 1 } },
    { inputs: [[4, 6, 8]], attrs: { dim: 1 } },
    { inputs: [[4, 6, 5]], attrs: { dim: -1 } },
    { inputs: [[]], attrs: { dim: 0 } },
    { inputs: [[2, 0, 3]], attrs: { dim: 1 } },
    { inputs: [[2, 257]], attrs: { dim: 1 } },
    { inputs: [[1500]], attrs: { dim: 0 } },
    { inputs: [[700, 4]], attrs: { dim: 0 } },
    { inputs: [[3, 20011]], attrs: { dim: 1 }, large: true },
    { inputs: [[5000, 12]], attrs: { dim: 0 }, large: true },
  ],
});

testFamilies("cumsum counts whole numbers and booleans exactly", async () => {
  const ones = tensor(new Int32Array(3000).fill(1));
  assertEquals(await cumsum(ones, { dim: 0 }).data(), Int32Array.from({ length: 3000 }, (_, i) => i + 1));
  const b = tensor([true, false, true, true]);
  assertEquals(cumsum(b, { dim: 0 }).dtype, "i32");
  assertEquals(await cumsum(b, { dim: 0 }).array(), [1, 1, 2, 3]);
  assertEquals(await cumsum(tensor([1, NaN, 2], { dtype: "f32" }), { dim: 0 }).array(), [1, NaN, NaN]);
});

gpuTest("cumsum checks its axis", () => {
  assertThrows(() => cumsum(zeros([2]), { dim: 1 }), RangeError, "Cannot choose axis 1 in cumsum");
});

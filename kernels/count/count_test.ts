import { assertEquals, assertThrows } from "@std/assert";
import { bincount, countInto, randint, tensor, zeros } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";

gpuTest("keys are counted where they lead, and nowhere else", async () => {
  const counts = zeros([2, 2], { dtype: "i32" });
  const before = counts.add(0);
  countInto(counts, tensor([[0, 3, 3], [-1, 4, 1000]]));
  countInto(counts, tensor([3, -(2 ** 31)]));
  assertEquals([await before.array(), await counts.array()], [[[0, 0], [0, 0]], [[1, 0], [0, 3]]]);
});

gpuTest("counts are those of a loop on the host, for small sizes and beyond one axis of a dispatch", async () => {
  for (const size of [0, 1, 63, 64, 65, 257, 65_535 * 64 + 7]) {
    const keys = randint(-2, 12, [size]), want = new Array(10).fill(0);
    for (const key of await keys.data()) if (key >= 0 && key < 10) want[key]++;
    assertEquals(await bincount(keys, { numBins: 10 }).array(), want, `${size} keys`);
  }
});

gpuTest("only whole numbers are counted", () => {
  assertThrows(() => countInto(zeros([2]), tensor([1])), TypeError, "counts must be i32, they are f32 [2]");
  assertThrows(() => bincount(zeros([2]), { numBins: 2 }), TypeError, "keys must be i32");
  assertThrows(() => bincount(tensor([1]), { numBins: 0 }), RangeError, "numBins must be");
});

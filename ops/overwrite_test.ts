import { assertEquals, assertThrows } from "@std/assert";
import {
  blockDiag,
  combinations,
  cumulativeTrapezoid,
  grad,
  indexPut,
  manualSeed,
  maskedScatter,
  mode,
  multinomial,
  nanmedian,
  nanquantile,
  selectScatter,
  sliceScatter,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";

const float = (values: number[], shape?: number[]) =>
  tensor(Float32Array.from(values), { shape: shape ?? [values.length], requiresGrad: true });

/** Gradients of a weighted sum, so that each element's can be told from others'. */
async function gradients(y: Tensor, of: Tensor[]): Promise<unknown[]> {
  const weights = tensor(Float32Array.from({ length: y.numel }, (_, i) => i + 1), { shape: y.shape });
  return await Promise.all(grad(sum(y.mul(weights)), of).map((g) => g!.array()));
}

gpuTest("slices are written over, and gradients go where values came from", async () => {
  const x = float([1, 2, 3, 4], [2, 2]), row = float([8, 9]);
  const y = selectScatter(x, row, { dim: 1, index: -1 });
  assertEquals(await y.array(), [[1, 8], [3, 9]]);
  assertEquals(await gradients(y, [x, row]), [[[1, 0], [3, 0]], [2, 4]]);
  const v = float([1, 2, 3, 4, 5]), part = float([7, 8]);
  const z = sliceScatter(v, part, { start: -4, end: 4, step: 2 });
  assertEquals(await z.array(), [1, 7, 3, 8, 5]);
  assertEquals(await gradients(z, [v, part]), [[1, 0, 3, 0, 5], [2, 4]]);
  assertEquals(await sliceScatter(v, zeros([0]), { start: 9 }).array(), [1, 2, 3, 4, 5]);
});

gpuTest("masks take elements of a source one after another", async () => {
  const x = float([1, 2, 3, 4], [2, 2]), source = float([7, 8, 9]);
  const y = maskedScatter(x, tensor([[true, false], [true, true]]), source);
  assertEquals(await y.array(), [[7, 2], [8, 9]]);
  assertEquals(await gradients(y, [x, source]), [[[0, 2], [0, 0]], [1, 3, 4]]);
  assertEquals(await maskedScatter(x, tensor([true, false]), source).array(), [[7, 2], [8, 4]]);
});

gpuTest("places of several axes are written to, or added to", async () => {
  const x = float([0, 0, 0, 0, 0, 0], [2, 3]), values = float([5, 7, 11]);
  const at = [tensor([0, 1, 0]), tensor([2, 0, 2])];
  assertEquals(await indexPut(x, at, values).array(), [[0, 0, 11], [7, 0, 0]]);
  const added = indexPut(x, at, values, { accumulate: true });
  assertEquals(await added.array(), [[0, 0, 16], [7, 0, 0]]);
  assertEquals(await gradients(added, [x, values]), [[[1, 2, 3], [4, 5, 6]], [3, 4, 3]]);
  assertEquals(await indexPut(x, [tensor([1])], float([6])).array(), [[0, 0, 0], [6, 6, 6]]);
  const corner = indexPut(tensor([[1, 2], [3, 4]]), [tensor([[0], [1]]), tensor([[1]])], tensor([9]));
  assertEquals(await corner.array(), [[1, 9], [3, 9]]);
});

gpuTest("blocks, combinations, and integrals up to each place", async () => {
  assertEquals(await blockDiag([tensor([[1, 2]]), tensor([3, 4]), tensor(5)]).array(), [
    [1, 2, 0, 0, 0],
    [0, 0, 3, 4, 0],
    [0, 0, 0, 0, 5],
  ]);
  assertEquals(await combinations(tensor([7, 8, 9])).array(), [[7, 8], [7, 9], [8, 9]]);
  assertEquals(await combinations(tensor([7, 8]), { r: 2, withReplacement: true }).array(), [[7, 7], [7, 8], [8, 8]]);
  assertEquals(combinations(tensor([7]), { r: 3 }).shape, [0, 3]);
  const y = float([0, 1, 4, 9], [2, 2]);
  assertEquals(await cumulativeTrapezoid(y, { dx: 2 }).array(), [[1], [13]]);
  assertEquals(await cumulativeTrapezoid(float([0, 1, 4.5]), { dim: 0 }).array(), [0.5, 3.25]);
});

gpuTest("medians and quantiles pass over NaN", async () => {
  const x = tensor([[3, NaN, 1, 2], [NaN, NaN, NaN, NaN], [4, 3, 2, 1]], { dtype: "f32" });
  assertEquals(await nanmedian(x, { dim: 1 }).array(), [2, NaN, 2]);
  assertEquals(await nanmedian(x).item(), 2);
  assertEquals(await nanquantile(x, 0.75, { dim: 1, keepdim: true }).array(), [[2.5], [NaN], [3.25]]);
  const by = async (interpolation: "lower" | "higher" | "nearest" | "midpoint") =>
    await nanquantile(x, 0.6, { dim: 1, interpolation }).array();
  assertEquals(await by("lower"), [2, NaN, 2]);
  assertEquals(await by("higher"), [3, NaN, 3]);
  assertEquals(await by("nearest"), [2, NaN, 3]);
  assertEquals(await by("midpoint"), [2.5, NaN, 2.5]);
  const g = float([4, NaN, 1.5, 2]);
  assertEquals(await gradients(nanquantile(g, 0.75), [g]), [[0.5, 0, 0, 0.5]]);
  assertEquals(await nanmedian(tensor([3, 1, 2])).item(), 2);
});

gpuTest("what occurs most often, the smallest of several, and where it is first", async () => {
  const [values, places] = mode(tensor([[3, 1, 2, 1, 3], [5, 4, 4, 5, 5]]));
  assertEquals([await values.array(), await places.array()], [[1, 5], [1, 0]]);
  const [columns, rows] = mode(tensor([[1, 2], [1, 3], [0, 3]]), { dim: 0, keepdim: true });
  assertEquals([await columns.array(), await rows.array()], [[[1, 3]], [[0, 1]]]);
  const x = float([2, 5, 2]);
  assertEquals(await gradients(mode(x)[0], [x]), [[1, 0, 0]]);
  // Rows as long as these have more pairs than memory.
  const long = Int32Array.from({ length: 100_003 }, (_, i) => i % 50_001);
  const [most, where] = mode(tensor(long));
  assertEquals([await most.item(), await where.item()], [0, 0]);
});

gpuTest(
  "classes are drawn with their shares, without repeats unless wanted, and never one without weight",
  async () => {
    manualSeed(7);
    const weights = tensor([[0, 1, 3, 0], [2, 0, 0, 2]], { dtype: "f32" });
    const drawn = await multinomial(weights, 4000, { replacement: true }).array() as number[][];
    const share = (row: number[], of: number) => row.filter((v) => v === of).length / row.length;
    const near = (got: number, want: number) => assertEquals(Math.abs(got - want) < 0.03, true, `${got}, want ${want}`);
    near(share(drawn[0], 2), 0.75);
    near(share(drawn[1], 0), 0.5);
    assertEquals(new Set(drawn.flat().filter((_, i) => i < 4000)), new Set([1, 2]));
    const firsts = { 1: 0, 2: 0 } as Record<number, number>;
    for (let i = 0; i < 10; i++) {
      const pairs = await multinomial(weights.select({ dim: 0, index: 0 }).expand([100, 4]), 2).array() as number[][];
      for (const pair of pairs) {
        assertEquals([...pair].sort(), [1, 2]);
        firsts[pair[0]]++;
      }
    }
    near(firsts[2] / 1000, 0.75);
    assertEquals(multinomial(tensor([0.5, 0.5]), 1).shape, [1]);
    manualSeed(9);
    const once = await multinomial(weights, 2).array();
    manualSeed(9);
    assertEquals(await multinomial(weights, 2).array(), once);
  },
);

gpuTest("what does not fit is refused", () => {
  const x = zeros([2, 3]);
  assertThrows(() => selectScatter(x, zeros([2]), { dim: 0, index: 0 }), TypeError, "must have the shape [3]");
  assertThrows(() => selectScatter(x, zeros([3]), { dim: 0, index: 2 }), RangeError, "from -2 to 1, got 2");
  assertThrows(() => sliceScatter(x, zeros([1, 3]), {}), TypeError, "must have the shape [2, 3]");
  assertThrows(() => sliceScatter(x, x, { step: 0 }), RangeError, "step");
  assertThrows(() => maskedScatter(x, tensor([true]), tensor([1])), TypeError, "one type");
  assertThrows(() => maskedScatter(x, tensor([true]), zeros([0])), TypeError, "not be empty");
  assertThrows(() => indexPut(x, [], x), TypeError, "from 1 to 2 indices, got 0");
  assertThrows(() => indexPut(x, [tensor([2])], zeros([3])), RangeError, "from 0 to 1");
  assertThrows(() => blockDiag([zeros([1, 1, 1])]), TypeError, "at most two axes");
  assertThrows(() => combinations(x), TypeError, "takes a vector");
  assertThrows(() => combinations(zeros([2]), { r: 0 }), RangeError, "r must be");
  assertThrows(() => nanquantile(x, 2), RangeError, "from 0 to 1");
  assertThrows(() => mode(zeros([0])), TypeError, "must not be empty");
  assertThrows(() => multinomial(zeros([3]), 4), RangeError, "from 1 to 3, the number of classes, got 4");
  assertThrows(() => multinomial(zeros([2, 2, 2]), 1), TypeError, "one or two axes");
  assertThrows(() => multinomial(tensor([1, 2]), 1), TypeError, "floating-point");
});

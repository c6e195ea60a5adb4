import { assert, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../tensor/errors.ts";
import { hostTensor } from "../tensor/host.ts";
import { ArrayDataset, type Dataset, randomSplit, Subset } from "./dataset.ts";

const x = hostTensor(Float32Array.from({ length: 12 }, (_, i) => i), { dtype: "f32", shape: [4, 3] });
const y = hostTensor(Int32Array.of(10, 11, 12, 13), { dtype: "i32" });

Deno.test("ArrayDataset gives rows as views and batches as copies, in the form of its fields", () => {
  const data = new ArrayDataset({ x, y });
  const sample = data.get(2);
  assertEquals([sample.x.shape, [...sample.x.data], sample.y.shape, [...sample.y.data]], [[3], [6, 7, 8], [], [12]]);
  assert(sample.x.data.buffer === x.data.buffer);
  const batch = data.getBatch([3, 0, 3]);
  assertEquals([batch.x.shape, [...batch.x.data]], [[3, 3], [9, 10, 11, 0, 1, 2, 9, 10, 11]]);
  assertEquals([batch.y.shape, [...batch.y.data]], [[3], [13, 10, 13]]);
  assert(batch.x.data.buffer !== x.data.buffer);
  const [first, second] = new ArrayDataset([x, y]).getBatch(Int32Array.of(1));
  assertEquals([[...first.data], [...second.data]], [[3, 4, 5], [11]]);
});

Deno.test("ArrayDataset refuses arrays that do not belong together and indices out of range", () => {
  assertThrows(
    () => new ArrayDataset({ x, y: hostTensor(Int32Array.of(1), { dtype: "i32" }) }),
    ShapeError,
    "[4, 3] and [1]",
  );
  assertThrows(
    () => new ArrayDataset({ x: hostTensor(Int32Array.of(1), { dtype: "i32", shape: [] }) }),
    ShapeError,
    "[]",
  );
  assertThrows(() => new ArrayDataset({}), TypeError, "got none");
  const data = new ArrayDataset({ x });
  for (const index of [-1, 4, 0.5, NaN]) {
    assertThrows(() => data.get(index), RangeError, `from 0 to 3, is ${index}`);
    assertThrows(() => data.getBatch([0, index]), RangeError, `is ${index}`);
  }
  assertEquals(new ArrayDataset({ x: hostTensor(new Float32Array(0), { dtype: "f32", shape: [0, 5] }) }).length, 0);
});

Deno.test("Subset reads its part, also of a subset, in batches where the data set can", () => {
  const data = new ArrayDataset({ x, y });
  const odd = new Subset(data, [3, 1]);
  assertEquals([odd.length, (odd.get(0) as typeof data.fields).y.data[0]], [2, 13]);
  const one = new Subset(odd, [1]);
  const batch = one.getBatch!([0, 0]) as typeof data.fields;
  assertEquals([...batch.y.data], [11, 11]);
  assertThrows(() => odd.get(2), RangeError, "from 0 to 1, is 2");
  assertThrows(() => odd.getBatch!([-1]), RangeError, "is -1");
  assertThrows(() => new Subset(data, [4]), RangeError, "from 0 to 3, is 4");
  const plain: Dataset<number> = { length: 3, get: (i) => i * i };
  assertEquals(new Subset(plain, [2]).getBatch, undefined);
});

Deno.test("randomSplit shares out every sample once, the same for the same seed", () => {
  const data: Dataset<number> = { length: 10, get: (i) => i };
  const read = (seed: number | undefined, lengths: number[]) =>
    randomSplit(data, lengths, { seed }).map((part) => Array.from({ length: part.length }, (_, i) => part.get(i)));
  const [a, b] = read(1, [7, 3]);
  assertEquals([a.length, b.length], [7, 3]);
  assertEquals([...a, ...b].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals(read(1, [7, 3]), [a, b]);
  assert(read(2, [7, 3]).join() !== [a, b].join());
  assertEquals(
    read(1, [0.5, 0.25, 0.25]).map((part) => part.length),
    [6, 2, 2],
    "what is left goes to the first parts",
  );
  assertEquals(read(1, [0.34, 0.33, 0.33]).map((part) => part.length), [4, 3, 3]);
  for (const lengths of [[7, 4], [11, -1], [9.5, 0.5], [0.5, 0.4], []]) {
    assertThrows(() => randomSplit(data, lengths), RangeError, `[${lengths.join(", ")}]`);
  }
  assertEquals(randomSplit({ length: 1, get: () => 0 }, [1, 0]).map((part) => part.length), [1, 0]);
});

Deno.test("an array that is shorter or longer than its shape is refused", () => {
  const said = "Cannot make an ArrayDataset: the shape of x must hold all elements, [3, 2] holds 6 and the array ";
  for (const count of [3, 7]) {
    const x = { dtype: "f32", shape: [3, 2], data: new Float32Array(count) } as const;
    assertThrows(() => new ArrayDataset({ x }), ShapeError, said + count);
  }
});

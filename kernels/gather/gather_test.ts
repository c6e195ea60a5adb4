import { assertEquals, assertThrows } from "@std/assert";
import {
  embedding,
  gather,
  grad,
  indexAdd,
  indexSelect,
  mul,
  neg,
  nonzero,
  scatter,
  scatterAdd,
  ShapeError,
  sum,
  takeAlongDim,
  type Tensor,
  tensor,
  zeros,
} from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { at, build, type NDArray, type Random, random } from "../../testing/reference.ts";
import { testOp } from "../../testing/test_op.ts";
import { type Family, withFamily } from "../_family.ts";
import { temporary } from "../sort/_order.ts";
import { sumByIndex, sumByIndices } from "./_sum.ts";
import { scatterInto } from "./scatter.ts";

type Dim = { dim: number };

const replaced = (index: readonly number[], dim: number, place: number) => index.map((i, d) => d === dim ? place : i);

/** Adds (or writes) the elements of src to those of x that `place` names. */
function written(x: NDArray, src: NDArray, place: (index: readonly number[]) => number[], alpha: number): NDArray {
  const data = Float64Array.from(x.data);
  build(src.shape, (index) => {
    let flat = 0;
    place(index).forEach((i, d) => flat = flat * x.shape[d] + i);
    data[flat] = Number.isNaN(alpha) ? at(src, index) : data[flat] + alpha * at(src, index);
    return 0;
  });
  return { shape: x.shape, data };
}

const ids = (shape: readonly number[], below: number) => ({ shape, dtype: "i32" as const, draw: { below } });

testOp<{ paddingIdx?: number }>({
  name: "embedding",
  dtypes: ["f32", "f16", "bf16"],
  run: ([index, weight], attrs) => embedding(index, weight, attrs),
  reference: ([index, weight]) =>
    build([...index.shape, weight.shape[1]], (i) => at(weight, [at(index, i.slice(0, -1)), i.at(-1)!])),
  cases: [
    { inputs: [ids([3, 5], 11), [11, 6]], attrs: {} },
    { inputs: [ids([257], 5), [5, 9]], attrs: {} },
    { inputs: [ids([], 5), [5, 8]], attrs: {} },
    { inputs: [ids([0], 5), [5, 4]], attrs: {} },
    { inputs: [ids([33, 65], 1000), [1000, 16]], attrs: {} },
  ],
});

testOp<Dim>({
  name: "indexSelect",
  dtypes: ["f32", "bf16"],
  run: ([x, index], attrs) => indexSelect(x, index, attrs),
  reference: ([x, index], { dim }) =>
    build(replaced(x.shape, dim, index.data.length), (i) => at(x, replaced(i, dim, index.data[i[dim]]))),
  cases: [
    { inputs: [[4, 5, 6], ids([7], 5)], attrs: { dim: 1 } },
    { inputs: [[4, 5, 6], ids([65], 6)], attrs: { dim: 2 } },
    { inputs: [[9, 4], ids([3], 9)], attrs: { dim: 0 } },
    { inputs: [[7], ids([20], 7)], attrs: { dim: 0 } },
    { inputs: [[3, 4], ids([0], 4)], attrs: { dim: 1 } },
  ],
});

testOp<Dim & { alpha?: number }>({
  name: "indexAdd",
  dtypes: ["f32", "f16"],
  run: ([x, index, source], attrs) => indexAdd(x, index, source, attrs),
  reference: ([x, index, source], { dim, alpha = 1 }) =>
    written(x, source, (i) => replaced(i, dim, index.data[i[dim]]), alpha),
  cases: [
    { inputs: [[4, 5, 6], ids([7], 5), [4, 7, 6]], attrs: { dim: 1, alpha: -0.5 } },
    { inputs: [[3, 8], ids([65], 3), [65, 8]], attrs: { dim: 0 } },
    { inputs: [[5], ids([0], 5), [0]], attrs: { dim: 0 } },
  ],
});

testOp<Dim>({
  name: "gather",
  dtypes: ["f32", "bf16"],
  run: ([x, index], attrs) => gather(x, index, attrs),
  reference: ([x, index], { dim }) => build(index.shape, (i) => at(x, replaced(i, dim, at(index, i)))),
  cases: [
    { inputs: [[4, 5], ids([2, 5], 4)], attrs: { dim: 0 } },
    { inputs: [[3, 4, 5], ids([2, 9, 3], 4)], attrs: { dim: 1 } },
    { inputs: [[65, 257], ids([65, 1], 257)], attrs: { dim: 1 } },
    { inputs: [[7], ids([0], 7)], attrs: { dim: 0 } },
    { inputs: [[], ids([], 1)], attrs: { dim: 0 } },
  ],
});

testOp<Dim>({
  name: "scatterAdd",
  dtypes: ["f32", "bf16"],
  run: ([x, index, src], attrs) => scatterAdd(x, index, src, attrs),
  reference: ([x, index, src], { dim }) => {
    const part = build(index.shape, (i) => at(src, i));
    return written(x, part, (i) => replaced(i, dim, at(index, i)), 1);
  },
  cases: [
    { inputs: [[4, 5], ids([2, 5], 4), [2, 5]], attrs: { dim: 0 } },
    { inputs: [[4, 5, 3], ids([3, 9, 2], 5), [4, 9, 3]], attrs: { dim: 1 } },
    { inputs: [[3, 2], ids([257, 2], 3), [257, 2]], attrs: { dim: 0 } },
    { inputs: [[3, 2], ids([0, 2], 3), [0, 2]], attrs: { dim: 0 } },
  ],
});

/** Indices along an axis of which no two lead to the same place. */
function distinct(shape: readonly number[], dim: number, below: number, draws: Random): NDArray {
  const rows = new Map<string, number[]>();
  return build(shape, (index) => {
    const key = replaced(index, dim, 0).join();
    let left = rows.get(key);
    if (left === undefined) rows.set(key, left = Array.from({ length: below }, (_, i) => i));
    return left.splice(draws.below(left.length), 1)[0];
  });
}

const permuted = distinct([5, 3, 4], 1, 6, random(3)).data;

testOp<Dim>({
  name: "scatter",
  dtypes: ["f32", "f16"],
  run: ([x, index, src], attrs) => scatter(x, index, src, attrs),
  reference: ([x, index, src], { dim }) => written(x, src, (i) => replaced(i, dim, at(index, i)), NaN),
  cases: [
    { inputs: [[5, 6, 4], { shape: [5, 3, 4], dtype: "i32", values: [...permuted] }, [5, 3, 4]], attrs: { dim: 1 } },
    { inputs: [[6, 7, 4], { shape: [5, 3, 4], dtype: "i32", values: [...permuted] }, [5, 3, 4]], attrs: { dim: 1 } },
  ],
});

gpuTest("index sums: looking through all and sorting first give the same, whatever the sizes", async () => {
  const draws = random(11);
  const checks: { label: string; got: Promise<ArrayLike<number>>; want: Float64Array }[] = [];
  const temporaries: Tensor[] = [];
  for (
    const [outer, length, inner, size] of [[1, 700, 4, 3], [2, 300, 3, 7], [1, 5000, 1, 999], [3, 1, 8, 5], [
      1,
      9000,
      2,
      1,
    ]]
  ) {
    // Whole numbers, so that the order of additions does not matter; some indices lead outside.
    const src = build([outer, length, inner], () => draws.below(15) - 7);
    const index = build([length], () => draws.below(size + 2) - 1);
    const skip = draws.below(size);
    const want = new Float64Array(outer * size * inner);
    build(src.shape, ([o, j, i]) => {
      const k = index.data[j];
      if (k >= 0 && k < size && k !== skip) want[(o * size + k) * inner + i] += at(src, [o, j, i]);
      return 0;
    });
    const [a, b] = [tensor(Float32Array.from(src.data)), tensor(Int32Array.from(index.data))];
    for (const method of ["direct", "sorted"] as const) {
      const y = temporary([want.length], "f32", "test");
      sumByIndex("test", a, b, y, { outer, length, inner, size }, skip, method);
      temporaries.push(y);
      checks.push({ label: `${method} by index ${[outer, length, inner, size]}`, got: y.data(), want });
    }
    const each = build([outer, length, inner], () => draws.below(size + 2) - 1);
    const wantEach = new Float64Array(outer * size * inner);
    build(src.shape, ([o, j, i]) => {
      const k = at(each, [o, j, i]);
      if (k >= 0 && k < size) wantEach[(o * size + k) * inner + i] += at(src, [o, j, i]);
      return 0;
    });
    const c = tensor(Int32Array.from(each.data));
    for (const method of ["direct", "sorted"] as const) {
      const y = temporary([wantEach.length], "f32", "test");
      sumByIndices("test", a, c, y, { outer, length, inner, size }, method);
      temporaries.push(y);
      checks.push({ label: `${method} by indices ${[outer, length, inner, size]}`, got: y.data(), want: wantEach });
    }
  }
  const got = await Promise.all(checks.map((check) => check.got));
  checks.forEach(({ label, want }, i) => assertEquals(Array.from(got[i]), Array.from(want), label));
  for (const t of temporaries) t.dispose();
});

gpuTest(
  "scatter: the last of those that lead to one place counts, both ways, and outside nothing is written",
  async () => {
    const draws = random(5), [outer, length, inner, size] = [2, 40, 3, 6];
    const index = build([outer, length, inner], () => draws.below(size + 3) - 1);
    const src = build([outer, length, inner], () => draws.normal()),
      x = build([outer, size, inner], () => draws.normal());
    const want = Float32Array.from(x.data);
    build(src.shape, ([o, j, i]) => {
      const k = at(index, [o, j, i]);
      if (k >= 0 && k < size) want[(o * size + k) * inner + i] = at(src, [o, j, i]);
      return 0;
    });
    const upload = ({ shape, data }: NDArray) => tensor(Float32Array.from(data), { shape });
    const [a, b, c] = [upload(x), tensor(Int32Array.from(index.data), { shape: index.shape }), upload(src)];
    for (const method of ["direct", "claims"] as const) {
      const y = temporary(x.shape, "f32", "test");
      scatterInto(a, b, c, y, 1, 0, method);
      assertEquals(Array.from(await y.data()), Array.from(want), method);
      scatterInto(a, b, null, y, 1, 7, method);
      const sevens = Array.from(await y.data()).filter((v) => v === 7).length;
      assertEquals(sevens, want.reduce((n, v, i) => n + Number(v !== Math.fround(x.data[i])), 0), method);
      y.dispose();
    }
  },
);

gpuTest(
  "embedding: the padding row gets no gradient, the gradient differentiates again, runs repeat bit for bit",
  async () => {
    const draws = random(8);
    const index = tensor(Int32Array.from({ length: 3000 }, () => draws.below(9)), { shape: [50, 60] });
    const weight = tensor(Float32Array.from({ length: 54 }, draws.normal), { shape: [9, 6], requiresGrad: true });
    const v = tensor(Float32Array.from({ length: 18000 }, draws.normal), { shape: [50, 60, 6], requiresGrad: true });
    const w = tensor(Float32Array.from({ length: 54 }, draws.normal), { shape: [9, 6] });
    const once = () =>
      grad([embedding(index, weight, { paddingIdx: -2 })], [weight], { gradOutputs: v, createGraph: true })[0]!;
    const [first, second] = [once(), once()];
    const [again] = grad([sum(mul(first, w))], [v]);
    const [a, b, c] = await Promise.all([first.data(), second.data(), again!.data()]);
    assertEquals(a, b);
    assertEquals(Array.from(a.subarray(42, 48)), [0, 0, 0, 0, 0, 0]);
    const rows = await index.data(), values = await w.data();
    c.forEach((value, i) => {
      const row = rows[Math.floor(i / 6)];
      assertEquals(value, row === 7 ? 0 : values[row * 6 + i % 6]);
    });
  },
);

gpuTest("indices that lead outside: an error where the host knows them, NaN and no write where not", async () => {
  const x = tensor([[1, 2, 3], [4, 5, 6]], { dtype: "f32" });
  const outside = tensor([0, 3]), wild = neg(tensor([0, 5]));
  assertThrows(() => embedding(outside, x), RangeError, "indices must be from 0 to 1, indices of shape [2] hold 3");
  assertThrows(() => indexSelect(x, tensor([-1]), { dim: 0 }), RangeError, "hold -1");
  assertThrows(() => gather(x, tensor([[3]]), { dim: 1 }), RangeError, "from 0 to 2");
  assertThrows(() => gather(x, tensor([0]), { dim: 1 }), ShapeError, "as many axes");
  assertThrows(() => gather(x, x, { dim: 1 }), TypeError, "must be i32, they are f32");
  assertThrows(() => scatter(x, tensor([[0]]), tensor([[0]]), { dim: 0 }), TypeError, "one type");
  assertThrows(
    () => scatterAdd(x, tensor([[0, 1]]), tensor([[1]], { dtype: "f32" }), { dim: 0 }),
    ShapeError,
    "none smaller",
  );
  assertThrows(() => indexAdd(x, tensor([0]), x, { dim: 0 }), ShapeError, "with 1 indices");
  assertThrows(() => embedding(outside, tensor([1.5])), ShapeError, "two axes");
  assertEquals(await indexSelect(x, wild, { dim: 0 }).array(), [[1, 2, 3], [NaN, NaN, NaN]]);
  assertEquals(await indexSelect(tensor([[1, 2]]), wild, { dim: 1 }).array(), [[1, 0]]);
  assertEquals(await takeAlongDim(x, wild.detach()).array(), [1, NaN]);
  assertEquals(await indexAdd(zeros([2]), wild, tensor([1.5, 2]), { dim: 0 }).array(), [1.5, 0]);
  assertEquals(await scatter(zeros([2]), wild, 3, { dim: 0 }).array(), [3, 0]);
});

gpuTest("nonzero: places in row-major order, of floats, whole numbers and booleans", async () => {
  const draws = random(31);
  for (const shape of [[7], [5, 9, 3], [300, 17], [2, 0], [1, 2, 1, 3, 1, 2, 2, 2]]) {
    for (const dtype of ["f32", "bf16", "i32", "bool"] as const) {
      const pick = dtype === "f32" ? [0, -0, 1, NaN, 1e-40] : [0, 1];
      const x = build(shape, () => pick[draws.below(pick.length)]);
      const want: number[] = [];
      build(shape, (index) => at(x, index) === 0 ? 0 : want.push(...index));
      const places = await nonzero(tensor(Float32Array.from(x.data), { shape, dtype }));
      assertEquals(places.shape, [want.length / shape.length, shape.length]);
      assertEquals(Array.from(await places.data()), want, `${dtype} [${shape}]`);
    }
  }
  assertEquals((await nonzero(tensor(3))).shape, [1, 0]);
  assertEquals((await nonzero(tensor(0))).shape, [0, 0]);
});

gpuTest("index sums on a GPU's terms: what looks through all indices there gives the same", async () => {
  const draws = random(40), [rows, count, width] = [65, 700, 12];
  const ids = tensor(Int32Array.from({ length: count }, () => draws.below(rows)));
  const weight = tensor(Float32Array.from({ length: rows * width }, draws.normal), {
    shape: [rows, width],
    requiresGrad: true,
  });
  const dy = tensor(Float32Array.from({ length: count * width }, () => draws.below(9) - 4), { shape: [count, width] });
  const gradient = async (name: Family) =>
    await withFamily(name, async () => await grad([embedding(ids, weight)], [weight], { gradOutputs: dy })[0]!.data());
  assertEquals(await gradient("groups"), await gradient("lanes"));
});

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  autocast,
  device,
  expand,
  grad,
  matmul,
  mul,
  permute,
  scope,
  ShapeError,
  square,
  sum,
  type Tensor,
  tensor,
  transpose,
  zeros,
} from "../../mod.ts";
import { testFamilies, testOpInFamilies } from "../../testing/families.ts";
import { gpuTest } from "../../testing/gpu.ts";
import * as reference from "../../testing/reference.ts";
import { assertSnapshot } from "../../testing/snapshot.ts";
import { caseName, type OpCase, type OpSpec, runCase } from "../../testing/test_op.ts";
import { Storage } from "../../tensor/storage.ts";
import { Tensor as TensorClass } from "../../tensor/tensor.ts";
import { withFamily } from "../_family.ts";
import { type Gemm, gemm, plainGemm } from "./_gemm.ts";
import { TILES, writeGroups } from "./_groups.ts";
import { writeLanes } from "./_lanes.ts";
import { withoutBroadcast } from "./_lanes_plan.ts";
import type { Matrices } from "./_operand.ts";

interface Attrs {
  /** Operands whose last two axes are swapped first. */
  swapped?: string;
}

const swapIf = (x: Tensor, wanted: boolean) => wanted ? transpose(x, -1, -2) : x;
const swappedReference = (x: reference.NDArray, wanted: boolean) => {
  const axes = x.shape.map((_, i) => i);
  return wanted ? reference.permute(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]) : x;
};

const shapes = (a: number[], b: number[], attrs: Attrs = {}): OpCase<Attrs> => ({ inputs: [a, b], attrs });

// The cases with a name are those that the other family runs, too.
const cases: OpCase<Attrs>[] = [
  shapes([1, 1], [1, 1]),
  { ...shapes([17, 65], [65, 9]), name: "unaligned" },
  shapes([12, 16], [16, 40]),
  shapes([20, 33], [33, 17]),
  shapes([33, 20], [33, 17], { swapped: "a" }),
  shapes([20, 33], [17, 33], { swapped: "b" }),
  shapes([33, 20], [17, 33], { swapped: "ab" }),
  shapes([16, 20], [16, 24], { swapped: "a" }),
  shapes([20, 16], [24, 16], { swapped: "b" }),
  shapes([1, 257], [257, 3]),
  shapes([257, 5], [5, 1]),
  shapes([3, 1], [1, 63]),
  shapes([65, 3], [3, 65]),
  shapes([40, 4], [4, 3]),
  shapes([2, 3, 7, 9], [2, 3, 9, 5]),
  shapes([4, 6, 8], [8, 3]),
  shapes([6, 8], [4, 8, 3]),
  { ...shapes([3, 1, 4, 5], [2, 5, 6]), name: "broadcast" },
  shapes([2, 8, 5], [2, 6, 8], { swapped: "ab" }),
  shapes([2, 1, 2, 1, 2, 1, 3, 4], [1, 2, 1, 3, 1, 2, 4, 2]),
  shapes([65], [65]),
  shapes([9, 17], [17]),
  shapes([17], [17, 9]),
  shapes([3, 4, 7], [7]),
  shapes([4], [3, 4, 7]),
  shapes([3, 0], [0, 4]),
  shapes([0, 3], [3, 4]),
  shapes([2, 0, 3], [3, 4]),
  { ...shapes([5, 40001], [40001, 7]), large: true },
  // Operands that are copied so that their lines start at multiples of four.
  { ...shapes([130, 127], [127, 150]), large: true },
  { ...shapes([2, 101, 130], [2, 101, 149], { swapped: "a" }), large: true },
  { ...shapes([130, 127], [3, 149, 127], { swapped: "b" }), large: true },
  { ...shapes([132, 72], [72, 152]), large: true, name: "several tiles" },
  // More workgroups than fit along one axis of a dispatch.
  { ...shapes([70001, 1, 2], [70001, 2, 1]), large: true },
];

const spec: OpSpec<Attrs> = {
  name: "matmul",
  dtypes: ["f32", "f16", "bf16"],
  run: ([a, b], { swapped = "" }) => matmul(swapIf(a, swapped.includes("a")), swapIf(b, swapped.includes("b"))),
  reference: ([a, b], { swapped = "" }) =>
    reference.matmul(swappedReference(a, swapped.includes("a")), swappedReference(b, swapped.includes("b"))),
  cases,
  // The bound of the golden cases: an f32 sum of k products may be off by some units of their largest partial sum.
  tolerance: { f32: { rtol: 1e-5, atol: 2e-4 } },
};

testOpInFamilies(spec, ({ name }) => name !== undefined);

gpuTest("matmul: lanes that broadcast nothing, against the f64 reference", () =>
  withoutBroadcast(async () => {
    for (const entry of cases.filter(({ name, inputs }) => name !== undefined || inputs[0].toString() === "33,20")) {
      assertEquals(await scope(() => runCase(spec, entry, "f32")), [], caseName(entry));
    }
  }));

const numbers = (count: number, seed: number) => {
  const { normal } = reference.random(seed);
  return Float32Array.from({ length: count }, normal);
};
const dispatches = () => device().recorder.counts.dispatches;

gpuTest("matmul reads transposed, permuted, sliced and expanded operands in place", async () => {
  const a = tensor(numbers(2 * 3 * 8 * 12, 1), { shape: [2, 8, 3, 12] });
  const b = tensor(numbers(12 * 20, 2), { shape: [20, 12] });
  const heads = () => permute(a, [0, 2, 1, 3]); // [2, 3, 8, 12]
  const wide = () => expand(transpose(b, 0, 1), [2, 3, 12, 20]);
  const copy = async (t: Tensor) => tensor(Float32Array.from(await t.data()), { shape: [...t.shape] });
  const products: [() => Tensor, () => Tensor][] = [
    [heads, wide],
    [() => transpose(heads(), 2, 3), () => permute(a, [0, 2, 1, 3])],
    [() => a, () => transpose(b, 0, 1)],
  ];
  for (const [left, right] of products) {
    const before = dispatches();
    const y = matmul(left(), right());
    void y.storage.buffer;
    assertEquals(dispatches() - before, 1);
    const plain = matmul(await copy(left()), await copy(right()));
    const [got, want] = [await y.data(), await plain.data()];
    assertEquals(y.shape, plain.shape);
    for (let i = 0; i < got.length; i++) assert(Math.abs(got[i] - want[i]) < 1e-4, `[${i}] ${got[i]}, want ${want[i]}`);
  }
});

gpuTest("a weight shared by a batch gets its gradient from one product", () => {
  const x = tensor(numbers(4 * 6 * 8, 3), { shape: [4, 6, 8] });
  const w = tensor(numbers(8 * 5, 4), { shape: [8, 5], requiresGrad: true });
  const stack = tensor(numbers(4 * 8 * 5, 5), { shape: [4, 8, 5] });
  const dy = tensor(numbers(4 * 6 * 5, 6), { shape: [4, 6, 5] });
  void dy.storage.buffer;
  const left = tensor(numbers(6 * 8, 7), { shape: [6, 8], requiresGrad: true });
  for (const [y, input] of [[matmul(x, w), w], [matmul(left, stack), left]] as const) {
    const before = dispatches();
    const [g] = grad(y, input, { gradOutputs: dy });
    void g!.storage.buffer;
    assertEquals(dispatches() - before, 1);
  }
});

/** A stack of matrices drawn from a seed, contiguous. */
function stackOf(seed: number, batch: number[], rows: number, columns: number): Matrices {
  const shape = [...batch, rows, columns];
  const t = tensor(numbers(shape.reduce((x, y) => x * y, 1), seed), { shape });
  const strides = reference.strides(shape);
  return { tensor: t, own: false, offset: 0, batch: strides.slice(0, -2), row: columns, column: 1 };
}

gpuTest("both families give what the plain kernel gives, with batches, sums over axes and long sums", async () => {
  const problem = (m: number, n: number, k: number, batch: number[], reduce: number[]): Gemm => {
    const a = stackOf(m, [...batch, ...reduce], m, k), b = stackOf(n + 100, [...batch, ...reduce], k, n);
    const at = (x: Matrices, from: number, to?: number) => x.batch.slice(from, to);
    return {
      a,
      b,
      m,
      n,
      k,
      batch: { sizes: batch, a: at(a, 0, batch.length), b: at(b, 0, batch.length) },
      reduce: { sizes: reduce, a: at(a, batch.length), b: at(b, batch.length) },
    };
  };
  const empty = (count: number) => new TensorClass({ shape: [count], storage: new Storage(count, "f32", "test") });
  for (
    const p of [
      problem(40, 36, 20, [2], [3]),
      problem(7, 5, 900, [], []),
      problem(9, 12, 4, [2], [300]),
      problem(300, 260, 8, [8], []),
    ]
  ) {
    const count = p.batch.sizes.reduce((x, y) => x * y, 1) * p.m * p.n;
    const results: Float32Array[] = [];
    for (const run of [plainGemm, gemm]) {
      for (const family of ["lanes", "groups"] as const) {
        await withFamily(family, async () => {
          const y = empty(count);
          run(p, y);
          results.push(await y.data() as Float32Array);
        });
      }
    }
    const [plain, , lanes, groups] = results;
    for (let i = 0; i < count; i++) {
      for (const other of [lanes, groups]) {
        assert(Math.abs(other[i] - plain[i]) < 2e-4, `${p.m}×${p.n}×${p.k} [${i}]: ${other[i]}, plain ${plain[i]}`);
      }
    }
  }
});

testFamilies("a product is repeated bit by bit, long sums included", async () => {
  const a = tensor(numbers(6 * 5000, 11), { shape: [6, 5000] }),
    b = tensor(numbers(5000 * 8, 12), { shape: [5000, 8] });
  assertEquals(await matmul(a, b).data(), await matmul(a, b).data());
});

testFamilies("what is not finite stays in its row and its column", async () => {
  const a = numbers(3 * 5, 13), b = numbers(5 * 6, 14);
  a[4] = NaN; // row 0, the last step of k
  b[4 * 6 + 2] = Infinity; // column 2
  const y = await matmul(tensor(a, { shape: [3, 5] }), tensor(b, { shape: [5, 6] })).data();
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 6; j++) {
      const value = y[i * 6 + j];
      if (i === 0) assert(Number.isNaN(value), `[${i}, ${j}] is ${value}`);
      else assertEquals(Number.isFinite(value), j !== 2, `[${i}, ${j}] is ${value}`);
    }
  }
});

gpuTest("the gradient of matmul can be differentiated", async () => {
  const a = numbers(2 * 3, 21), b = numbers(3 * 2, 22);
  // With s = Σ (a·b)², its gradient of a is 2·(a·b)·bᵀ; here the squares of that are summed.
  const penalty = (a: ArrayLike<number>) => {
    const y = reference.matmul(reference.array([2, 3], a), reference.array([3, 2], b));
    const g = reference.matmul(y, reference.permute(reference.array([3, 2], b), [1, 0]));
    return reference.total(g.data.map((v) => 4 * v * v));
  };
  const x = tensor(a, { shape: [2, 3], requiresGrad: true }), w = tensor(b, { shape: [3, 2] });
  const [first] = grad(sum(square(matmul(x, w))), x, { createGraph: true });
  const second = await grad(sum(mul(first!, first!)), x)[0]!.data();
  for (let i = 0; i < a.length; i++) {
    const moved = (h: number) => penalty(Float64Array.from(a, (v, j) => v + (i === j ? h : 0)));
    const want = (moved(1e-5) - moved(-1e-5)) / 2e-5;
    assert(Math.abs(second[i] - want) <= 1e-4 * Math.max(1, Math.abs(want)), `[${i}] ${second[i]}, want ${want}`);
  }
});

gpuTest("autocast rounds the operands of matmul to 16 bits, and gradients come back in their types", async () => {
  const a = tensor([[1 + 2 ** -10, 2]], { requiresGrad: true }), b = tensor([[1], [0]], { dtype: "f32" });
  const y = autocast("bf16", () => matmul(a, b));
  assertEquals(y.dtype, "bf16");
  assertEquals(await y.array(), [[1]]);
  assertEquals(grad(y, a, { gradOutputs: tensor([[1]], { dtype: "bf16" }) })[0]!.dtype, "f32");
});

gpuTest("matmul checks shapes and types", () => {
  const error = assertThrows(
    () => matmul(zeros([2, 3]), zeros([4, 5])),
    ShapeError,
    "Cannot multiply matrices in matmul: inner sizes must be equal, current shapes are [2, 3] and [4, 5]",
  );
  assertEquals(error.shapes, [[2, 3], [4, 5]]);
  assertThrows(() => matmul(zeros([]), zeros([2])), ShapeError, "operands must have an axis");
  assertThrows(() => matmul(zeros([2, 2, 3]), zeros([3, 3, 2])), ShapeError, "Cannot broadcast in matmul");
  assertThrows(
    () => matmul(zeros([2, 2], { dtype: "i32" }), zeros([2, 2])),
    TypeError,
    "operands must be floating, got i32 and f32",
  );
});

Deno.test("the text of the product's kernels", async () => {
  await assertSnapshot(
    "matmul_lanes.wgsl",
    writeLanes({
      lanes: 8,
      broadcast: true,
      rows: 8,
      columns: 4,
      a: "row",
      quadsA: true,
      b: "column",
      quadsB: true,
      ragged: true,
      quadsY: true,
      batchAxes: 1,
      reduceAxes: 2,
    }),
  );
  await assertSnapshot(
    "matmul_groups.wgsl",
    writeGroups({
      shape: TILES.small,
      a: "k",
      quadsA: true,
      b: "outer",
      quadsB: false,
      quadsY: false,
      unrolled: 4,
      batchAxes: 2,
      reduceAxes: 0,
    }),
  );
});

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  add,
  autocast,
  device,
  dropout,
  expand,
  gelu,
  grad,
  gt,
  linear,
  manualSeed,
  matmul,
  mul,
  permute,
  relu,
  reshape,
  scope,
  ShapeError,
  square,
  sum,
  type Tensor,
  tensor,
  to,
  transpose,
  zeros,
} from "../../mod.ts";
import { testFamilies, testOpInFamilies } from "../../testing/families.ts";
import { gpuTest } from "../../testing/gpu.ts";
import * as reference from "../../testing/reference.ts";
import { assertSnapshot } from "../../testing/snapshot.ts";
import { caseName, type OpCase, type OpSpec, runCase } from "../../testing/test_op.ts";
import { Storage } from "../../tensor/storage.ts";
import { uploadInto } from "../../tensor/in_place.ts";
import { Tensor as TensorClass } from "../../tensor/tensor.ts";
import { withFamily } from "../_family.ts";
import { type Gemm, gemm, plainGemm } from "./_gemm.ts";
import { TILES, writeGroups } from "./_groups.ts";
import { writeLanes } from "./_lanes.ts";
import { withoutBroadcast } from "./_lanes_plan.ts";
import type { Matrices } from "./_operand.ts";
import { PLAIN } from "./_sink.ts";

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

testFamilies("what follows a product is computed by its kernel, with the same bits as by one of its own", async () => {
  const products: [m: number, k: number, n: number, dtype: "f32" | "bf16" | "f16"][] = [
    [12, 20, 16, "f32"],
    [9, 33, 7, "f32"],
    [6, 8, 66, "bf16"],
    [5, 6, 3, "f16"],
    [7, 40001, 12, "f32"],
    [3, 30011, 5, "bf16"],
  ];
  for (const [m, k, n, dtype] of products) {
    const a = to(tensor(numbers(m * k, 31), { shape: [m, k] }), dtype);
    const b = to(tensor(numbers(k * n, 32), { shape: [k, n] }), dtype);
    const rest = tensor(numbers(m * n, 33), { shape: [m, n] });
    const bias = tensor(numbers(n, 34), { shape: [n] });
    for (const t of [a, b, rest, bias]) void t.storage.buffer;
    const behind = (y: Tensor) => [
      relu(add(y, bias)),
      to(gelu(add(mul(y, 0.5), rest)), "bf16"),
      gt(y, rest),
      add(transpose(reshape(y, [n, m]), 0, 1), y),
    ];
    for (const index of n === 16 ? [0, 1, 2, 3] : [1]) {
      const before = dispatches();
      const y = matmul(a, b);
      const fused = behind(y)[index];
      void fused.storage.buffer;
      const spent = dispatches() - before;
      if (k < 1000 && index < 3) {
        const whole = (dtype === "f32" && fused.dtype !== "bf16") || n % 2 === 0;
        assertEquals(spent, whole ? 1 : 2, `${m}×${k}×${n} ${dtype} ${index}`);
      }
      // The product itself is there, too, and the chain on it, recorded apart, gives the same.
      const again = dispatches();
      const plain = behind(y)[index];
      const values = await plain.data();
      assert(dispatches() - again <= 2);
      assertEquals(await fused.data(), values, `${m}×${k}×${n} ${dtype} ${index}`);
    }
  }
});

testFamilies("dropout behind a product draws what it draws elsewhere", async () => {
  const a = tensor(numbers(24 * 8, 41), { shape: [24, 8] }), b = tensor(numbers(8 * 12, 42), { shape: [8, 12] });
  const y = matmul(a, b);
  void y.storage.buffer;
  manualSeed(5);
  const apart = await dropout(y, { p: 0.5 }).data();
  manualSeed(5);
  assertEquals(await dropout(matmul(a, b), { p: 0.5 }).data(), apart);
});

gpuTest("a product keeps its value when its operands change in place, and after a chain has had it", async () => {
  const w = tensor([[1, 2], [3, 4]], { dtype: "f32" }), x = tensor([[1, 1]], { dtype: "f32" });
  const waiting = matmul(x, w), had = matmul(x, w);
  const chained = mul(had, 2);
  void chained.storage.buffer;
  uploadInto(w, new Float32Array(4));
  assertEquals(await waiting.array(), [[4, 6]]);
  assertEquals(await had.array(), [[4, 6]]);
  assertEquals(await chained.array(), [[8, 12]]);
});

gpuTest("a gradient that two chains read on its way is computed twice at most", async () => {
  const x = tensor(numbers(6 * 8, 51), { shape: [6, 8], requiresGrad: true });
  const u = tensor(numbers(6 * 8, 52), { shape: [6, 8], requiresGrad: true });
  const w = tensor(numbers(8 * 4, 53), { shape: [8, 4] });
  const y = matmul(add(relu(x), relu(u)), w);
  const dy = tensor(numbers(6 * 4, 54), { shape: [6, 4] });
  void y.storage.buffer;
  void dy.storage.buffer;
  const before = dispatches();
  const [dx, du] = grad(y, [x, u], { gradOutputs: dy });
  for (const g of [dx, du]) void g!.storage.buffer;
  assert(dispatches() - before <= 3);
  const plain = await matmul(dy, transpose(w, 0, 1)).data();
  const [gx, gu] = [await dx!.data(), await du!.data()];
  const [vx, vu] = [await x.data(), await u.data()];
  for (let i = 0; i < plain.length; i++) {
    assertEquals(gx[i], vx[i] > 0 ? plain[i] : 0);
    assertEquals(gu[i], vu[i] > 0 ? plain[i] : 0);
  }
});

testFamilies("a linear map's gradients: weight and bias in one kernel, also in parts and in 16 bits", async () => {
  for (
    const [rows, k, n, dtype] of [[20, 12, 8, "f32"], [7, 5, 3, "f32"], [9000, 6, 5, "f32"], [
      64,
      8,
      6,
      "bf16",
    ]] as const
  ) {
    const x = to(tensor(numbers(rows * k, 61), { shape: [rows, k] }), dtype);
    const w = to(tensor(numbers(n * k, 62), { shape: [n, k] }), dtype);
    const bias = tensor(numbers(n, 63), { shape: [n], requiresGrad: true });
    const weight = tensor(Float32Array.from(await w.data()), { shape: [n, k], dtype, requiresGrad: true });
    const dy = to(tensor(numbers(rows * n, 64), { shape: [rows, n] }), dtype);
    const [dw, db] = grad(linear(x, weight, { bias }), [weight, bias], {
      gradOutputs: to(dy, dtype === "f32" ? "f32" : dtype),
    });
    const apart = matmul(to(transpose(dy, 0, 1), "f32"), to(x, "f32")), sums = sum(to(dy, "f32"), { dim: 0 });
    const near = async (got: Tensor, want: Tensor, bound: number) => {
      const [g, v] = [await got.data(), await want.data()];
      for (let i = 0; i < v.length; i++) {
        const error = Math.abs(Number(g[i]) - Number(v[i]));
        assert(error <= bound * Math.max(1, Math.abs(Number(v[i]))), `${rows}×${k}×${n} [${i}] ${g[i]}, want ${v[i]}`);
      }
    };
    await near(dw!, apart, dtype === "f32" ? 1e-4 : 2 ** -8);
    await near(db!, sums, 1e-4);
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
      typeA: "f32",
      typeB: "f32",
      a: "row",
      quadsA: true,
      b: "column",
      quadsB: true,
      ragged: true,
      width: 4,
      batchAxes: 1,
      reduceAxes: 2,
      swapped: false,
      sink: PLAIN,
    }),
  );
  await assertSnapshot(
    "matmul_groups.wgsl",
    writeGroups({
      shape: TILES.small,
      typeA: "f16",
      typeB: "f32",
      a: "k",
      quadsA: true,
      b: "outer",
      quadsB: false,
      width: 2,
      unrolled: 4,
      batchAxes: 2,
      reduceAxes: 0,
      swapped: false,
      sink: { own: "bf16", bias: "f32", finish: null, sums: "apart" },
    }),
  );
});

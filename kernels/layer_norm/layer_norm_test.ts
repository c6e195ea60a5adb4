import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  grad,
  layerNorm,
  type LayerNormOptions,
  mul,
  rmsNorm,
  type RmsNormOptions,
  ShapeError,
  square,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../mod.ts";
import { testFamilies, testOpInFamilies } from "../../testing/families.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { mapRows, type NDArray, random, reshape, total } from "../../testing/reference.ts";
import type { OpCase } from "../../testing/test_op.ts";

type Attrs = Pick<LayerNormOptions, "normalizedShape" | "eps">;

/** The reference: rows over the last axes, normalised, scaled and shifted. */
function reference(centred: boolean) {
  return ([x, weight, bias]: NDArray[], { normalizedShape, eps = 1e-5 }: Attrs): NDArray => {
    const n = normalizedShape.reduce((a, b) => a * b, 1);
    const rows = reshape(x, [x.data.length / n, n]);
    const y = mapRows(rows, (row) => {
      const mean = centred ? total(row) / n : 0;
      const deviation = Math.sqrt(total(row.map((v) => (v - mean) ** 2)) / n + eps);
      return row.map((v, i) => (v - mean) / deviation * (weight?.data[i] ?? 1) + (bias?.data[i] ?? 0));
    });
    return reshape(y, x.shape);
  };
}

function cases(inputs: number): OpCase<Attrs>[] {
  const shapes: [number[], number[]][] = [
    [[4, 9], [9]],
    [[3, 4, 5], [4, 5]],
    [[2, 5, 16], [16]],
    [[3, 65], [65]],
    [[130, 64], [64]],
    [[2, 260], [260]],
    [[1, 1], [1]],
    [[9, 4100], [4100]],
    [[600, 40], [40]],
    [[1100, 8], [8]],
  ];
  return shapes.map(([shape, normalizedShape]) => ({
    inputs: [shape, ...new Array(inputs).fill(normalizedShape)],
    // One element is its own mean: only eps is left, and everything hangs on rounding.
    attrs: { normalizedShape, eps: 1e-3 },
    large: shape[0] * normalizedShape[0] > 20000,
  }));
}

const dtypes = ["f32", "f16", "bf16"] as const;

testOpInFamilies<Attrs>({
  name: "layerNorm",
  dtypes,
  run: ([x, weight, bias], attrs) => layerNorm(x, { ...attrs, weight, bias }),
  reference: reference(true),
  cases: [...cases(2), ...cases(0).slice(0, 4)],
});

testOpInFamilies<Attrs>({
  name: "layerNorm without bias",
  run: ([x, weight], attrs) => layerNorm(x, { ...attrs, weight }),
  reference: reference(true),
  cases: cases(1).slice(0, 4),
}, () => false);

testOpInFamilies<Pick<RmsNormOptions, "normalizedShape"> & { eps: number }>({
  name: "rmsNorm",
  dtypes,
  run: ([x, weight], attrs) => rmsNorm(x, { ...attrs, weight }),
  reference: ([x, weight], attrs) => reference(false)([x, weight], attrs),
  cases: [...cases(1), ...cases(0).slice(0, 3)] as OpCase<{ normalizedShape: number[]; eps: number }>[],
});

testFamilies("layerNorm far from zero, of constant rows, and of NaN", async () => {
  const draw = random(9);
  const row = Array.from({ length: 64 }, () => Math.fround(1000 + draw.normal()));
  const x = tensor([row, new Array(64).fill(7), [NaN, ...row.slice(1)]], { dtype: "f32" });
  const y = await layerNorm(x, { normalizedShape: [64] }).array() as number[][];
  const [want] = [reference(true)([{ shape: [1, 64], data: Float64Array.from(row) }], { normalizedShape: [64] })];
  for (let i = 0; i < 64; i++) assert(Math.abs(y[0][i] - want.data[i]) < 2e-4);
  assertEquals(y[1], new Array(64).fill(0));
  assertEquals(y[2], new Array(64).fill(NaN));
});

gpuTest("gradients of gradients of norms agree with differences", async () => {
  const draw = random(21);
  const list = (n: number) => Array.from({ length: n }, () => draw.normal());
  const values = list(10),
    weight = tensor(list(5), { dtype: "f32" }),
    out = tensor(list(10), { dtype: "f32", shape: [2, 5] });
  const direction = list(10);
  const norms: [string, (x: Tensor) => Tensor][] = [
    ["layerNorm", (x) => layerNorm(x, { normalizedShape: [5], weight })],
    ["rmsNorm", (x) => rmsNorm(x, { normalizedShape: [5], weight, eps: 1e-5 })],
  ];
  for (const [name, norm] of norms) {
    const gradient = (x: Tensor, createGraph: boolean) => grad(sum(mul(norm(x), out)), x, { createGraph })[0]!;
    const at = (h: number) =>
      tensor(values.map((v, i) => v + h * direction[i]), { dtype: "f32", shape: [2, 5], requiresGrad: true });
    const x = at(0);
    const fused = await gradient(x, false).data(), composed = gradient(x, true);
    const same = await composed.data();
    for (let i = 0; i < 10; i++) assert(Math.abs(fused[i] - same[i]) < 1e-5, `${name}: both ways must agree`);
    const second = await grad(sum(square(composed)), x)[0]!.data();
    const energy = async (h: number) => total((await gradient(at(h), false).data()).map((g) => g * g));
    const want = (await energy(1e-2) - await energy(-1e-2)) / 2e-2;
    const got = total([...second].map((g, i) => g * direction[i]));
    assert(Math.abs(got - want) < 2e-3 * Math.max(1, Math.abs(want)), `${name}: ${got}, want ${want}`);
  }
});

gpuTest("only the gradients that are wanted are computed", async () => {
  const x = tensor([[1, 2, 3]], { dtype: "f32" });
  const weight = tensor([1, 1, 1], { dtype: "f32" }), bias = tensor([0, 0, 0], { dtype: "f32", requiresGrad: true });
  const [g] = grad(sum(layerNorm(x, { normalizedShape: [3], weight, bias })), bias);
  assertEquals(await g!.array(), [1, 1, 1]);
});

gpuTest("layerNorm checks shapes and types", async () => {
  const x = zeros([2, 3]);
  assertThrows(() => layerNorm(x, { normalizedShape: [4] }), ShapeError, "[2, 3] and [4]");
  assertThrows(() => layerNorm(x, { normalizedShape: [] }), ShapeError, "normalizedShape");
  assertThrows(() => rmsNorm(x, { normalizedShape: [3], weight: zeros([2]) }), ShapeError, "weight");
  assertThrows(() => layerNorm(tensor([1, 2]), { normalizedShape: [2] }), TypeError, "i32");
  assertEquals(layerNorm(zeros([0, 3]), { normalizedShape: [3] }).shape, [0, 3]);
  const weight = tensor([1, 1, 1], { dtype: "f32", requiresGrad: true });
  const [g] = grad(sum(layerNorm(zeros([0, 3]), { normalizedShape: [3], weight })), weight);
  assertEquals(await g!.array(), [0, 0, 0]);
});

import { assert, assertEquals } from "@std/assert";
import type { MatrixShape } from "../../device/mod.ts";
import { Device, setDevice } from "../../device/mod.ts";
import { SUBGROUP_MATRIX, subgroupMatrices } from "../../device/subgroup_matrices.ts";
import { add, expand, grad, matmul, relu, scope, slice, type Tensor, tensor, to, transpose } from "../../mod.ts";
import { openDawn } from "../../platform/webgpu.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { EMULATED } from "../../testing/matrix_emulation.ts";
import * as reference from "../../testing/reference.ts";
import { assertSnapshot } from "../../testing/snapshot.ts";
import { caseName, type OpCase, type OpSpec, runCase } from "../../testing/test_op.ts";
import { withFamily } from "../_family.ts";
import { type MatricesKernel, matricesKernel, withMatrixUnit, writeMatrices } from "./_matrices.ts";
import { FLAGGED, NAMED } from "./_matrix_ops.ts";
import { PLAIN } from "./_sink.ts";
import { withTile } from "./tuning.ts";

/** One whose sums are too coarse, one with equal sides in f32, one with different sides in 16 bits. */
const SHAPES: readonly MatrixShape[] = [
  { component: "f16", result: "f16", m: 8, n: 8, k: 8 },
  { component: "f32", result: "f32", m: 8, n: 8, k: 8 },
  { component: "f16", result: "f32", m: 16, n: 16, k: 8 },
];
/** Three different sides, so that one in the place of another does not compile. */
const SIDES: MatrixShape = { component: "f16", result: "f32", m: 8, n: 16, k: 32 };

/**
 * Runs `fn` with emulated matrices in workgroups of four subgroups; gives the number of products that were made of
 * them.
 */
async function emulated(fn: () => unknown): Promise<number> {
  let plans = 0;
  const unit = {
    shapes: SHAPES,
    lanes: 16,
    // A plan asks for it when it is made.
    get ops() {
      plans++;
      return EMULATED;
    },
  };
  await withFamily("groups", () => withMatrixUnit(unit, async () => void await fn()));
  return plans;
}

interface Attrs {
  swapped?: string;
}

const spec: OpSpec<Attrs> = {
  name: "matmul of small matrices",
  dtypes: ["f32", "f16"],
  run: ([a, b], { swapped = "" }) => {
    const swap = (x: Tensor, which: string) => swapped.includes(which) ? transpose(x, -1, -2) : x;
    return matmul(swap(a, "a"), swap(b, "b"));
  },
  reference: ([a, b], { swapped = "" }) => {
    const swap = (x: reference.NDArray, which: string) => {
      const axes = x.shape.map((_, i) => i), last = axes.length - 1;
      return swapped.includes(which) ? reference.permute(x, [...axes.slice(0, -2), last, last - 1]) : x;
    };
    return reference.matmul(swap(a, "a"), swap(b, "b"));
  },
  cases: [],
  tolerance: { f32: { rtol: 1e-5, atol: 2e-4 } },
};

/** Sides that few matrices of a subgroup divide: a kernel of many takes half a minute to compile on a processor. */
const cases = (u: number): OpCase<Attrs>[] => [
  { inputs: [[3 * u, 5 * u], [5 * u, u]], attrs: {} },
  { inputs: [[5 * u, 3 * u], [u, 5 * u]], attrs: { swapped: "ab" }, noGrad: true },
  { inputs: [[2, 1, u, u], [3, u, 3 * u]], attrs: {} },
  { inputs: [[u, 1040], [1040, u]], attrs: {}, noGrad: true },
  ...(u === 8 ? [{ inputs: [[16, 8], [8, 16]], attrs: {}, noGrad: true }] : []),
];

for (const [dtype, side] of [["f32", 8], ["f16", 16]] as const) {
  gpuTest(`small matrices in ${dtype}, emulated, give the product and its gradients`, async () => {
    for (const entry of cases(side)) {
      let wrong: string[] = [];
      const plans = await emulated(() => scope(async () => void (wrong = await runCase(spec, entry, dtype))));
      assertEquals(wrong, [], caseName(entry));
      assertEquals(plans, entry.noGrad ? 1 : 3, caseName(entry));
    }
  });
}

const given = (shape: number[], seed: number): Tensor => {
  const { normal } = reference.random(seed);
  return tensor(Float32Array.from({ length: shape.reduce((x, y) => x * y, 1) }, normal), { shape });
};

gpuTest("small matrices are left to other kernels where they do not fit", async () => {
  const a = given([8, 24], 1), b = given([24, 8], 2);
  const products: [taken: number, product: () => Tensor][] = [
    [1, () => matmul(a, b)],
    [1, () => matmul(slice(a, { dim: 1, start: 8 }), slice(b, { start: 8 }))],
    // Sides that are no multiples, lines that begin anywhere or lie on each other, other types.
    [0, () => matmul(slice(a, { end: 7 }), b)],
    [0, () => matmul(slice(a, { dim: 1, start: 1, end: 17 }), slice(b, { end: 16 }))],
    [0, () => matmul(expand(slice(a, { end: 1 }), [8, 24]), b)],
    [0, () => matmul(to(a, "bf16"), to(b, "bf16"))],
  ];
  for (const [taken, product] of products) {
    assertEquals(await emulated(() => void product().storage.buffer), taken, String(product));
  }
  assertEquals(await withTile("square", () => emulated(() => void matmul(a, b).storage.buffer)), 0);
});

gpuTest(
  "what follows a product of small matrices, and the sums over a batch, are what other kernels give",
  async () => {
    const w = given([8, 24], 3), x = given([3, 24, 8], 4), dy = given([3, 8, 8], 5);
    w.requiresGrad = true;
    const run = async () => {
      const y = matmul(w, x);
      const fused = to(relu(add(y, 1)), "bf16");
      const [dw] = grad(y, w, { gradOutputs: dy });
      return await Promise.all([fused, y, dw!].map(async (t) => [...await t.data()].map(Number)));
    };
    const want = await run(), got: number[][][] = [];
    for (let i = 0; i < 2; i++) assertEquals(await emulated(async () => void got.push(await run())), 2);
    assertEquals(got[0], got[1]);
    want.forEach((values, which) =>
      values.forEach((value, i) => {
        const bound = which === 0 ? 2 ** -7 * Math.max(1, Math.abs(value)) : 1e-4;
        assert(Math.abs(got[0][which][i] - value) <= bound, `${which} [${i}] ${got[0][which][i]}, want ${value}`);
      })
    );
  },
);

const kernel: MatricesKernel = {
  ops: NAMED,
  shape: SIDES,
  lanes: 32,
  side: 2,
  rows: 2,
  columns: 1,
  columnsA: false,
  columnsB: true,
  batchAxes: 1,
  reduceAxes: 0,
};

Deno.test("the text of the kernel with small matrices", () =>
  assertSnapshot("matmul_matrices.wgsl", writeMatrices(kernel)));

Deno.test({
  name: "Dawn's compiler takes the kernels with small matrices in both syntaxes, and whole products of them",
  // Dawn's own threads outlive the device.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    // Compiles and validates as any other, computes nothing.
    const dawn = await openDawn(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
    const adapter = (await dawn!.requestAdapter())!;
    const requiredFeatures = [SUBGROUP_MATRIX, "shader-f16", "subgroups"] as GPUFeatureName[];
    const gpu = await adapter.requestDevice({ requiredFeatures });
    const found = (await subgroupMatrices(adapter.info, gpu))!;
    assertEquals(found.namesOrder, true);

    const messagesOf = async (spec: MatricesKernel) => {
      const { messages } = await gpu.createShaderModule({ code: writeMatrices(spec) }).getCompilationInfo();
      return messages.map(({ message }) => message);
    };
    for (const shape of [SHAPES[1], SIDES]) {
      for (const [columnsA, columnsB, reduceAxes] of [[true, false, 1], [false, true, 0]] as const) {
        assertEquals(await messagesOf({ ...kernel, shape, columnsA, columnsB, reduceAxes }), []);
      }
    }
    // Dawn prints that this syntax is deprecated, and has nothing else to say.
    const flagged = await messagesOf({ ...kernel, ops: FLAGGED, rows: 1 });
    assert(flagged.length > 0 && flagged.every((message) => /deprecated/.test(message)), flagged.join("\n"));

    const info = { adapter: "none", vendor: "", architecture: "", software: false };
    const idle = new Device(gpu, {
      backend: "dawn",
      ...info,
      subgroupMatrices: { shapes: SHAPES, lanes: 32, namesOrder: true },
    });
    const before = setDevice(idle);
    try {
      await scope(async () => {
        const fitting = { ...kernel, columnsB: false, batchAxes: 0 };
        for (const [dtype, shape, count] of [["f32", SHAPES[1], 4], ["f16", SHAPES[2], 2]] as const) {
          const [a, b] = [given([2, 64, 32], 7), given([32, 96], 8)].map((t) => to(t, dtype));
          for (const t of [a, b]) void t.storage.buffer;
          void matmul(a, b).storage.buffer;
          const { key } = matricesKernel({ ...fitting, shape, rows: count, columns: count }, PLAIN);
          assert(idle.pipelines.cached(key!) !== undefined, `${key} is compiled`);
        }
        await idle.sync();
      });
    } finally {
      setDevice(before);
    }
    gpu.destroy();
  },
});

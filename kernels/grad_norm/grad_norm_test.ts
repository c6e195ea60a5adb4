import { assert, assertEquals, assertThrows } from "@std/assert";
import { gradNorm, reshape, type Tensor, tensor, zeros } from "../../mod.ts";
import { countDispatches, gpuTest } from "../../testing/gpu.ts";
import { random } from "../../testing/reference.ts";
import { assertSnapshot } from "../../testing/snapshot.ts";
import { withFamily } from "../_family.ts";
import { writeSweep } from "./_sweep.ts";
import { limitNorm, limitValues } from "./grad_norm.ts";

const SIZES = [1, 2, 3, 5, 0, 64, 255, 257, 4099, 70_001, 6];

/** Tensors of normal numbers, and their norm in f64. */
function drawn(p: number, dtype: "f32" | "f16" | "bf16"): { tensors: Tensor[]; want: number } {
  const draws = random(7);
  const values = SIZES.map((n) => Float32Array.from({ length: n }, () => Math.round(draws.normal() * 64) / 64));
  const tensors = values.map((v) => tensor(v, { dtype }));
  const all = values.flatMap((v) => [...v]).map(Math.abs);
  const want = p === Infinity ? Math.max(...all) : all.reduce((sum, v) => sum + v ** p, 0) ** (1 / p);
  return { tensors, want };
}

for (const family of ["lanes", "groups"] as const) {
  gpuTest(`norms of tensors of many sizes, ${family}`, async () => {
    await withFamily(family, async () => {
      for (const p of [2, 1, Infinity, 3, 0.5]) {
        const { tensors, want } = drawn(p, "f32");
        const got = await gradNorm(tensors, p).item();
        assert(Math.abs(got / want - 1) < 1e-5, `norm of order ${p} is ${got}, want ${want}`);
      }
    });
  });
}

gpuTest("halves are read as they are, beside f32", async () => {
  for (const dtype of ["f16", "bf16"] as const) {
    const { tensors, want } = drawn(2, dtype);
    const mixed = [...tensors, tensor([300, 400], { dtype: "f32" })];
    const got = await gradNorm(mixed).item(), all = Math.sqrt(want ** 2 + 250_000);
    // bf16 has fewer digits than the numbers drawn.
    assert(Math.abs(got / all - 1) < (dtype === "f16" ? 1e-5 : 1e-3), `norm in ${dtype} is ${got}, want ${all}`);
  }
});

gpuTest("as many tensors as there are bindings take one dispatch, and the result another", (device) => {
  const most = Math.min(16, device.limits.maxStorageBuffersPerShaderStage - 1);
  const tensors = Array.from({ length: most + 1 }, (_, i) => tensor(new Float32Array(100 + i).fill(1)));
  for (const [count, dispatches] of [[most, 2], [most + 1, 3]]) {
    assertEquals(countDispatches(() => gradNorm(tensors.slice(0, count))), dispatches);
  }
});

for (const family of ["lanes", "groups"] as const) {
  gpuTest(`tensors of many sizes change in place, those over the same memory once, ${family}`, async () => {
    await withFamily(family, async () => {
      for (const dtype of ["f32", "f16", "bf16"] as const) {
        const { tensors } = drawn(2, dtype);
        const before = await Promise.all(tensors.map((t) => t.data()));
        limitNorm([...tensors, reshape(tensors[8], [-1])], tensor([4], { dtype: "f32" }), 1);
        const after = await Promise.all(tensors.map((t) => t.data()));
        before.forEach((values, k) =>
          values.forEach((v, i) => assert(Math.abs(after[k][i] - v / 4) < 1e-6 + Math.abs(v) * 1e-6))
        );
        limitValues(tensors, 0.125);
        const limited = await Promise.all(tensors.map((t) => t.data()));
        after.forEach((values, k) =>
          values.forEach((v, i) => assertEquals(limited[k][i], Math.min(0.125, Math.max(-0.125, v))))
        );
      }
    });
  });
}

gpuTest("limits let NaN through", async () => {
  const x = tensor([NaN, Infinity, -3, 0.5]);
  limitValues([x], 1);
  assertEquals(await x.array(), [NaN, 1, -1, 0.5]);
  limitNorm([x], tensor([NaN]), 1);
  assertEquals(await x.array(), [NaN, NaN, NaN, NaN]);
});

Deno.test("the generated sweep is as it was reviewed", async () => {
  const change = "v * numbers[0]";
  const kind = { acc: "vec4f", part: "f32", term: "v * w", combine: "a + b", fold: "v.x + v.y + v.z + v.w" } as const;
  await assertSnapshot("sweep_lanes.wgsl", writeSweep({ name: "scale", change, reads: true }, "f32", 2, "lanes"));
  await assertSnapshot(
    "sweep_groups.wgsl",
    writeSweep({ name: "sum", change, reads: true, kind }, "bf16", 2, "groups"),
  );
});

gpuTest("NaN and infinity come through, padding does not", async () => {
  const rest = tensor([1, 2, 3], { dtype: "f32" });
  for (const p of [2, Infinity]) {
    assertEquals(await gradNorm([rest, tensor([NaN, 1])], p).item(), NaN);
    assertEquals(await gradNorm([rest, tensor([1, -Infinity])], p).item(), Infinity);
    assertEquals(await gradNorm([zeros([5])], p).item(), 0);
    assertEquals(await gradNorm([], p).item(), 0);
  }
  assertThrows(() => gradNorm([rest], 0), RangeError, "above 0");
  assertThrows(() => gradNorm([tensor([1])]), TypeError, "i32");
});

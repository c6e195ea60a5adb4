import { assert, assertEquals, assertThrows } from "@std/assert";
import { gradNorm, type Tensor, tensor, zeros } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { random } from "../../testing/reference.ts";
import { withFamily } from "../_family.ts";

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

gpuTest("four tensors take one dispatch, and the result another", (device) => {
  const tensors = Array.from({ length: 9 }, (_, i) => tensor(new Float32Array(100 + i).fill(1)));
  gradNorm(tensors);
  const before = device.recorder.counts.dispatches;
  gradNorm(tensors);
  assertEquals(device.recorder.counts.dispatches - before, 4);
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

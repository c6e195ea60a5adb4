import { assert, assertEquals } from "@std/assert";
import { type Tensor, tensor, zeros } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { random } from "../../testing/reference.ts";
import { withFamily } from "../_family.ts";
import { unscaleGradients, updateScale } from "./grad_scaler.ts";

const SIZES = [1, 3, 64, 0, 257, 4099];

function stateOf(scale: number, tracker = 0): { scale: Tensor; tracker: Tensor; skipped: Tensor } {
  const [a, b, c] = [scale, tracker, 0].map((value) => tensor(value, { dtype: "f32" }));
  return { scale: a, tracker: b, skipped: c };
}

for (const family of ["lanes", "groups"] as const) {
  gpuTest(`gradients are unscaled exactly and their norm is taken along, ${family}`, async () => {
    await withFamily(family, async () => {
      const draws = random(3);
      const values = SIZES.map((n) => Float32Array.from({ length: n }, () => draws.normal()));
      const grads = values.map((v) => tensor(v.map((x) => x * 1024)));
      const control = zeros([2]);
      using norm = unscaleGradients(stateOf(1024), grads, control);
      for (const [i, t] of grads.entries()) assertEquals(await t.data(), values[i]);
      assertEquals(await control.array(), [0, 1]);
      const want = Math.sqrt(values.flatMap((v) => [...v]).reduce((sum, x) => sum + x * x, 0));
      assert(Math.abs(await norm.item() / want - 1) < 1e-6);
    });
  });

  gpuTest(`one element that is not finite is found wherever it is, ${family}`, async () => {
    await withFamily(family, async () => {
      for (const bad of [NaN, Infinity, -Infinity]) {
        for (const [k, i] of [[0, 0], [1, 2], [2, 63], [4, 256], [5, 4098], [5, 2000]]) {
          const grads = SIZES.map((n) => Float32Array.from({ length: n }, () => 3e38));
          grads[k][i] = bad;
          const state = stateOf(2), control = zeros([2]);
          unscaleGradients(state, grads.map((v) => tensor(v)), control).dispose();
          assertEquals(await control.array(), [1, 1], `${bad} in tensor ${k} at ${i}`);
          assertEquals(await state.skipped.item(), 1);
        }
      }
    });
  });
}

gpuTest("what lies behind the end of a gradient does not matter", async () => {
  for (const dtype of ["f32", "bf16"] as const) {
    // A buffer that held infinities before is taken anew for a shorter tensor.
    const before = tensor(new Float32Array(8).fill(Infinity), { dtype });
    await before.data();
    before.dispose();
    const control = zeros([2]);
    unscaleGradients(stateOf(1), [tensor([1, 2, 3, 4, 5], { dtype })], control).dispose();
    assertEquals(await control.array(), [0, 1]);
  }
});

gpuTest("the largest finite numbers are no overflow, though their squares are", async () => {
  const control = zeros([2]);
  using norm = unscaleGradients(stateOf(1), [tensor([3e38, 1])], control);
  assertEquals([await control.array(), await norm.item()], [[0, 1], Infinity]);
});

gpuTest("the scale grows, shrinks, and never becomes infinite or so small that its inverse would be", async () => {
  const options = tensor([2, 0.5, 3], { dtype: "f32" });
  const after = async (scale: number, tracker: number, skipped: number) => {
    const state = { ...stateOf(scale, tracker), skipped: tensor(skipped, { dtype: "f32" }) };
    updateScale(state, options);
    return await Promise.all([state.scale.item(), state.tracker.item(), state.skipped.item()]);
  };
  assertEquals(await after(8, 0, 0), [8, 1, 0]);
  assertEquals(await after(8, 2, 0), [16, 0, 0]);
  assertEquals(await after(8, 2, 1), [4, 0, 0]);
  assertEquals(await after(2 ** 127, 2, 0), [2 ** 127, 0, 0]);
  assertEquals(await after(2 ** -125, 2, 1), [2 ** -126, 0, 0]);
  assertEquals(await after(2 ** -126, 2, 1), [2 ** -126, 0, 0]);
});

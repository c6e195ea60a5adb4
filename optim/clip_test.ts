import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { add, backward, keep, sum, type Tensor, tensor, zeros } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { clipGradNorm, clipGradValue } from "./mod.ts";

function withGrad(values: number[], dtype: "f32" | "f16" = "f32"): Tensor {
  const p = zeros([values.length], { dtype, requiresGrad: true });
  p.grad = keep(tensor(values, { dtype }));
  return p;
}

function drop(...params: Tensor[]): void {
  for (const p of params) {
    p.grad?.dispose();
    p.grad = null;
  }
}

gpuTest("gradients that share memory are scaled once each", async () => {
  const [a, b] = [zeros([2], { requiresGrad: true }), zeros([2], { requiresGrad: true })];
  backward(sum(add(a, b)));
  const seen = a.grad!.storage;
  const norm = clipGradNorm([a, b], 1);
  assert(Math.abs(await norm.item() - 2) < 1e-6);
  assertEquals(await a.grad!.array(), await b.grad!.array());
  assert(Math.abs((await a.grad!.data())[0] - 0.5) < 1e-6);
  assert(seen !== a.grad!.storage);
  drop(a, b);
});

gpuTest("a parameter that stands twice counts once, one without a gradient not at all", async () => {
  const a = withGrad([3, 4]), b = zeros([2], { requiresGrad: true });
  const norm = clipGradNorm([a, a, b], 100);
  assertEquals(await norm.item(), 5);
  assertEquals(await a.grad!.array(), [3, 4]);
  assertEquals(b.grad, null);
  assertEquals(await clipGradNorm([b], 1).item(), 0);
  assertEquals(await clipGradNorm(a, 1, { normType: Infinity }).item(), 4);
  drop(a);
});

gpuTest("gradients in 16 bits keep their type, and their norm is taken in f32", async () => {
  const a = withGrad([60000, 60000], "f16");
  const norm = clipGradNorm([a], 60000);
  assertEquals(norm.dtype, "f32");
  assert(Math.abs(await norm.item() - 60000 * Math.SQRT2) < 100);
  assertEquals(a.grad!.dtype, "f16");
  assert(Math.abs((await a.grad!.data())[0] - 60000 / Math.SQRT2) < 32);
  drop(a);
});

gpuTest("nothing is read from the device unless an error is asked for", async (device) => {
  const a = withGrad([Infinity, 1]);
  const before = device.recorder.counts.submits;
  const error = await assertRejects(() => clipGradNorm([a], 1, { errorIfNonfinite: true }), RangeError);
  assert(error.message.includes("Infinity"));
  assert(device.recorder.counts.submits > before);
  assertEquals(await a.grad!.array(), [Infinity, 1]);
  const submits = device.recorder.counts.submits;
  clipGradNorm([a], 1);
  assertEquals(device.recorder.counts.submits, submits);
  drop(a);
});

gpuTest("values are limited, and senseless bounds refused", async () => {
  const a = withGrad([3, -0.25, -7]);
  clipGradValue([a], 0.5);
  assertEquals(await a.grad!.array(), [0.5, -0.25, -0.5]);
  assertThrows(() => clipGradValue([a], -1), RangeError, "clipValue");
  assertThrows(() => clipGradNorm([a], NaN), RangeError, "maxNorm");
  drop(a);
});

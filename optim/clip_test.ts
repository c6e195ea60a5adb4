import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { keep, reshape, type Tensor, tensor, zeros } from "../mod.ts";
import { countDispatches, gpuTest } from "../testing/gpu.ts";
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

gpuTest("gradients that share memory are scaled once each, and what else shares it stays", async () => {
  const a = withGrad([3, 4]), b = zeros([2, 1], { requiresGrad: true });
  const seen = reshape(a.grad!, [1, 2]);
  b.grad = keep(reshape(a.grad!, [2, 1]));
  const norm = clipGradNorm([a, b], Math.SQRT2);
  assert(Math.abs(await norm.item() - 5 * Math.SQRT2) < 1e-6);
  for (const { grad } of [a, b]) {
    const [x, y] = await grad!.data();
    assert(Math.abs(x - 0.6) < 1e-6 && Math.abs(y - 0.8) < 1e-6);
  }
  assertEquals(await seen.array(), [[3, 4]]);
  drop(a, b);
});

gpuTest("gradients of a model are clipped in three dispatches, without a new gradient", (device) => {
  const params = Array.from({ length: 10 }, (_, i) => withGrad(new Array(5 + i).fill(1)));
  const grads = params.map((p) => p.grad);
  clipGradNorm(params, 1);
  const wanted = device.limits.maxStorageBuffersPerShaderStage > 10 ? 3 : 5;
  assertEquals(countDispatches(() => clipGradNorm(params, 1)), wanted);
  assertEquals(params.map((p) => p.grad), grads);
  drop(...params);
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

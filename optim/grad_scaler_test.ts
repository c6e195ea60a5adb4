import { assert, assertEquals, assertThrows } from "@std/assert";
import { backward, keep, mul, sum, type Tensor, tensor, zeros } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { Adam, clipGradNorm, GradScaler, SGD, StepLR } from "./mod.ts";

function give(p: Tensor, values: number[]): void {
  p.grad?.dispose();
  p.grad = keep(tensor(values, { dtype: "f32" }));
}

gpuTest("a skipped step does not count on the device; schedulers, which count on the host, go on", async () => {
  const p = tensor([1, -2, 3], { dtype: "f32", requiresGrad: true });
  using adam = new Adam([p], { lr: 0.1 });
  using scaler = new GradScaler({ initScale: 4 });
  const scheduler = new StepLR(adam, { stepSize: 100 });
  for (const gradient of [[4, 8, -4], [4, NaN, 1], [4, 4, 4], [-Infinity, 0, 0], [2, 4, 8]]) {
    give(p, gradient);
    scaler.step(adam);
    scaler.update();
    scheduler.step();
  }
  assertEquals(await scaler.getScale(), 1);
  assertEquals(await (adam.stateDict().state[0].step as Tensor).item(), 3);
  assertEquals(scheduler.lastEpoch, 5);
  adam.zeroGrad();
});

gpuTest("skipped steps are as if they had not been, bit for bit", async () => {
  const good = [[1, 2, -1], [0.5, 1, 1], [2, -4, 8]], results: number[][] = [];
  for (const bad of [[], [[NaN, 0, 0]], [[0, Infinity, 1], [0, 0, -Infinity]]]) {
    const p = tensor([1, -2, 3], { dtype: "f32", requiresGrad: true });
    const adam = new Adam([p], { lr: 0.1 }), scaler = new GradScaler({ initScale: 256 });
    for (const gradient of [good[0], ...bad, good[1], ...bad, good[2]]) {
      backward(scaler.scale(sum(mul(p, tensor(gradient, { dtype: "f32" })))));
      scaler.step(adam);
      scaler.update();
      adam.zeroGrad();
    }
    results.push(await p.array() as number[]);
    adam.dispose();
    scaler.dispose();
  }
  assertEquals(results[1], results[0]);
  assertEquals(results[2], results[0]);
});

gpuTest("nothing is read or submitted, and clipping uses the norm that unscaling took along", async (device) => {
  const params = Array.from({ length: 6 }, (_, i) => zeros([4 + i], { requiresGrad: true }));
  const optimizer = new SGD(params, { lr: 1 }), scaler = new GradScaler({ initScale: 2 });
  const once = () => {
    for (const p of params) give(p, new Array(p.numel).fill(2));
    const counts = [device.recorder.counts.dispatches];
    scaler.unscale(optimizer);
    counts.push(device.recorder.counts.dispatches);
    const norm = clipGradNorm(params, 1);
    counts.push(device.recorder.counts.dispatches);
    scaler.step(optimizer);
    const before = device.recorder.counts.dispatches;
    scaler.update();
    counts.push(counts[2] + device.recorder.counts.dispatches - before);
    return { norm, dispatches: counts.slice(1).map((n, i) => n - counts[i]) };
  };
  once().norm.dispose();
  const submits = device.recorder.counts.submits;
  const { norm, dispatches } = once();
  assertEquals(device.recorder.counts.submits, submits);
  assertEquals(dispatches, [2, 1, 1]);
  const want = Math.sqrt(params.reduce((n, p) => n + p.numel, 0));
  assert(Math.abs(await norm.item() - want) < 1e-5);
  assert(Math.abs((await params[0].grad!.data())[0] - 1 / want) < 1e-6);
  // A gradient that changed in between has another norm.
  for (const p of params) give(p, new Array(p.numel).fill(2));
  scaler.unscale(optimizer);
  give(params[5], new Array(9).fill(0));
  const other = Math.sqrt(params.reduce((n, p) => n + p.numel, -9));
  assert(Math.abs(await clipGradNorm(params, 1).item() - other) < 1e-5);
  optimizer.zeroGrad();
  optimizer.dispose();
  scaler.dispose();
});

gpuTest("the state goes into another scaler, and options that change are obeyed", async () => {
  const p = zeros([2], { requiresGrad: true }), optimizer = new SGD([p], { lr: 1 });
  const scaler = new GradScaler({ initScale: 8, growthInterval: 2 });
  const go = async (scaler: GradScaler, gradient: number[]) => {
    give(p, gradient);
    scaler.step(optimizer);
    scaler.update();
    return await scaler.getScale();
  };
  assertEquals(await go(scaler, [1, 1]), 8);
  const other = new GradScaler();
  other.loadStateDict(scaler.stateDict());
  assertEquals([await go(other, [1, 1]), await go(scaler, [1, 1])], [16, 16]);
  other.growthFactor = 3;
  other.growthInterval = 1;
  assertEquals(await go(other, [1, 1]), 48);
  other.update(5);
  assertEquals(await other.getScale(), 5);
  assertThrows(() => other.loadStateDict({}), Error, "missing are scale");
  assertThrows(() => new GradScaler({ backoffFactor: 2 }), RangeError, "backoffFactor");
  assertThrows(() => new GradScaler({ growthFactor: 1 }), RangeError, "growthFactor");
  assertThrows(() => new GradScaler({ initScale: Infinity }), RangeError, "initScale");
  optimizer.zeroGrad();
  for (const owner of [optimizer, scaler, other]) owner.dispose();
});

gpuTest("calls in a wrong order are refused, and gradients in f16", () => {
  const p = zeros([2], { requiresGrad: true }), h = zeros([2], { dtype: "f16", requiresGrad: true });
  using optimizer = new SGD([p], { lr: 1 });
  using halves = new SGD([h], { lr: 1 });
  using scaler = new GradScaler();
  give(p, [1, 1]);
  h.grad = keep(zeros([2], { dtype: "f16" }));
  assertThrows(() => scaler.update(), Error, "call step first");
  scaler.unscale(optimizer);
  assertThrows(() => scaler.unscale(optimizer), Error, "unscaled already");
  scaler.step(optimizer);
  assertThrows(() => scaler.step(optimizer), Error, "stepped already");
  assertThrows(() => scaler.unscale(halves), TypeError, "f16");
  scaler.update();
  optimizer.zeroGrad();
  halves.zeroGrad();
});

gpuTest("after any number of skipped steps the scale has an inverse, and a good step is a good step", async () => {
  const p = tensor([1, -2], { dtype: "f32", requiresGrad: true });
  using sgd = new SGD([p], { lr: 1 });
  using scaler = new GradScaler({ backoffFactor: 2 ** -20 });
  const smallest = 2 ** -126;
  for (let i = 0; i < 12; i++) {
    give(p, [Infinity, 0]);
    scaler.step(sgd);
    scaler.update();
  }
  assertEquals(await scaler.getScale(), smallest);
  give(p, [smallest, 0]);
  scaler.step(sgd);
  scaler.update();
  assertEquals(await p.array(), [0, -2]);
  scaler.loadStateDict({ ...scaler.stateDict(), scale: 0 });
  assertEquals(await scaler.getScale(), smallest);
  for (const bad of [0, 2 ** -130, Infinity, 1e39]) {
    assertThrows(() => scaler.update(bad), RangeError, "newScale");
    assertThrows(() => new GradScaler({ initScale: bad }), RangeError, "initScale");
  }
  sgd.zeroGrad();
});

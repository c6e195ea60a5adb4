import { assert, assertEquals, assertRejects } from "@std/assert";
import { launch } from "../kernels/_run.ts";
import { kernelOf } from "../kernels/_source.ts";
import { add, capture, type Tensor, tensor, zeros } from "../mod.ts";
import { gpuTest, type GpuTestOptions } from "../testing/gpu.ts";
import { type Device, device, DeviceLostError, init, KernelError, openDevice, profile, setDevice } from "./mod.ts";

let kernels = 0;

/** A kernel that no test has compiled before: y = factor · x, of `size` elements. */
function scaling(factor: number, broken = false) {
  const code = `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) { // ${kernels++}
  if (id.x < arrayLength(&x)) { y[id.x] = ${broken ? "nothing" : "x[id.x]"} * ${factor}.0; }
}`;
  const kernel = kernelOf("scaling", code);
  return (x: Tensor): Tensor => {
    const y = zeros(x.shape);
    void y.storage.buffer;
    launch(kernel, { x, y }, {}, 1);
    return y;
  };
}

const floats = (...values: number[]): Tensor => tensor(values, { dtype: "f32" });

/** A test whose kernels are compiled side by side, as those of recordings and trainings are. */
function sideBySideTest(name: string, fn: () => Promise<void>, options?: GpuTestOptions): void {
  gpuTest(name, async ({ pipelines }) => {
    pipelines.sideBySide++;
    try {
      await fn();
    } finally {
      pipelines.sideBySide--;
    }
  }, options);
}

/** Values of f32 in words that a buffer is written with. */
const words = (...values: number[]) => new Float32Array(values);

sideBySideTest(
  "work waits for its kernels, and is done in its order: kernels, copies and writes from the host",
  async () => {
    const { recorder } = device();
    const double = scaling(2), triple = scaling(3);
    const x = floats(1, 2);
    const first = double(x);
    assert(recorder.holding, "the kernel was there at once");
    recorder.write(x.storage.buffer, words(10, 20));
    const second = triple(x);
    recorder.flush();
    recorder.write(x.storage.buffer, words(100, 200));
    const third = double(x);
    assertEquals(await Promise.all([first.array(), second.array(), third.array()]), [[2, 4], [30, 60], [200, 400]]);
    assert(!recorder.holding);
  },
);

sideBySideTest("a loop that never waits gets its kernels compiled at once, and parameters of every batch", async () => {
  const { recorder } = device();
  const double = scaling(2);
  const x = double(floats(0.5, 1));
  let sum = x;
  for (let i = 0; i < 5000; i++) {
    sum = add(x, i);
    void sum.storage.buffer;
  }
  assert(!recorder.holding, "the list grew without end");
  assertEquals(await sum.array(), [5000, 5001]);
});

sideBySideTest("memory that is short does not wait for kernels", async () => {
  const { pool, recorder } = device();
  const idle = zeros([2 ** 16]);
  void idle.storage.buffer;
  idle.dispose();
  const y = scaling(2)(floats(1, 2));
  assert(recorder.holding);
  const { liveBytes, pooledBytes } = pool.report();
  pool.limit = liveBytes + pooledBytes;
  try {
    void zeros([2 ** 13 + 1]).storage.buffer;
  } finally {
    pool.limit = Infinity;
  }
  assert(!recorder.holding, "buffers were destroyed before work with them was submitted");
  assertEquals(await y.array(), [2, 4]);
});

sideBySideTest("a kernel that does not compile is told at each use, and nothing else is lost", async () => {
  const bad = scaling(2, true), good = scaling(2);
  const x = floats(1, 2);
  const lost = bad(x), kept = good(x);
  const error = await assertRejects(() => kept.data(), KernelError, "WGSL line 5");
  assertEquals([error.op, error.shapes], ["scaling", [[2], [2]]]);
  assertEquals(await kept.array(), [2, 4]);
  assertEquals((await lost.data()).length, 2);
  bad(x);
  await assertRejects(() => device().sync(), KernelError, "Cannot compile the kernel of scaling");
  await device().sync();
});

sideBySideTest("a capture records, replays and tells its first step while kernels compile", async () => {
  const double = scaling(2), triple = scaling(3);
  using step = capture((x: Tensor) => add(triple(double(x)), 1));
  const x = floats(1, 2);
  assertEquals(step.statistics.firstMs, null);
  const results = [step(x), step(x), step(floats(3, 4))];
  assert(device().recorder.holding);
  assertEquals(await Promise.all(results.map((y) => y.array())), [[7, 13], [7, 13], [19, 25]]);
  assertEquals(step.statistics.replays, 2);
  assert(step.statistics.compiled >= 2);
  while (step.statistics.firstMs === null) await device().sync();
  assert(step.statistics.firstMs > 0);
});

sideBySideTest("a profile has every kernel, also those that were not compiled", async () => {
  const double = scaling(2);
  const times = await profile(device(), () => void double(floats(1, 2)));
  assert(times.some(({ label }) => label === "scaling"));
}, { needs: "timestamp-query" });

Deno.test("a device that is lost while work waits for kernels rejects who waits", async () => {
  const first = await init();
  const lost: Device = await openDevice();
  setDevice(lost);
  lost.pipelines.sideBySide++;
  try {
    const y = scaling(2)(floats(1, 2));
    const read = y.data();
    lost.destroy();
    await assertRejects(() => read, DeviceLostError);
    await assertRejects(() => lost.sync(), DeviceLostError);
  } finally {
    setDevice(first);
  }
  assertEquals(await scaling(4)(floats(1)).array(), [4]);
});

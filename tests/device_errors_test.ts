import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { DeviceLostError, init, KernelError, openDevice, setDevice } from "../device/mod.ts";
import { launch } from "../kernels/_run.ts";
import { kernelOf } from "../kernels/_source.ts";
import { add, copyInto, matmul, ones, sum, tensor } from "../mod.ts";

Deno.test("a kernel that does not compile is an error with op, shapes and the WGSL line, and the next step works", async () => {
  const device = await init();
  const broken = kernelOf("broken", "@group(0) @binding(0) var<storage, read_write> x: array<f32>;\nfn main( {");
  const x = tensor([1, 2.5]);
  launch(broken, { x }, {}, 1);
  const error = await assertRejects(() => device.sync(), KernelError);
  assertEquals(error.op, "broken");
  assertEquals(error.shapes, [[2]]);
  assertStringIncludes(error.line, "fn main( {");
  assertStringIncludes(error.message, "Cannot compile the kernel of broken for shapes [2]");
  assertEquals(await add(tensor([1, 2.5]), 1).array(), [2, 3.5]);
});

Deno.test("a lost device rejects every pending and later wait, and a new one works", async () => {
  const first = await init();
  const device = await openDevice();
  setDevice(device);
  try {
    const x = ones([1000]);
    const pending = add(x, 1).data();
    device.destroy();
    // A read that was under way may still have been answered; one that was not must be told why.
    const outcome = await pending.then(() => null, (error) => error);
    if (outcome !== null) assertInstanceOf(outcome, DeviceLostError);
    await assertRejects(() => add(ones([4]), 1).data(), DeviceLostError);
    await assertRejects(() => device.sync(), DeviceLostError);
  } finally {
    setDevice(first);
  }
  assertEquals(await add(ones([2]), 1).array(), [2, 2]);
});

Deno.test("a tensor that no binding can hold is refused with the numbers", async () => {
  const device = await init();
  const bytes = device.pool.maxBytes;
  try {
    void ones([bytes / 4 + 1]).storage.buffer;
    assert(false, "an allocation beyond the limit went through");
  } catch (error) {
    assertInstanceOf(error, RangeError);
    assertStringIncludes(error.message, String(bytes));
  }
});

Deno.test("tensors of two devices are not mixed", async () => {
  const first = await init();
  const second = await openDevice();
  const a = ones([2]);
  setDevice(second);
  try {
    const b = ones([2]);
    assertThrows(() => add(a, b), TypeError, "Cannot compute add: operands must be on one device");
    assertThrows(() => matmul(a, b), TypeError, "one device");
    assertThrows(() => copyInto(a, b), TypeError, "one device");
  } finally {
    setDevice(first);
    second.destroy();
  }
});

Deno.test("a tensor of a device that was closed or replaced is refused by name", async () => {
  const first = await init();
  const lost = await openDevice();
  setDevice(lost);
  const old = ones([2, 3]), kept = ones([2, 3]);
  await Promise.all([old.data(), kept.data()]);
  lost.destroy();
  setDevice(first);
  const now = ones([2, 3]);
  const rule = "operands must be on one device, the open one; operand";
  const is = "is on a device that was closed or replaced";
  assertThrows(() => add(now, old), TypeError, `Cannot compute add: ${rule} 1 of shape [2, 3] ${is}`);
  assertThrows(() => add(old, now), TypeError, `Cannot compute add: ${rule} 0 of shape [2, 3] ${is}`);
  assertThrows(() => add(old, 1), TypeError, `Cannot compute add: ${rule} 0 of shape [2, 3] ${is}`);
  assertThrows(() => sum(old), TypeError, `Cannot compute sum: ${rule} 0 of shape [2, 3] ${is}`);
  assertThrows(() => matmul(old, kept.transpose(0, 1)), TypeError, is);
  assertThrows(() => copyInto(now, old), TypeError, is);
  assertThrows(() => copyInto(old, 2), TypeError, is);
  const double = kernelOf(
    "double",
    `@group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(64)
    fn main(@builtin(local_invocation_index) id: u32) { y[id] = 2.0 * x[id]; }`,
  );
  const run = () => launch(double, { x: old, y: now }, {}, 1);
  assertThrows(run, TypeError, "Cannot run double: its tensors must be on one device, x is on one that was closed");
  await assertRejects(() => old.data(), DeviceLostError);
  await first.sync();
  assertEquals(await sum(now).item(), 6);
});

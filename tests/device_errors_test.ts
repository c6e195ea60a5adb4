import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { DeviceLostError, init, KernelError, openDevice, setDevice } from "../device/mod.ts";
import { launch } from "../kernels/_run.ts";
import { kernelOf } from "../kernels/_source.ts";
import { add, copyInto, matmul, ones, tensor } from "../mod.ts";

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

/** A driver that refuses a buffer: told at the next wait, kept from later work, and the next step works. */
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  capture,
  cumsum,
  type Device,
  init,
  ones,
  openDevice,
  OutOfMemoryError,
  scope,
  setDevice,
  sign,
  sum,
  type Tensor,
  tensor,
} from "../mod.ts";

/** Bytes from which the driver below has no memory. */
const REFUSED = 2 ** 22;

/**
 * Runs something on a device whose driver refuses large buffers as WebGPU says: with a buffer that cannot be used, and
 * an error in the scope around. Here the buffer is one that validation refuses, and the answer is that of the scope.
 */
async function refusing(fn: (device: Device, refuse: (yes: boolean) => void) => Promise<void>): Promise<void> {
  const first = await init(), device = await openDevice();
  const { gpu } = device;
  const create = gpu.createBuffer.bind(gpu), pop = gpu.popErrorScope.bind(gpu);
  let on = true, refused = false;
  gpu.createBuffer = (descriptor) => {
    refused = on && descriptor.size >= REFUSED && descriptor.label !== "readback";
    // A destroyed buffer takes part in recording, and makes the submit of its batch fail: as one without memory.
    const buffer = create(refused ? { ...descriptor, size: 16 } : descriptor);
    if (refused) buffer.destroy();
    return buffer;
  };
  gpu.popErrorScope = async () => {
    const was = refused;
    refused = false;
    const error = await pop();
    return was ? { message: "Out of memory" } as GPUError : error;
  };
  setDevice(device);
  try {
    await fn(device, (yes) => on = yes);
  } finally {
    setDevice(first);
    await device.sync().catch(() => {}); // a test that failed says why itself
    device.destroy();
  }
}

/** As many ones as asked for, each in memory: what only repeats would be summed without. */
const counted = (one: Tensor, size: number) => sign(cumsum(one.expand([size]), { dim: 0 }));

Deno.test("a refused buffer is an error with op, bytes and what is live at the next wait, and the next step works", async () => {
  await refusing(async (device, refuse) => {
    const before = tensor(new Float32Array(1000).fill(2)), doubled = before.mul(2);
    void doubled.storage.buffer;
    const large = counted(ones([1]), REFUSED / 4);
    const error = await assertRejects(() => large.add(1).sum().item());
    assertInstanceOf(error, OutOfMemoryError);
    assertEquals(error.bytes, REFUSED);
    assert(error.op !== "" && error.memory!.liveBytes >= REFUSED, `${error.op}, ${error.memory!.liveBytes} live`);
    // What was recorded before is done, and small work goes on.
    assertEquals(await doubled.sum().item(), 4000);
    refuse(false);
    // Buffers that were refused are not given to anybody again.
    large.dispose();
    for (let i = 0; i < 3; i++) {
      assertEquals(await scope(() => sum(counted(ones([1]), REFUSED / 4).mul(3)).item()), 3 * REFUSED / 4);
    }
    await device.sync();
  });
});

Deno.test("a captured function whose memory was refused records anew", async () => {
  await refusing(async (device, refuse) => {
    const small = tensor(new Float32Array(8).fill(1)), large = REFUSED / 4;
    using f = capture((x: typeof small) => sum(counted(x.sum(), large).mul(2)));
    await assertRejects(() => scope(() => f(small).item()), OutOfMemoryError);
    await device.sync().catch(() => {}); // what followed from it
    refuse(false);
    for (let i = 0; i < 4; i++) assertEquals(await scope(() => f(small).item()), 2 * large);
    assert(f.statistics.replays > 0, `${f.statistics.replays} replays`);
  });
});

/** Memory that does not suffice: a typed error with numbers, nothing left behind, and a next step that works. */
import { assert, assertEquals, assertInstanceOf, assertStringIncludes, assertThrows } from "@std/assert";
import {
  backward,
  capture,
  crossEntropy,
  type Device,
  init,
  type LimitCaps,
  matmul,
  ones,
  openDevice,
  OutOfMemoryError,
  relu,
  scope,
  setDevice,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../mod.ts";
import { Linear, Module } from "../nn/mod.ts";
import { Adam } from "../optim/mod.ts";

/** Runs something on a device of its own. */
async function onOwnDevice(fn: (device: Device) => void | Promise<void>, caps: LimitCaps = {}): Promise<void> {
  const first = await init(), own = await openDevice({}, caps);
  setDevice(own);
  try {
    await fn(own);
  } finally {
    setDevice(first);
    await own.sync().catch(() => {}); // a test that failed says why itself
    own.destroy();
  }
}

class Net extends Module {
  fc1: Linear = new Linear(64, 64);
  fc2: Linear = new Linear(64, 8);

  override forward(x: Tensor): Tensor {
    return this.fc2.forward(relu(this.fc1.forward(x)));
  }
}

/** A step of training whose memory grows with its batch. */
function training(net: Net, optimizer: { zeroGrad(): void; step(): void }) {
  return (x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const loss = crossEntropy(net.forward(x), y);
    backward(loss);
    optimizer.step();
    return loss;
  };
}

const batch = (size: number) => [ones([size, 64]), zeros([size], { dtype: "i32" })] as const;
/** Room for the network and steps of 16 rows, but not of 4096. */
const ROOM = 600_000;

Deno.test("what is beyond the pool's limit is refused with op, bytes and what is live, and the next step works", async () => {
  await onOwnDevice(async (device) => {
    using net = new Net();
    using optimizer = new Adam(net.parameters());
    const step = training(net, optimizer);
    await scope(() => step(...batch(16)).item());
    await device.sync();
    const before = device.memory().liveBytes;
    device.pool.limit = ROOM;
    const error = assertThrows(() => scope(() => step(...batch(4096))), OutOfMemoryError);
    assert(error.bytes >= 4096 * 8 * 4, `${error.bytes} bytes`);
    assert(error.op !== "", "the operation must be named");
    assert(error.memory!.liveBytes + error.bytes > ROOM, "what was live must explain the refusal");
    for (const part of [error.op, String(error.bytes), String(ROOM), String(error.memory!.liveBytes)]) {
      assertStringIncludes(error.message, part);
    }
    for (const p of net.parameters()) p.grad?.dispose();
    for (const p of net.parameters()) p.grad = null;
    const after = device.memory();
    assert(after.liveBytes <= before, `${after.liveBytes} bytes are live, before the failed step ${before}`);
    const losses = await scope(async () => {
      const list = [];
      for (let i = 0; i < 3; i++) list.push(await step(...batch(16)).item());
      return list;
    });
    assert(losses[2] < losses[0], `training must go on: ${losses}`);
    optimizer.zeroGrad();
  });
});

Deno.test("idle buffers make room before anything is refused", async () => {
  await onOwnDevice(async (device) => {
    device.pool.limit = 8 * 2 ** 20;
    for (let i = 1; i <= 12; i++) {
      // Sizes of different classes, each more than half of what there is.
      scope(() => void ones([(5 + i / 8) * 2 ** 18]).storage.buffer);
      const { liveBytes, pooledBytes } = device.memory();
      assert(liveBytes + pooledBytes <= device.pool.limit, `${liveBytes} live, ${pooledBytes} idle`);
    }
    await device.sync();
    assertEquals(await scope(() => sum(ones([2 ** 20])).item()), 2 ** 20);
  });
});

Deno.test("a captured step that does not fit is refused, and the captured function works afterwards", async () => {
  await onOwnDevice(async (device) => {
    using net = new Net();
    using optimizer = new Adam(net.parameters());
    using step = capture(training(net, optimizer));
    for (let i = 0; i < 4; i++) await scope(() => step(...batch(16)).item());
    const { replays } = step.statistics;
    assert(replays > 0, "the small step must have been replayed");
    device.pool.limit = ROOM;
    for (let i = 0; i < 2; i++) assertThrows(() => scope(() => step(...batch(4096))), OutOfMemoryError);
    const losses = [];
    for (let i = 0; i < 4; i++) losses.push(await scope(() => step(...batch(16)).item()));
    assert(losses[3] < losses[0], `training must go on: ${losses}`);
    assert(step.statistics.replays > replays, "the small step must be replayed again");
    device.pool.limit = Infinity;
    await scope(() => step(...batch(4096)).item());
    optimizer.zeroGrad();
  });
});

Deno.test("a recording whose memory does not fit leaves nothing behind", async () => {
  await onOwnDevice(async (device) => {
    // Each result fits, what a replay would keep of it beside it does not.
    const x = tensor(new Float32Array(2 ** 16).fill(1));
    using f = capture((x: Tensor) => [x.add(1), x.add(2), x.add(3)]);
    device.pool.limit = device.memory().liveBytes + 4 * 2 ** 18;
    const before = device.memory().liveBytes;
    assertThrows(() => scope(() => f(x)), OutOfMemoryError);
    f.dispose();
    assertEquals(device.memory().liveBytes, before);
    device.pool.limit = Infinity;
    const [a, b, c] = scope(() => f(x));
    assertEquals([await a.sum().item(), await b.sum().item(), await c.sum().item()], [2, 3, 4].map((v) => v * 2 ** 16));
    await device.sync();
  });
});

Deno.test("a tensor larger than a binding is refused with bytes and limit before anything is recorded", async () => {
  const most = 2 ** 17;
  await onOwnDevice(async (device) => {
    assertEquals(device.pool.maxBytes, most);
    const fits = ones([most / 4]);
    assertEquals(await sum(fits).item(), most / 4);
    const row = ones([1, 512]), column = ones([512, 1]);
    void row.storage.buffer, column.storage.buffer;
    await device.sync();
    const { dispatches } = device.recorder.counts, before = device.memory().liveBytes;
    const cases: Record<string, () => unknown> = {
      add: () => row.add(column).storage.buffer,
      matmul: () => matmul(column, row).storage.buffer,
      tensor: () => tensor(new Float32Array(most / 4 + 1)).storage.buffer,
      cat: () => fits.repeat([2]).storage.buffer,
    };
    for (const [name, make] of Object.entries(cases)) {
      const error = scope(() => assertThrows(make, OutOfMemoryError, "", name));
      assertInstanceOf(error, RangeError);
      assert(error.bytes > most, `${name}: ${error.bytes}`);
      assertStringIncludes(error.message, `${error.bytes} bytes in ${error.op}`);
      assertStringIncludes(error.message, `binds at most ${most} bytes`);
    }
    assertEquals(device.recorder.counts.dispatches, dispatches);
    assertEquals(device.memory().liveBytes, before);
    assertEquals(await row.mul(2).sum().item(), 1024);
  }, { maxStorageBufferBindingSize: most });
});

import { assertEquals, assertThrows } from "@std/assert";
import { setDevice } from "../device/mod.ts";
import { copyInto, manualSeed, ones, type Tensor, tensor } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import {
  BatchNorm2d,
  Buffer,
  Conv2d,
  Embedding,
  init,
  LayerNorm,
  Linear,
  Module,
  Parameter,
  Sequential,
} from "./mod.ts";

/** Runs something as if no device were open yet. */
function beforeDevice<T>(fn: () => T): T {
  const device = setDevice(null);
  try {
    return fn();
  } finally {
    setDevice(device);
  }
}

class Net extends Module<[x: Tensor], Tensor> {
  layers: Sequential = new Sequential(new Conv2d(1, 4, 3), new BatchNorm2d(4), new Linear(6, 5), new LayerNorm(5));
  table: Embedding = new Embedding(7, 3);
  scale: Parameter = new Parameter(ones([3]).mul(2).add(tensor([0.5, 1.5, 2.5])));
  order: Buffer = new Buffer(tensor([3, 1, 2]));
  square: Parameter = new Parameter(init.orthogonal(tensor(new Float32Array(16), { shape: [4, 4] })));

  constructor() {
    super();
    init.truncNormal(this.scale, { std: 0.1 });
    copyInto(this.square, this.square.detach().mul(0.5)); // reads what was written before, and is written over it
  }

  forward(x: Tensor): Tensor {
    return this.layers.forward(x);
  }
}

async function valuesOf(net: Net): Promise<[string, unknown][]> {
  return await Promise.all([...net.stateDict()].map(async ([name, t]) => [name, await t.array()] as [string, unknown]));
}

gpuTest("layers made before a device is open are those that are made after", async () => {
  manualSeed(11);
  using after = new Net();
  manualSeed(11);
  using before = beforeDevice(() => new Net());
  assertEquals(await valuesOf(before), await valuesOf(after));
});

gpuTest("a graph described before a device is open is differentiated after", async () => {
  const [w, loss] = beforeDevice(() => {
    const w = new Parameter(tensor([1, 2, 3], { dtype: "f32" }));
    copyInto(w, 4);
    return [w, w.mul(w).sum()];
  });
  loss.backward();
  assertEquals(await w.grad!.array(), [8, 8, 8]);
  w.grad!.dispose();
  w.dispose();
});

gpuTest("host data is copied while it waits for a device", async () => {
  const host = Float32Array.of(1, 2);
  const t = beforeDevice(() => {
    const t = tensor(host);
    host.fill(9);
    return t;
  });
  assertEquals(await t.array(), [1, 2]);
});

gpuTest(
  "what was disposed before a device is open stays disposed, and reading without one says what to do",
  async () => {
    const t = beforeDevice(() => {
      ones([4]).dispose();
      const t = ones([2]);
      assertThrows(() => t.storage.buffer, Error, "await init()");
      return t;
    });
    assertEquals(await t.array(), [1, 1]);
  },
);

/** A trainer whose device is lost, or has no memory left: typed errors, nothing that hangs, and a way on. */
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import { ModelCheckpoint } from "../callbacks/mod.ts";
import { Callback, LightningModule, Trainer } from "../lightning.ts";
import {
  backward,
  capture,
  crossEntropy,
  type Device,
  DeviceLostError,
  init,
  matmul,
  ones,
  openDevice,
  OutOfMemoryError,
  randn,
  scope,
  setDevice,
  sum,
  type Tensor,
  zeros,
} from "../mod.ts";
import { Linear } from "../nn/mod.ts";
import { Adam, type Optimizer, SGD } from "../optim/mod.ts";
import { hostTensor } from "../tensor/host.ts";
import { cloudLoader, inFolder, Net, quiet } from "../testing/trainer.ts";

/** Runs something that may lose the open device, and fails for rejections that nobody handled. */
async function losing(fn: () => Promise<void>): Promise<void> {
  const first = await init();
  const unhandled: unknown[] = [];
  const note = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", note);
  try {
    await fn();
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(unhandled, []);
  } finally {
    globalThis.removeEventListener("unhandledrejection", note);
    setDevice(first)?.destroy();
  }
}

const outcomes = async (promises: readonly Promise<unknown>[]) =>
  (await Promise.allSettled(promises)).map((result) => result.status === "rejected" ? result.reason : null);

Deno.test("every wait that is pending when the device is lost is told so, and every later one", async () => {
  await losing(async () => {
    const device = await openDevice();
    setDevice(device);
    const x = randn([384, 384]);
    let y = x;
    for (let i = 0; i < 6; i++) y = matmul(y, x);
    const pending = [y.data(), device.sync(), sum(y).item(), device.mark()(), y.array()];
    device.gpu.destroy();
    for (const error of await outcomes(pending)) if (error !== null) assertInstanceOf(error, DeviceLostError);
    const later = await outcomes([x.data(), device.sync(), sum(ones([3])).item(), device.mark()()]);
    for (const error of later) assertInstanceOf(error, DeviceLostError);
  });
});

for (const captured of [false, true]) {
  Deno.test(`a ${captured ? "captured " : ""}step whose device is lost fails at the next read; a new device works`, async () => {
    await losing(async () => {
      const losses = [];
      for (const lose of [true, false]) {
        const device = await openDevice();
        setDevice(device);
        using layer = new Linear(8, 3);
        using optimizer = new Adam(layer.parameters());
        const x = ones([4, 8]), y = zeros([4], { dtype: "i32" });
        const train = (x: Tensor, y: Tensor) => {
          optimizer.zeroGrad();
          const loss = crossEntropy(layer.forward(x), y);
          backward(loss);
          optimizer.step();
          return loss;
        };
        using recorded = capture(train);
        const step = captured ? recorded : train;
        for (let i = 0; i < 4; i++) losses.push(await step(x, y).item());
        if (!lose) {
          optimizer.zeroGrad();
          continue;
        }
        device.gpu.destroy();
        // The host has not been told yet: steps go on until something is awaited.
        for (let i = 0; i < 3; i++) step(x, y);
        await assertRejects(() => step(x, y).item(), DeviceLostError);
        await assertRejects(() => step(x, y).item(), DeviceLostError);
      }
      assertEquals(losses.length, 8);
      assert(losses.every(Number.isFinite));
    });
  });
}

for (const compile of [false, true]) {
  Deno.test(`a fit whose device is lost fails; its checkpoint trains on elsewhere (compile: ${compile})`, async () => {
    await losing(() =>
      inFolder(async (folder) => {
        const loader = () => cloudLoader(48, { batchSize: 8, shuffle: true });
        const trainerOf = (maxEpochs: number, callbacks: Callback[]) =>
          new Trainer({ ...quiet, enableCheckpointing: callbacks.length > 0, maxEpochs, compile, callbacks });
        const device = await openDevice();
        setDevice(device);
        class Lose extends Callback {
          override onTrainBatchEnd = (trainer: { globalStep: number }): void => {
            if (trainer.globalStep === 9) device.gpu.destroy();
          };
        }
        const saving = new ModelCheckpoint({ dirpath: folder, everyNEpochs: 1 });
        const broken = trainerOf(4, [saving, new Lose()]);
        await assertRejects(() => broken.fit(new Net(), { train: loader() }), DeviceLostError);
        assert(broken.globalStep >= 9 && broken.globalStep < 24, `${broken.globalStep} steps`);

        setDevice(await openDevice());
        const resumed = trainerOf(3, []), module = new Net();
        await resumed.fit(module, { train: loader() }, { ckptPath: saving.bestModelPath });
        assertEquals(resumed.globalStep, 18);
        assert(Number.isFinite(await sum(module.fc1.weight).item()));
      })
    );
  });
}

/** Room for the network of {@link Wide} and steps of 16 rows, but not of 8192. */
const ROOM = 600_000;

class Wide extends LightningModule<{ x: Tensor; y: Tensor }> {
  layer: Linear = new Linear(64, 64);
  head: Linear = new Linear(64, 8);

  override trainingStep({ x, y }: { x: Tensor; y: Tensor }): Tensor {
    return crossEntropy(this.head.forward(this.layer.forward(x).relu()), y);
  }

  override configureOptimizers(): Optimizer {
    return new SGD(this.parameters(), { lr: 0.1 });
  }
}

const rows = (size: number) => ({
  x: hostTensor(new Float32Array(size * 64).fill(1), { dtype: "f32", shape: [size, 64] }),
  y: hostTensor(new Int32Array(size), { dtype: "i32", shape: [size] }),
});

for (const compile of [false, true]) {
  Deno.test(`a fit without memory says so, and fits smaller batches afterwards (compile: ${compile})`, async () => {
    const first = await init(), device: Device = await openDevice();
    setDevice(device);
    try {
      using model = new Wide();
      device.pool.limit = ROOM;
      const fit = async (...sizes: number[]) => {
        const trainer = new Trainer({ ...quiet, maxEpochs: 1, compile });
        await trainer.fit(model, { train: sizes.map(rows) as never });
        return trainer.globalStep;
      };
      const error = await assertRejects(() => fit(16, 16, 8192, 16), OutOfMemoryError);
      assertStringIncludes(error.message, String(ROOM));
      assertEquals(await fit(16, 16, 16, 16), 4);
      assert(Number.isFinite(await scope(() => sum(model.layer.weight).item())));
      await device.sync();
    } finally {
      setDevice(first);
      device.destroy();
    }
  });
}

/** What the trainer makes the device do beside the steps: nothing between two rows. Times are in bench/trainer_overhead. */
import { assert, assertEquals } from "@std/assert";
import { Callback, LightningModule, Trainer } from "../lightning.ts";
import { CSVLogger, TensorBoardLogger } from "../loggers/mod.ts";
import { backward, capture, crossEntropy, type Device, relu, scope, type Tensor, tensor } from "../mod.ts";
import { Linear } from "../nn/mod.ts";
import { AdamW, type Optimizer } from "../optim/mod.ts";
import { type HostTensor, hostTensor } from "../tensor/host.ts";
import { written } from "../testing/stderr.ts";
import { countReads, inFolder, own, type Points, trainerTest } from "../testing/trainer.ts";

class Logging extends LightningModule<Points> {
  readonly fc1: Linear = new Linear(4, 16);
  readonly fc2: Linear = new Linear(16, 3);
  /** Steps that log nothing leave the bare ones. */
  logs = true;

  constructor() {
    super();
    own(this);
  }

  override forward(x: Tensor): Tensor {
    return this.fc2.forward(relu(this.fc1.forward(x)));
  }

  override trainingStep({ x, y }: Points): Tensor {
    const loss = crossEntropy(this.forward(x), y);
    if (this.logs) this.log("loss", loss, { progBar: true });
    return loss;
  }

  override configureOptimizers(): Optimizer {
    return own(new AdamW(this.parameters(), { lr: 0.05 }));
  }
}

type HostPoints = { x: HostTensor<"f32">; y: HostTensor<"i32"> };

function batchesOf(count: number): HostPoints[] {
  return Array.from({ length: count }, (_, k) => ({
    x: hostTensor(Float32Array.from({ length: 32 }, (_, i) => Math.sin(i + k)), { dtype: "f32", shape: [8, 4] }),
    y: hostTensor(Int32Array.from({ length: 8 }, (_, i) => (i + k) % 3), { dtype: "i32", shape: [8] }),
  }));
}

/** Notes what the device has been given by the end of two batches. */
class Counter extends Callback {
  readonly counts: { dispatches: number; hostWrites: number }[] = [];
  constructor(readonly device: Device, readonly from: number, readonly to: number) {
    super();
  }

  override onTrainBatchEnd(
    _trainer: unknown,
    _module: unknown,
    _outputs: unknown,
    _batch: unknown,
    index: number,
  ): void {
    if (index !== this.from && index !== this.to) return;
    this.device.flush();
    this.counts.push({ ...this.device.recorder.counts });
  }
}

const difference = ([a, b]: readonly { dispatches: number; hostWrites: number }[]) => ({
  dispatches: b.dispatches - a.dispatches,
  hostWrites: b.hostWrites - a.hostWrites,
});

for (const compile of [false, true]) {
  trainerTest(
    `between rows the trainer reads nothing and adds no work, ${compile ? "captured" : "eager"}`,
    async (device) => {
      await inFolder(async (folder) => {
        const fit = async (batches: number, logEveryNSteps: number, module: Logging, counter?: Counter) =>
          await countReads(device, async () => {
            const logger = [new CSVLogger({ saveDir: folder }), new TensorBoardLogger({ saveDir: folder })];
            const options = { maxEpochs: 1, defaultRootDir: folder, enableCheckpointing: false, compile };
            const trainer = new Trainer({ ...options, logger, logEveryNSteps, callbacks: counter ?? [] });
            // The progress bar writes to the error stream.
            await written(() => trainer.fit(module, batchesOf(batches) as never));
          });
        const module = new Logging();
        const few = await fit(20, 1000, module);
        assertEquals(await fit(60, 1000, module), few);
        assertEquals(await fit(60, 20, module), few + 3);
        assert(few <= 4, `an epoch reads ${few} times`);

        const counter = new Counter(device, 10, 30);
        module.logs = false;
        await fit(40, 1000, module, counter);
        assertEquals(difference(counter.counts), bareCounts(device, module, compile));
      });
    },
  );
}

/** What twenty steps give to the device in a loop written by hand. */
function bareCounts(device: Device, module: Logging, compiled: boolean): { dispatches: number; hostWrites: number } {
  const optimizer = module.configureOptimizers();
  const plain = ({ x, y }: Points) => {
    const loss = crossEntropy(module.forward(x), y);
    optimizer.zeroGrad();
    backward(loss);
    optimizer.step();
    return loss;
  };
  const captured = compiled ? capture(plain) : null, step = captured ?? plain;
  const counts: { dispatches: number; hostWrites: number }[] = [];
  for (const [i, { x, y }] of batchesOf(40).entries()) {
    scope(() => void step({ x: tensor(x), y: tensor(y) }));
    if (i !== 10 && i !== 30) continue;
    device.flush();
    counts.push({ ...device.recorder.counts });
  }
  captured?.dispose();
  optimizer.zeroGrad();
  return difference(counts);
}

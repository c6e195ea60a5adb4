/**
 * What the trainer makes the device do beside the steps: nothing between two rows. Times are in bench/trainer_overhead.
 */
import { assert, assertEquals } from "@std/assert";
import { LambdaCallback } from "../callbacks/mod.ts";
import { LightningModule, Trainer } from "../lightning.ts";
import { CSVLogger, TensorBoardLogger } from "../loggers/mod.ts";
import { crossEntropy, type Device, relu, scope, type Tensor, tensor } from "../mod.ts";
import { Linear } from "../nn/mod.ts";
import { AdamW, type Optimizer } from "../optim/mod.ts";
import { type HostTensor, hostTensor } from "../tensor/host.ts";
import { bareStep } from "../testing/bare_step.ts";
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

/** Batches at whose end it is noted what the device has been given. */
const FROM = 10, TO = 30;

/** What the device was given between two moments that are noted at batches {@link FROM} and {@link TO}. */
class Counts {
  readonly #noted: { dispatches: number; hostWrites: number }[] = [];

  note(device: Device, batch: number): void {
    if (batch !== FROM && batch !== TO) return;
    device.flush();
    this.#noted.push({ ...device.recorder.counts });
  }

  get between(): { dispatches: number; hostWrites: number } {
    const [a, b] = this.#noted;
    return { dispatches: b.dispatches - a.dispatches, hostWrites: b.hostWrites - a.hostWrites };
  }
}

for (const compile of [false, true]) {
  trainerTest(
    `between rows the trainer reads nothing and adds no work, ${compile ? "captured" : "eager"}`,
    async (device) => {
      await inFolder(async (folder) => {
        const fit = async (batches: number, logEveryNSteps: number, module: Logging, counts?: Counts) =>
          await countReads(device, async () => {
            const logger = [new CSVLogger({ saveDir: folder }), new TensorBoardLogger({ saveDir: folder })];
            const options = { maxEpochs: 1, defaultRootDir: folder, enableCheckpointing: false, compile };
            const callbacks = new LambdaCallback({
              onTrainBatchEnd: (_trainer, _module, _outputs, _batch, i) => counts?.note(device, i),
            });
            const trainer = new Trainer({ ...options, logger, logEveryNSteps, callbacks });
            // The progress bar writes to the error stream.
            await written(() => trainer.fit(module, batchesOf(batches) as never));
          });
        const module = new Logging();
        const few = await fit(20, 1000, module);
        assertEquals(await fit(60, 1000, module), few);
        assertEquals(await fit(60, 20, module), few + 3);
        assert(few <= 4, `an epoch reads ${few} times`);

        const counts = new Counts();
        module.logs = false;
        await fit(40, 1000, module, counts);
        assertEquals(counts.between, bareCounts(device, module, compile));
      });
    },
  );
}

/** What twenty steps give to the device in a loop written by hand. */
function bareCounts(device: Device, module: Logging, compiled: boolean): Counts["between"] {
  const optimizer = module.configureOptimizers(), counts = new Counts();
  using step = bareStep(({ x, y }: Points) => crossEntropy(module.forward(x), y), optimizer, compiled);
  for (const [i, { x, y }] of batchesOf(40).entries()) {
    scope(() => void step({ x: tensor(x), y: tensor(y) }));
    counts.note(device, i);
  }
  optimizer.zeroGrad();
  return counts.between;
}

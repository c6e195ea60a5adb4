/**
 * What the trainer costs beside its steps: `deno run -A bench/trainer_overhead.bench.ts [STEPS] [ROUNDS]`.
 *
 * `Trainer.fit` with its default callbacks and a CSV logger, against the same steps in a bare loop, taken in turns in one
 * process; batches are on the host for both. Medians of rounds, milliseconds a step; the bar is 1 % plus 20 µs. The last row is
 * a training step without any work, which leaves the trainer alone.
 */
import { CSVLogger } from "../loggers/mod.ts";
import { Callback, LightningModule, Trainer, type TrainerOptions } from "../lightning.ts";
import {
  backward,
  capture,
  crossEntropy,
  device,
  flatten,
  init,
  maxPool2d,
  relu,
  scope,
  type Tensor,
  tensor,
} from "../mod.ts";
import { Conv2d, Linear } from "../nn/mod.ts";
import { AdamW, type Optimizer } from "../optim/mod.ts";
import { makeTempDir, remove } from "../platform/mod.ts";
import { type HostTensor, hostTensor } from "../tensor/host.ts";

const [steps = 60, rounds = 7] = Deno.args.map(Number);
const WARM_UP = 12;

type Batch = { x: Tensor; y: Tensor };
type HostBatch = { x: HostTensor<"f32">; y: HostTensor<"i32"> };

abstract class Classifier extends LightningModule<Batch> {
  override trainingStep(batch: Batch): Tensor {
    const loss = this.loss(batch);
    this.log("loss", loss);
    return loss;
  }

  loss({ x, y }: Batch): Tensor {
    return crossEntropy(this.forward(x), y);
  }

  abstract override forward(x: Tensor): Tensor;

  override configureOptimizers(): Optimizer {
    return new AdamW(this.parameters(), { lr: 1e-3 });
  }
}

class Mlp extends Classifier {
  layers = [[784, 256], [256, 128], [128, 10]].map(([from, to]) => new Linear(from, to));

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((x, layer, i) => layer.forward(i === 0 ? x : relu(x)), x);
  }
}

class LeNet extends Classifier {
  conv1 = new Conv2d(1, 6, 5, { padding: 2 });
  conv2 = new Conv2d(6, 16, 5);
  layers = [[400, 120], [120, 84], [84, 10]].map(([from, to]) => new Linear(from, to));

  override forward(image: Tensor): Tensor {
    const pool = { kernelSize: 2 };
    const x = maxPool2d(relu(this.conv2.forward(maxPool2d(relu(this.conv1.forward(image)), pool))), pool);
    return this.layers.reduce((x, layer, i) => layer.forward(i === 0 ? x : relu(x)), flatten(x, { startDim: 1 }));
  }
}

/** Does nothing in its steps. */
class Idle extends Classifier {
  weight = new Linear(1, 1);

  constructor() {
    super();
    this.automaticOptimization = false;
  }

  override trainingStep(): Tensor {
    this.log("loss", 0.5);
    return null as never;
  }

  override forward(x: Tensor): Tensor {
    return x;
  }
}

/** Batches on the host, a few that come again and again. */
function batchesOf(shape: readonly number[]): HostBatch[] {
  const size = shape.reduce((a, b) => a * b),
    some = Array.from({ length: 4 }, (_, k) => ({
      x: hostTensor(Float32Array.from({ length: size }, (_, i) => Math.sin(i * 12.9898 + k)), { dtype: "f32", shape }),
      y: hostTensor(Int32Array.from({ length: shape[0] }, (_, i) => (i * 7 + k) % 10), {
        dtype: "i32",
        shape: [shape[0]],
      }),
    }));
  return Array.from({ length: WARM_UP + steps }, (_, i) => some[i % some.length]);
}

/** Milliseconds a step in a loop that somebody wrote by hand. */
async function bare(module: Classifier, batches: readonly HostBatch[], compiled: boolean): Promise<number> {
  const optimizer = module.configureOptimizers();
  const plain = (batch: Batch): Tensor => {
    const loss = module.loss(batch);
    optimizer.zeroGrad();
    backward(loss);
    optimizer.step();
    return loss;
  };
  const captured = compiled ? capture(plain) : null, step = captured ?? plain;
  let start = 0;
  for (const [i, { x, y }] of batches.entries()) {
    if (i === WARM_UP) {
      await device().sync();
      start = performance.now();
    }
    scope(() => void step({ x: tensor(x), y: tensor(y) }));
  }
  await device().sync();
  const taken = performance.now() - start;
  captured?.dispose();
  optimizer.zeroGrad();
  optimizer.dispose();
  return taken / steps;
}

/** Notes when the first, the first timed and the last batch are done. */
class Clock extends Callback {
  readonly #last: number;
  readonly times: number[] = [];

  constructor(batches: number) {
    super();
    this.#last = batches - 1;
  }

  override onTrainBatchEnd(
    _trainer: unknown,
    _module: unknown,
    _outputs: unknown,
    _batch: unknown,
    index: number,
  ): void {
    if (index === 0 || index === WARM_UP - 1 || index === this.#last) return this.#note() as unknown as void;
  }

  async #note(): Promise<void> {
    await device().sync();
    this.times.push(performance.now());
  }
}

/** Milliseconds a step in the trainer, and until the first one is done. */
async function fitted(
  module: LightningModule<Batch>,
  batches: readonly HostBatch[],
  options: TrainerOptions,
): Promise<[step: number, first: number]> {
  const folder = await makeTempDir(), clock = new Clock(batches.length);
  const logger = new CSVLogger({ saveDir: folder });
  const trainer = new Trainer({ maxEpochs: 1, defaultRootDir: folder, logger, callbacks: clock, ...options });
  const begun = performance.now();
  await trainer.fit(module, batches as never);
  for (const optimizer of trainer.optimizers) optimizer.dispose();
  await remove(folder, { recursive: true });
  const [first, start, end] = clock.times;
  return [(end - start) / (batches.length - WARM_UP), first - begun];
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];

await init();
console.log(
  "| step | bare | fit | least of both | over, of medians | bar | first step |\n| --- | --: | --: | --: | --: | --: | --: |",
);
const MODELS = [
  { name: "MLP 784-256-128-10, batch 128", make: () => new Mlp(), shape: [128, 784] },
  { name: "LeNet-5, batch 64", make: () => new LeNet(), shape: [64, 1, 28, 28] },
];
for (const { name, make, shape } of MODELS) {
  const batches = batchesOf(shape);
  for (const compile of [false, true]) {
    const module = make(), alone: number[] = [], inTrainer: number[] = [], firsts: number[] = [];
    for (let round = 0; round < rounds; round++) {
      alone.push(await bare(module, batches, compile));
      const [step, first] = await fitted(module, batches, { compile });
      inTrainer.push(step);
      firsts.push(first);
    }
    const [a, b] = [median(alone), median(inTrainer)], least = [Math.min(...alone), Math.min(...inTrainer)];
    console.log(
      `| ${name}, ${compile ? "captured" : "eager"} | ${a.toFixed(3)} | ${b.toFixed(3)} | ` +
        `${least.map((ms) => ms.toFixed(3)).join(" / ")} | ${(1000 * (b - a)).toFixed(0)} µs | ${
          (10 * a + 20).toFixed(0)
        } µs | ` +
        `${firsts[0].toFixed(0)}, then ${median(firsts.slice(1)).toFixed(0)} ms |`,
    );
    module.dispose();
  }
}
const idle = new Idle(), many = Array.from({ length: 4000 + WARM_UP }, () => ({ x: 1, y: 2 })) as never;
await fitted(idle, many, {});
const [alone] = await fitted(idle, many, {});
console.log(`\nThe trainer alone, with default callbacks and a logger: ${(1000 * alone).toFixed(1)} µs a step`);

/**
 * What the trainer costs beside its steps: `deno run -A bench/trainer_overhead.bench.ts [STEPS] [ROUNDS]`.
 *
 * `Trainer.fit` with its default callbacks and a CSV logger, against the same steps in a bare loop, taken in turns in one
 * process; batches are on the host for both. Medians of rounds, milliseconds a step, and the least that all processors took
 * together, which others on the machine change less; the bar is 1 % plus 20 µs. The last row is a training step without any
 * work, which leaves the trainer alone.
 */
import { cpuUsage } from "node:process";
import { LambdaCallback } from "../callbacks/mod.ts";
import { LightningModule, Trainer, type TrainerOptions } from "../lightning.ts";
import { CSVLogger } from "../loggers/mod.ts";
import { crossEntropy, device, init, scope, type Tensor, tensor } from "../mod.ts";
import { Linear, type Module } from "../nn/mod.ts";
import { AdamW, type Optimizer } from "../optim/mod.ts";
import { makeTempDir, remove } from "../platform/mod.ts";
import { type HostTensor, hostTensor } from "../tensor/host.ts";
import { bareStep } from "../testing/bare_step.ts";
import { LeNet, Mlp } from "./_models.ts";

const [steps = 100, rounds = 7] = Deno.args.map(Number);
const WARM_UP = 12;

type Batch = { x: Tensor; y: Tensor };
type HostBatch = { x: HostTensor<"f32">; y: HostTensor<"i32"> };

class Classifier extends LightningModule<Batch> {
  net: Module<[Tensor], Tensor>;

  constructor(net: Module<[Tensor], Tensor>) {
    super();
    this.net = net;
  }

  override trainingStep(batch: Batch): Tensor {
    const loss = this.loss(batch);
    this.log("loss", loss);
    return loss;
  }

  loss({ x, y }: Batch): Tensor {
    return crossEntropy(this.net.forward(x), y);
  }

  override configureOptimizers(): Optimizer {
    return new AdamW(this.parameters(), { lr: 1e-3 });
  }
}

/** Does nothing in its steps. */
class Idle extends Classifier {
  constructor() {
    super(new Linear(1, 1));
    this.automaticOptimization = false;
  }

  override trainingStep(): Tensor {
    this.log("loss", 0.5);
    return null as never;
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

/** Milliseconds of the wall's clock and of all processors. */
interface Taken {
  readonly wall: number;
  readonly processors: number;
}

function now(): Taken {
  const { user, system } = cpuUsage();
  return { wall: performance.now(), processors: (user + system) / 1000 };
}

/** What a step took, of so many between two moments. */
function aStep(start: Taken, end: Taken, count: number): Taken {
  return { wall: (end.wall - start.wall) / count, processors: (end.processors - start.processors) / count };
}

/** A step in a loop that somebody wrote by hand. */
async function bare(module: Classifier, batches: readonly HostBatch[], compiled: boolean): Promise<Taken> {
  const optimizer = module.configureOptimizers();
  using step = bareStep((batch: Batch) => module.loss(batch), optimizer, compiled);
  let start = now();
  for (const [i, { x, y }] of batches.entries()) {
    if (i === WARM_UP) {
      await device().sync();
      start = now();
    }
    scope(() => void step({ x: tensor(x), y: tensor(y) }));
  }
  await device().sync();
  const taken = aStep(start, now(), steps);
  optimizer.zeroGrad();
  optimizer.dispose();
  return taken;
}

/** A step in the trainer, and milliseconds until the first one is done. */
async function fitted(
  module: LightningModule<Batch>,
  batches: readonly HostBatch[],
  options: TrainerOptions,
): Promise<[step: Taken, first: number]> {
  const folder = await makeTempDir(), times: Taken[] = [];
  const clock = new LambdaCallback({
    // The first batch, the last before those that are timed, and the last: only there it waits.
    onTrainBatchEnd: (_trainer, _module, _outputs, _batch, i) => {
      if (i !== 0 && i !== WARM_UP - 1 && i !== batches.length - 1) return;
      return device().sync().then(() => void times.push(now()));
    },
  });
  const logger = new CSVLogger({ saveDir: folder });
  const trainer = new Trainer({ maxEpochs: 1, defaultRootDir: folder, logger, callbacks: clock, ...options });
  const begun = performance.now();
  await trainer.fit(module, batches as never);
  for (const optimizer of trainer.optimizers) optimizer.dispose();
  await remove(folder, { recursive: true });
  const [first, start, end] = times;
  return [aStep(start, end, batches.length - WARM_UP), first.wall - begun];
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];

const least = (values: readonly number[]) => Math.min(...values).toFixed(3);

await init();
const columns = [
  "step",
  "bare",
  "fit",
  "least of both",
  "over, median of rounds",
  "bar",
  "processors, least",
  "first step",
];
console.log(`| ${columns.join(" | ")} |\n| --- ${"| --: ".repeat(columns.length - 1)}|`);
const MODELS = [
  { name: "MLP 784-256-128-10, batch 128", make: () => new Classifier(new Mlp()), shape: [128, 784] },
  { name: "LeNet-5, batch 64", make: () => new Classifier(new LeNet()), shape: [64, 1, 28, 28] },
];
for (const { name, make, shape } of MODELS) {
  const batches = batchesOf(shape);
  for (const compile of [false, true]) {
    const module = make(), alone: Taken[] = [], inTrainer: Taken[] = [], firsts: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const fit = async () => {
        const [step, first] = await fitted(module, batches, { compile });
        inTrainer.push(step);
        firsts.push(first);
      };
      if (round % 2 === 1) await fit();
      alone.push(await bare(module, batches, compile));
      if (round % 2 === 0) await fit();
    }
    const walls = [alone, inTrainer].map((taken) => taken.map(({ wall }) => wall));
    const processors = [alone, inTrainer].map((taken) => least(taken.map(({ processors }) => processors)));
    const [a, b] = walls.map(median), over = median(walls[0].map((ms, round) => walls[1][round] - ms));
    const cells = [
      `${name}, ${compile ? "captured" : "eager"}`,
      a.toFixed(3),
      b.toFixed(3),
      walls.map(least).join(" / "),
      `${(1000 * over).toFixed(0)} µs`,
      `${(10 * a + 20).toFixed(0)} µs`,
      processors.join(" / "),
      `${firsts[0].toFixed(0)}, then ${median(firsts).toFixed(0)} ms`,
    ];
    console.log(`| ${cells.join(" | ")} |`);
    module.dispose();
  }
}
const idle = new Idle(), many = Array.from({ length: 4000 + WARM_UP }, () => ({ x: 1, y: 2 })) as never;
await fitted(idle, many, {});
const [alone] = await fitted(idle, many, {});
console.log(`\nThe trainer alone, with default callbacks and a logger: ${(1000 * alone.wall).toFixed(1)} µs a step`);

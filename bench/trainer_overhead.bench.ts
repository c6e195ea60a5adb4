/**
 * What the trainer costs beside its steps: `deno run -A bench/trainer_overhead.bench.ts [PAIRS]`.
 *
 * `Trainer.fit` with its default callbacks and a CSV logger pauses every few steps for as many of a bare loop, which
 * somebody wrote by hand, and for as many of a second one, which shows how far a loop differs from itself. Batches are
 * on the host for all, and what is timed begins and ends with an idle device. A fit is compared with the mean of its
 * two neighbours, so that what comes and goes on the machine meets all three. The bar is 1 % plus 20 µs. The last line
 * is a training step without any work, which leaves the trainer alone.
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

const [pairs = 100] = Deno.args.map(Number);
/** Steps that are timed together. */
const SEGMENT = 10;
/** Steps before the first that are timed, also of the fit that shows how long a first step takes. */
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
function batchesOf(shape: readonly number[], count: number): HostBatch[] {
  const size = shape.reduce((a, b) => a * b),
    some = Array.from({ length: 4 }, (_, k) => ({
      x: hostTensor(Float32Array.from({ length: size }, (_, i) => Math.sin(i * 12.9898 + k)), { dtype: "f32", shape }),
      y: hostTensor(Int32Array.from({ length: shape[0] }, (_, i) => (i * 7 + k) % 10), {
        dtype: "i32",
        shape: [shape[0]],
      }),
    }));
  return Array.from({ length: count }, (_, i) => some[i % some.length]);
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

/** Milliseconds a step, of a segment between two moments. */
function aStep(start: Taken, end: Taken): Taken {
  return { wall: (end.wall - start.wall) / SEGMENT, processors: (end.processors - start.processors) / SEGMENT };
}

/** A loop that somebody wrote by hand. */
class BareLoop {
  readonly #optimizer: Optimizer;
  readonly #step: ReturnType<typeof bareStep<Batch>>;

  constructor(module: Classifier, compiled: boolean) {
    this.#optimizer = module.configureOptimizers();
    this.#step = bareStep((batch: Batch) => module.loss(batch), this.#optimizer, compiled);
  }

  async run(batches: readonly HostBatch[]): Promise<Taken> {
    const start = now();
    for (const { x, y } of batches) scope(() => void this.#step({ x: tensor(x), y: tensor(y) }));
    await device().sync();
    return aStep(start, now());
  }

  dispose(): void {
    this.#step[Symbol.dispose]();
    this.#optimizer.zeroGrad();
    this.#optimizer.dispose();
  }
}

/** Fits, and calls `atEnd` after every batch. */
async function fit(
  module: LightningModule<Batch>,
  batches: readonly HostBatch[],
  options: TrainerOptions,
  atEnd: (batch: number) => Promise<void> | void,
): Promise<void> {
  const folder = await makeTempDir(), logger = new CSVLogger({ saveDir: folder });
  const clock = new LambdaCallback({ onTrainBatchEnd: (_trainer, _module, _outputs, _batch, i) => atEnd(i) });
  const trainer = new Trainer({
    maxEpochs: 1,
    defaultRootDir: folder,
    logger,
    callbacks: clock,
    enableModelSummary: false,
    ...options,
  });
  await trainer.fit(module, batches as never);
  for (const optimizer of trainer.optimizers) optimizer.dispose();
  await remove(folder, { recursive: true });
}

/** Milliseconds until the first step of a fit is done. */
async function firstStep(module: Classifier, batches: readonly HostBatch[], compile: boolean): Promise<number> {
  let first = 0;
  const begun = performance.now();
  await fit(module, batches.slice(0, WARM_UP), { compile }, async (batch) => {
    if (batch > 0) return;
    await device().sync();
    first = performance.now() - begun;
  });
  return first;
}

/** What steps took in the trainer, in a bare loop and in another one, in turns. */
async function inTurns(make: () => Classifier, batches: readonly HostBatch[], compile: boolean): Promise<Taken[][]> {
  const modules = [make(), make(), make()], loops = modules.slice(1).map((module) => new BareLoop(module, compile));
  const taken: Taken[][] = [[], [], []];
  for (const loop of loops) await loop.run(batches.slice(0, WARM_UP));
  let start = now();
  await fit(modules[0], batches, { compile }, async (batch) => {
    const timed = batch + 1 - WARM_UP;
    if (timed < 0 || timed % SEGMENT !== 0) return;
    await device().sync();
    if (timed > 0) {
      taken[0].push(aStep(start, now()));
      const order = timed / SEGMENT % 2 === 0 ? [0, 1] : [1, 0];
      for (const k of order) taken[k + 1].push(await loops[k].run(batches.slice(0, SEGMENT)));
    }
    start = now();
  });
  for (const loop of loops) loop.dispose();
  for (const module of modules) module.dispose();
  return taken;
}

const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b);

const median = (values: readonly number[]) => sorted(values)[values.length >> 1];

/** The median, and where it lies with 95 % of certainty: an interval between ranks, whatever the distribution. */
function medianWithin(values: readonly number[]): string {
  const all = sorted(values), reach = 0.98 * Math.sqrt(all.length);
  const low = Math.max(0, Math.floor(all.length / 2 - reach)),
    high = Math.min(all.length - 1, Math.ceil(all.length / 2 + reach));
  const [from, at, to] = [all[low], median(all), all[high]].map((ms) => (1000 * ms).toFixed(0));
  return `${at} (${from} to ${to})`;
}

await init();
const columns = [
  "step",
  "bare, ms",
  "fit, ms",
  "fit over bare, µs",
  "bare over bare, µs",
  "bar, µs",
  "processors over bare, µs",
  "first step, ms",
];
const rows: string[] = [];
const MODELS = [
  { name: "MLP 784-256-128-10, batch 128", make: () => new Classifier(new Mlp()), shape: [128, 784] },
  { name: "LeNet-5, batch 64", make: () => new Classifier(new LeNet()), shape: [64, 1, 28, 28] },
];
for (const { name, make, shape } of MODELS) {
  const batches = batchesOf(shape, WARM_UP + pairs * SEGMENT);
  for (const compile of [false, true]) {
    const module = make(),
      firsts = [await firstStep(module, batches, compile), await firstStep(module, batches, compile)];
    module.dispose();
    const [fitted, bare, again] = await inTurns(make, batches, compile);
    const over = (some: readonly Taken[], others: readonly (readonly Taken[])[], what: keyof Taken) =>
      medianWithin(
        some.map((taken, i) => taken[what] - others.reduce((sum, other) => sum + other[i][what], 0) / others.length),
      );
    const [ofBare, ofFit] = [bare, fitted].map((some) => median(some.map(({ wall }) => wall)));
    const cells = [
      `${name}, ${compile ? "captured" : "eager"}`,
      ofBare.toFixed(2),
      ofFit.toFixed(2),
      over(fitted, [bare, again], "wall"),
      over(again, [bare], "wall"),
      (10 * ofBare + 20).toFixed(0),
      over(fitted, [bare, again], "processors"),
      firsts.map((ms) => ms.toFixed(0)).join(", then "),
    ];
    rows.push(`| ${cells.join(" | ")} |`);
  }
}
const IDLE_STEPS = 4000, idle = new Idle();
const many = Array.from({ length: WARM_UP + IDLE_STEPS }, () => ({ x: 1, y: 2 })) as never;
let alone = 0;
for (let time = 0; time < 2; time++) {
  let start = 0;
  await fit(idle, many, {}, (batch) => {
    if (batch === WARM_UP - 1) start = performance.now();
    if (batch === WARM_UP + IDLE_STEPS - 1) alone = (performance.now() - start) / IDLE_STEPS;
  });
}
console.log(`\n| ${columns.join(" | ")} |\n| --- ${"| --: ".repeat(columns.length - 1)}|\n${rows.join("\n")}`);
console.log(`\nThe trainer alone, with default callbacks and a logger: ${(1000 * alone).toFixed(1)} µs a step`);

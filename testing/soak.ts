/** Long trainings whose memory must not grow: what a process holds is sampled while a small network learns. */
import {
  backward,
  capture,
  crossEntropy,
  device,
  init,
  isOpen,
  manualSeed,
  openDevice,
  relu,
  scope,
  setDevice,
  type Tensor,
  tensor,
} from "../mod.ts";
import { Dropout, Linear, Module } from "../nn/mod.ts";
import { Adam, CosineAnnealingWarmRestarts } from "../optim/mod.ts";
import { LightningModule, type OptimizerConfig, Trainer } from "../lightning.ts";
import { CSVLogger } from "../loggers/mod.ts";
import { Callback } from "../trainer/mod.ts";
import { type HostTensor, hostTensor } from "../tensor/host.ts";
import { inFolder, quiet } from "./trainer.ts";

/** How the steps are made. `"forgetful"` is eager without a scope: only garbage collection frees its tensors. */
export const SOAKS = ["eager", "forgetful", "captured", "trainer", "compiled trainer"] as const;

/** One of {@link SOAKS}. */
export type Soak = typeof SOAKS[number];

/** What a process holds after some steps. */
export interface Sample {
  step: number;
  liveBytes: number;
  liveBuffers: number;
  pooledBytes: number;
  peakBytes: number;
  /** GPU buffers made since the device was opened. */
  buffers: number;
  /** Bind groups made since the device was opened. */
  bindGroups: number;
  /** Kernels compiled since the device was opened. */
  pipelines: number;
  /** JavaScript's heap after a collection; `null` where the process may not collect (`--v8-flags=--expose-gc`). */
  heapBytes: number | null;
}

const BATCH = 16, FEATURES = 8, CLASSES = 3;

/** Collects garbage if the process may, and lets finalizers run. Returns whether it could. */
async function collectGarbage(): Promise<boolean> {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) return false;
  for (let i = 0; i < 3; i++) {
    gc();
    // Finalizers are tasks of their own.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return true;
}

/** What is held now, once the device has done everything; the peak is that since the last sample. */
async function sample(step: number): Promise<Sample> {
  const { pool, pipelines } = device();
  await device().sync();
  const heapBytes = await collectGarbage() ? Deno.memoryUsage().heapUsed : null;
  const { liveBytes, liveBuffers, pooledBytes, peakBytes } = pool.report();
  pool.resetPeak();
  return {
    step,
    liveBytes,
    liveBuffers,
    pooledBytes,
    peakBytes,
    buffers: pool.created,
    bindGroups: pipelines.groupsCreated,
    pipelines: pipelines.size,
    heapBytes,
  };
}

/** Points on the host and their classes: another batch every step, from a few that repeat. */
const batches: readonly { x: HostTensor<"f32">; y: HostTensor<"i32"> }[] = Array.from({ length: 7 }, (_, b) => {
  const y = Int32Array.from({ length: BATCH }, (_, i) => (i + b) % CLASSES);
  const x = Float32Array.from(
    { length: BATCH * FEATURES },
    (_, i) => Math.sin(12.9898 * i + 78.233 * b) + (i % FEATURES === y[Math.floor(i / FEATURES)] ? 1 : 0),
  );
  return {
    x: hostTensor(x, { dtype: "f32", shape: [BATCH, FEATURES] }),
    y: hostTensor(y, { dtype: "i32", shape: [BATCH] }),
  };
});

class Net extends Module {
  fc1: Linear = new Linear(FEATURES, 32);
  dropout: Dropout = new Dropout(0.2);
  fc2: Linear = new Linear(32, CLASSES);

  override forward(x: Tensor): Tensor {
    return this.fc2.forward(this.dropout.forward(relu(this.fc1.forward(x))));
  }
}

const optimizerOf = (net: Module) => new Adam(net.parameters(), { lr: 1e-3 });
const schedulerOf = (optimizer: Adam) => new CosineAnnealingWarmRestarts(optimizer, { t0: 100 });

/**
 * Trains for some steps on a device of its own and samples what is held.
 *
 * @param kind How the steps are made
 * @param steps How many
 * @param every Steps between samples; the first sample is taken after as many
 * @param options `seen` is called with each sample. `inStep` makes a trainer's steps wait for the device: else its pace
 *   submits by the clock, and a tensor from the host gets another buffer, whose bind groups are new, where that falls
 *   within other steps than before. There are few such, but the last may come late
 */
export async function soak(
  kind: Soak,
  steps: number,
  every: number,
  { seen = () => {}, inStep = false }: { seen?: (sample: Sample) => void; inStep?: boolean } = {},
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const take = async (step: number) => {
    if (inStep) await device().sync();
    if (step % every !== 0) return;
    samples.push(await sample(step));
    seen(samples.at(-1)!);
  };
  if (!isOpen()) await init();
  const before = device();
  setDevice(await openDevice());
  try {
    manualSeed(7);
    if (kind === "trainer" || kind === "compiled trainer") await fit(steps, kind === "compiled trainer", take);
    else await loop(kind, steps, take);
  } finally {
    setDevice(before)!.destroy();
  }
  return samples;
}

async function loop(kind: Soak, steps: number, take: (step: number) => Promise<void>): Promise<void> {
  using net = new Net();
  using optimizer = optimizerOf(net);
  const scheduler = schedulerOf(optimizer);
  const train = (x: Tensor, y: Tensor) => {
    optimizer.zeroGrad();
    const loss = crossEntropy(net.forward(x), y);
    backward(loss);
    optimizer.step();
    return loss;
  };
  using captured = capture(train);
  const step = kind === "captured" ? captured : train;
  const run = (i: number) => {
    const { x, y } = batches[i % batches.length];
    step(tensor(x), tensor(y));
    scheduler.step();
  };
  for (let i = 0; i < steps; i++) {
    if (kind === "forgetful") run(i);
    else scope(() => run(i));
    // Nobody but the collector frees what a forgetful loop leaves: it must come to its turn.
    if (i % 50 === 49) await device().sync();
    await take(i + 1);
  }
}

class Lightning extends LightningModule<{ x: Tensor; y: Tensor }> {
  net: Net = new Net();

  override trainingStep({ x, y }: { x: Tensor; y: Tensor }): Tensor {
    const loss = crossEntropy(this.net.forward(x), y);
    this.log("train_loss", loss);
    return loss;
  }

  override configureOptimizers(): OptimizerConfig {
    const optimizer = optimizerOf(this.net);
    return { optimizer, lrScheduler: { scheduler: schedulerOf(optimizer), interval: "step" } };
  }
}

async function fit(steps: number, compile: boolean, take: (step: number) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    using module = new Lightning();
    class Sampling extends Callback {
      override onTrainBatchEnd = (trainer: { globalStep: number }): Promise<void> => take(trainer.globalStep);
    }
    const trainer = new Trainer({
      ...quiet,
      maxSteps: steps,
      maxEpochs: -1,
      compile,
      logger: new CSVLogger({ saveDir: folder }),
      callbacks: [new Sampling()],
    });
    await trainer.fit(module, { train: batches as never });
  });
}

/** Bytes of heap that may come and go: V8 compiles, and keeps feedback, as long as it likes. */
const HEAP_SLACK = 2 ** 20;
/**
 * A forgetful loop never has the same buffers twice: there the cache of bind groups fills, up to the most that are
 * kept.
 */
const HEAP_SLACK_OF_FORGETFUL = 8 * 2 ** 20;
/** What must not grow. How much a forgetful loop has at once is up to the collector: there only what stays counts. */
const STEADY = ["liveBytes", "liveBuffers", "pipelines"] as const;
const STEADY_IN_SCOPES = [...STEADY, "pooledBytes", "peakBytes", "buffers", "bindGroups"] as const;

/**
 * What has grown between the end of the warm-up and the last sample, in words; empty when memory is flat.
 *
 * @param kind How the steps were made
 * @param samples What {@link soak} gave
 * @param warmUp Samples in which buffers, kernels and V8's code come into being
 */
export function growth(kind: Soak, samples: readonly Sample[], warmUp: number): string[] {
  const first = samples[warmUp], last = samples.at(-1)!;
  const grown = (kind === "forgetful" ? STEADY : STEADY_IN_SCOPES).flatMap((name) =>
    last[name] > first[name] ? [`${name} from ${first[name]} to ${last[name]}`] : []
  );
  const slack = kind === "forgetful" ? HEAP_SLACK_OF_FORGETFUL : HEAP_SLACK;
  if (first.heapBytes !== null && last.heapBytes! > first.heapBytes + slack) {
    grown.push(`heapBytes from ${first.heapBytes} to ${last.heapBytes}`);
  }
  return grown;
}

/** What tests of the trainer share: small models, data, a logger that remembers, folders. */
import { ArrayDataset, DataLoader, type DataLoaderOptions } from "../data/mod.ts";
import { LightningModule, type Loader, type Logger, type LogPoint, type OptimizerConfig } from "../lightning.ts";
import { Trainer, type TrainerOptions } from "../lightning.ts";
import { crossEntropy, type Device, mean, mul, relu, type Tensor, tensor } from "../mod.ts";
import { Dropout, Linear, Parameter } from "../nn/mod.ts";
import { AdamW, type Optimizer, SGD, StepLR } from "../optim/mod.ts";
import { makeTempDir, remove } from "../platform/mod.ts";
import { type HostTensor, hostTensor } from "../tensor/host.ts";
import { gpuTest, type GpuTestOptions } from "./gpu.ts";

/** Options of a trainer that only trains: no files, nothing shown, no trial validation. */
export const quiet: TrainerOptions = {
  logger: false,
  enableProgressBar: false,
  enableModelSummary: false,
  enableCheckpointing: false,
  numSanityValSteps: 0,
};

/** Runs something in a folder of its own, which is removed afterwards. */
export async function inFolder(fn: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await makeTempDir({ prefix: "trainer-" });
  try {
    await fn(folder);
  } finally {
    await remove(folder, { recursive: true });
  }
}

/** What the models of the running test have on the device beyond every scope. */
const owned: Disposable[] = [];

/** A `gpuTest` that frees the models made in it, and their optimizers. */
export function trainerTest(
  name: string,
  fn: (device: Device, context: Deno.TestContext) => void | Promise<void>,
  options?: GpuTestOptions,
): void {
  gpuTest(name, async (device, context) => {
    try {
      await fn(device, context);
    } finally {
      for (const thing of owned.splice(0)) thing[Symbol.dispose]();
    }
  }, options);
}

/** Frees something when the running test ends. */
export function own<T extends Disposable>(thing: T): T {
  owned.push(thing);
  return thing;
}

/** A row as a logger got it. */
export interface LoggedRow {
  readonly at: LogPoint;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Keeps rows and events. */
export class MemoryLogger implements Logger {
  readonly name: string = "memory";
  readonly version: string = "0";
  readonly logDir: string | null;
  readonly rows: LoggedRow[] = [];
  readonly events: string[] = [];

  constructor(logDir: string | null = null) {
    this.logDir = logDir;
  }

  logMetrics(metrics: Readonly<Record<string, number>>, at: LogPoint): void {
    this.rows.push({ at, metrics: { ...metrics } });
  }

  finalize(status: string): void {
    this.events.push(`finalize ${status}`);
  }

  afterSaveCheckpoint(path: string): void {
    this.events.push(`saved ${path.split("/").at(-1)}`);
  }

  /** The values of a metric, row by row. */
  values(name: string): number[] {
    return this.rows.flatMap(({ metrics }) => name in metrics ? [metrics[name]] : []);
  }
}

/** Batches on the host whose numbers are all `values[i]`: each [size]. */
export function constantBatches(values: readonly number[], size = 2): HostTensor<"f32">[] {
  return values.map((value) => hostTensor(new Float32Array(size).fill(value), { dtype: "f32", shape: [size] }));
}

/** One weight, with loss = weight · mean(x): the gradient is the mean of the batch. */
export class Slope extends LightningModule<Tensor> {
  weight: Parameter;
  /** Learning rate; with 1 a step subtracts the gradient. */
  readonly lr: number;

  constructor({ start = 0, lr = 1 }: { start?: number; lr?: number } = {}) {
    super();
    this.weight = new Parameter(tensor([start], { dtype: "f32" }));
    this.lr = lr;
    own(this);
  }

  override forward(x: Tensor): Tensor {
    return mean(mul(this.weight, x));
  }

  override trainingStep(x: Tensor, _batchIdx: number): ReturnType<NonNullable<LightningModule["trainingStep"]>> {
    return this.forward(x);
  }

  override configureOptimizers(): Optimizer {
    return own(new SGD(this.parameters(), { lr: this.lr }));
  }

  /** The weight as a number. */
  value(): Promise<number> {
    return this.weight.item();
  }
}

/** Trains a Slope on batches of these values and returns the trainer. */
export async function fit(
  module: Slope,
  values: readonly number[] | Iterable<unknown>,
  options: TrainerOptions = {},
  entry: Parameters<Trainer["fit"]>[2] = {},
): Promise<Trainer> {
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, ...options });
  const numbers = Array.isArray(values) && values.every((value) => typeof value === "number");
  await trainer.fit(module, numbers ? constantBatches(values) : values as Loader, entry);
  return trainer;
}

/** Points [N, 4] and classes [N] from 0 to 2. */
export type Points = { x: Tensor; y: Tensor };

/** Points in three clouds, the same in every run. */
export function clouds(
  count: number,
): ArrayDataset<HostPoints> {
  const x = new Float32Array(4 * count), y = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    y[i] = i % 3;
    for (let k = 0; k < 4; k++) x[4 * i + k] = Math.sin(12.9898 * i + 78.233 * k) + (k === y[i] ? 1.5 : 0);
  }
  return new ArrayDataset({
    x: hostTensor(x, { dtype: "f32", shape: [count, 4] }),
    y: hostTensor(y, { dtype: "i32", shape: [count] }),
  });
}

/** Points as a loader gives them: on the host. */
export type HostPoints = { readonly x: HostTensor<"f32">; readonly y: HostTensor<"i32"> };

/** A loader of points. */
export function cloudLoader(
  count: number,
  options: DataLoaderOptions<HostPoints, HostPoints, HostPoints>,
): DataLoader<HostPoints, HostPoints> {
  return new DataLoader(clouds(count), options);
}

/** Two layers with dropout, AdamW, and a rate that falls: everything that a resumed run has to remember. */
export class Net extends LightningModule<Points> {
  fc1: Linear = new Linear(4, 16);
  dropout: Dropout = new Dropout(0.3);
  fc2: Linear = new Linear(16, 3);

  constructor() {
    super();
    own(this);
  }

  override forward(x: Tensor): Tensor {
    return this.fc2.forward(this.dropout.forward(relu(this.fc1.forward(x))));
  }

  override trainingStep({ x, y }: Points): Tensor {
    const loss = crossEntropy(this.forward(x), y);
    this.log("train_loss", loss, { onStep: true, onEpoch: true });
    return loss;
  }

  override validationStep({ x, y }: Points): void {
    this.log("val_loss", crossEntropy(this.forward(x), y));
  }

  override configureOptimizers(): OptimizerConfig {
    const optimizer = own(new AdamW(this.parameters(), { lr: 0.05, weightDecay: 0.1 }));
    return {
      optimizer,
      lrScheduler: { scheduler: new StepLR(optimizer, { stepSize: 2, gamma: 0.7 }), interval: "step" },
    };
  }
}

/** Counts how often the device is read while something runs. */
export async function countReads(device: Device, fn: () => Promise<void>): Promise<number> {
  let reads = 0;
  const { read, readAll } = device;
  device.read = (...args) => (reads++, read.apply(device, args));
  device.readAll = (...args) => (reads++, readAll.apply(device, args));
  try {
    await fn();
  } finally {
    Reflect.deleteProperty(device, "read");
    Reflect.deleteProperty(device, "readAll");
  }
  return reads;
}

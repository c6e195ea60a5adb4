/** What the recorded behaviours share: a model that counts, its trainer, and a folder of its own. */
import { LambdaCallback, type LambdaHooks } from "../../../callbacks/mod.ts";
import type { Loader, Loaders } from "../../../data/mod.ts";
import {
  type ConfiguredOptimizers,
  LightningModule,
  type Logger,
  type LogPoint,
  type StepOutput,
  Trainer,
  type TrainerData,
  type TrainerOptions,
} from "../../../lightning.ts";
import { type HostTensor, matmul, mean, mul, sum, type Tensor, tensor, transpose } from "../../../mod.ts";
import { Parameter } from "../../../nn/mod.ts";
import { SGD } from "../../../optim/mod.ts";
import { exists, listDir, makeTempDir, remove, stat } from "../../../platform/mod.ts";

/** What a probe does beside what every probe does. */
export interface ProbeSpec {
  batches?: number;
  val?: number;
  lr?: number;
  /** Replaces the training step. */
  body?: (probe: Probe, x: Tensor, batchIdx: number) => StepOutput | Promise<StepOutput>;
  /** Added to the validation step. */
  valBody?: (probe: Probe, x: Tensor, batchIdx: number, loader: number) => unknown;
  /** A metric that is logged at the end of validations or epochs, one value after the other. */
  script?: { name: string; in: "onValidationEpochEnd" | "onTrainEpochEnd"; values: readonly number[] };
  /** The training loader does not tell its length. */
  stream?: boolean;
}

/** One item of four equal numbers a batch: item i is 0.25·(1 + i mod 5). */
export function items(count: number): HostTensor<"f32">[] {
  return Array.from({ length: count }, (_, i) => ({
    dtype: "f32",
    shape: [1, 4],
    data: new Float32Array(4).fill(0.25 * (1 + i % 5)),
  }));
}

/** When a validation came. */
export interface Check {
  epoch: number;
  batches: number;
  globalStep: number;
}

/** The probes of the running rule; their weights belong to no scope. */
const made: Probe[] = [];

/** Frees the probes that were made. */
export function freeProbes(): void {
  for (const probe of made.splice(0)) probe.dispose();
}

/** One row of four weights; counts batches and validations. */
export class Probe extends LightningModule<Tensor> {
  weight: Parameter = new Parameter(tensor([[1, 1, 1, 1]], { dtype: "f32" }));
  readonly seen: [epoch: number, batch: number][] = [];
  readonly checks: Check[] = [];
  batchesDone = 0;
  valCount = 0;
  readonly spec: ProbeSpec;
  #scripted = 0;

  constructor(spec: ProbeSpec = {}) {
    super();
    this.spec = spec;
    made.push(this);
  }

  override forward(x: Tensor): Tensor {
    return matmul(x, transpose(this.weight, 0, 1));
  }

  override trainingStep(x: Tensor, batchIdx: number): StepOutput | Promise<StepOutput> {
    this.batchesDone++;
    this.seen.push([this.currentEpoch, batchIdx]);
    return this.spec.body === undefined ? mul(mean(this.forward(x)), 1e-3) : this.spec.body(this, x, batchIdx);
  }

  override async validationStep(x: Tensor, batchIdx: number, loader: number): Promise<void> {
    this.valCount++;
    await this.spec.valBody?.(this, x, batchIdx, loader);
  }

  override onValidationEpochEnd(): void {
    if (this.trainer.sanityChecking) return;
    const { currentEpoch: epoch, globalStep, batchesDone: batches } = this;
    this.checks.push({ epoch, batches, globalStep });
    this.#script("onValidationEpochEnd");
  }

  override onTrainEpochEnd(): void {
    this.#script("onTrainEpochEnd");
  }

  override configureOptimizers(): ConfiguredOptimizers {
    return new SGD([this.weight], { lr: this.spec.lr ?? 0.05 });
  }

  override trainDataloader(): Loaders {
    const batches = items(this.spec.batches ?? 10);
    return this.spec.stream ? { [Symbol.iterator]: () => batches[Symbol.iterator]() } as Loader : batches;
  }

  override valDataloader(): Loaders {
    return items(this.spec.val ?? 2);
  }

  #script(hook: string): void {
    const { script } = this.spec;
    if (script?.in !== hook) return;
    this.log(script.name, script.values[Math.min(this.#scripted++, script.values.length - 1)]);
  }
}

/** A loss whose gradient is 1 for each of the four weights. */
export function unit(probe: Probe): Tensor {
  return sum(probe.forward(tensor([[1, 1, 1, 1]], { dtype: "f32" })));
}

/** The mean of the model's output. */
export function plain(probe: Probe, x: Tensor): Tensor {
  return mean(probe.forward(x));
}

/** The trainer of a behaviour: it behaves as Lightning does, and writes nothing unless told. */
export function trainerOf(options: TrainerOptions = {}): Trainer {
  return new Trainer({
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    maxEpochs: 1,
    lightningCompat: true,
    ...options,
  });
}

/** A callback of these hooks. */
export function hooks(named: LambdaHooks): LambdaCallback {
  return new LambdaCallback(named);
}

/** Fits, frees the optimizers, and gives the trainer. */
export async function fit(
  probe: Probe,
  options: TrainerOptions = {},
  data?: TrainerData<Tensor>,
  ckptPath?: string,
): Promise<Trainer> {
  const trainer = trainerOf(options);
  try {
    await trainer.fit(probe, data, { ckptPath });
  } finally {
    for (const optimizer of trainer.optimizers) optimizer.dispose();
  }
  return trainer;
}

/** What a function gives, or `{ error }` with the name of the class that it throws. */
export async function attempt(fn: () => unknown): Promise<unknown> {
  try {
    return await fn();
  } catch (error) {
    return { error: (error as Error).name };
  }
}

/** Runs something in a folder that is removed afterwards. */
export async function inFolder<T>(fn: (root: string) => Promise<T>): Promise<T> {
  const root = await makeTempDir({ prefix: "golden" });
  try {
    return await fn(root);
  } finally {
    await remove(root, { recursive: true });
  }
}

/** Files below a folder. */
export async function filesIn(folder: string): Promise<number> {
  if (!await exists(folder)) return 0;
  let count = 0;
  for (const name of await listDir(folder)) {
    const path = `${folder}/${name}`;
    count += (await stat(path)).isDirectory ? await filesIn(path) : 1;
  }
  return count;
}

/** Keeps rows as the recorded loggers did: with the epoch among the metrics, where the trainer made the row. */
export class Rows implements Logger {
  readonly name = "memory";
  readonly version = "0";
  readonly logDir = null;
  readonly rows: { step: number; metrics: Record<string, number> }[] = [];

  logMetrics(metrics: Readonly<Record<string, number>>, { step }: LogPoint): void {
    this.rows.push({ step, metrics: { ...metrics } });
  }
}

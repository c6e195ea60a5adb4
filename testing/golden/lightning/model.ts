/** The model, the data and the callback of the recorded Trainer runs, and what notes every hook call. */
import { add, type HostTensor, matmul, mean, square, sub, type Tensor, tensor, transpose } from "../../../mod.ts";
import {
  Callback,
  type ConfiguredOptimizers,
  LightningDataModule,
  LightningModule,
  type LogOptions,
  type Trainer,
} from "../../../lightning.ts";
import type { Loader, Loaders } from "../../../data/mod.ts";
import { Parameter } from "../../../nn/mod.ts";
import { SGD } from "../../../optim/mod.ts";
import { toDevice } from "../../../trainer/transfer.ts";
import { makeScheduler } from "../optimizers.ts";
import type { Row } from "../format.ts";

/** A noted call: who, hook, epoch, batch, optimizer steps. */
export type Call = [who: string, hook: string, epoch: number, batch: number | null, globalStep: number];

/** What a run says of its model. */
export interface Spec {
  trainBatches?: number;
  valBatches?: number | number[];
  testBatches?: number | number[];
  predictBatches?: number | number[];
  batchSize?: number;
  extraItems?: number;
  lr?: number;
  lrScheduler?: Row;
  manual?: boolean;
  second?: boolean;
  throwAt?: [number, number];
  stopAt?: [number, number];
  noneAt?: number[];
  leaveEpochAt?: number;
  scripts?: Record<string, { in: string; values: number[] }>;
  trainLogs?: Row[];
  valLogs?: Row[];
  testLogs?: Row[];
}

/** Batches of items: item i of a set is four times 0.25·(1 + i mod 5). */
class Items implements Loader<HostTensor> {
  readonly length: number;

  constructor(readonly count: number, readonly batchSize: number) {
    this.length = Math.ceil(count / batchSize);
  }

  *[Symbol.iterator](): Iterator<HostTensor> {
    for (let first = 0; first < this.count; first += this.batchSize) {
      const items = Math.min(this.batchSize, this.count - first);
      const data = Float32Array.from({ length: 4 * items }, (_, i) => 0.25 * (1 + (first + (i >> 2)) % 5));
      yield { dtype: "f32", shape: [items, 4], data };
    }
  }
}

function loadersOf(spec: Spec, kind: "train" | "val" | "test" | "predict", fallback: number): Loaders {
  const { batchSize = 2, extraItems = 0 } = spec;
  const count = spec[`${kind}Batches`] ?? fallback;
  if (Array.isArray(count)) return count.map((n) => new Items(n * batchSize, batchSize));
  return new Items(count * batchSize + (kind === "train" ? extraItems : 0), batchSize);
}

/** One weight row of ones; loss = mean((x·wᵀ − 1)²). */
export class GoldenModel extends LightningModule<Tensor> {
  weight: Parameter;
  second: Parameter | null = null;
  readonly seen: [number, number, Promise<number>][] = [];
  readonly rates: number[] = [];
  readonly #spec: Spec;
  #validations = 0;

  constructor(spec: Spec) {
    super();
    this.#spec = spec;
    this.weight = new Parameter(tensor([[1, 1, 1, 1]], { dtype: "f32" }));
    if (spec.second) this.second = new Parameter(tensor([[1, 1, 1, 1]], { dtype: "f32" }));
    this.automaticOptimization = !spec.manual;
  }

  get spec(): Spec {
    return this.#spec;
  }

  override forward(x: Tensor): Tensor {
    return matmul(x, transpose(this.weight, 0, 1));
  }

  override async trainingStep(x: Tensor, batchIdx: number): Promise<Tensor | null> {
    const spec = this.#spec;
    const at = (place?: [number, number]) => place?.[0] === this.currentEpoch && place[1] === batchIdx;
    if (at(spec.throwAt)) throw new Error("scripted failure");
    if (at(spec.stopAt)) this.trainer.shouldStop = true;
    if (spec.noneAt?.includes(batchIdx)) return null;
    this.seen.push([this.currentEpoch, batchIdx, x.data().then((values) => values[0])]);
    if (this.automaticOptimization) {
      const loss = this.#measure(x, this.weight);
      this.#write(spec.trainLogs, { loss, batchIdx });
      return loss;
    }
    let loss: Tensor | null = null;
    for (const optimizer of [this.optimizers()].flat()) {
      loss = this.#measure(x, this.weight);
      if (this.second !== null) loss = add(loss, this.#measure(x, this.second));
      optimizer.zeroGrad();
      await this.manualBackward(loss);
      optimizer.step();
    }
    this.#write(spec.trainLogs, { loss: loss!, batchIdx });
    return null;
  }

  override onTrainBatchStart(_batch: Tensor, batchIdx: number): number | void {
    if (batchIdx === this.#spec.leaveEpochAt) return -1;
  }

  override onTrainBatchEnd(): void {
    const group = this.trainer.optimizers[0]?.paramGroups[0];
    this.rates.push(group.lr as number);
  }

  override validationStep(x: Tensor, batchIdx: number, loader: number): void {
    this.#write(this.#spec.valLogs, { loss: this.#measure(x, this.weight), batchIdx, loader });
  }

  override onValidationEpochEnd(): void {
    this.#script("onValidationEpochEnd", this.#validations);
    if (!this.trainer.sanityChecking) this.#validations++;
  }

  override onTrainEpochEnd(): void {
    this.#script("onTrainEpochEnd", this.currentEpoch);
  }

  override testStep(x: Tensor, batchIdx: number, loader: number): void {
    this.#write(this.#spec.testLogs, { loss: this.#measure(x, this.weight), batchIdx, loader });
  }

  override async predictStep(x: Tensor): Promise<number[]> {
    return [...await this.forward(x).data()].map((value) => Number(value.toFixed(6)));
  }

  override configureOptimizers(): ConfiguredOptimizers {
    const { lr = 0.05, lrScheduler } = this.#spec;
    if (this.second !== null) return [new SGD([this.weight], { lr }), new SGD([this.second], { lr })];
    const optimizer = new SGD(this.parameters(), { lr });
    if (lrScheduler === undefined) return optimizer;
    const { scheduler: _, options: __, ...config } = lrScheduler;
    return {
      optimizer,
      lrScheduler: { ...config, scheduler: makeScheduler(optimizer as never, lrScheduler) as never },
    };
  }

  override trainDataloader(): Loaders {
    return loadersOf(this.#spec, "train", 3);
  }

  override valDataloader(): Loaders {
    return loadersOf(this.#spec, "val", 2);
  }

  override testDataloader(): Loaders {
    return loadersOf(this.#spec, "test", 2);
  }

  override predictDataloader(): Loaders {
    return loadersOf(this.#spec, "predict", 2);
  }

  #measure(x: Tensor, weight: Tensor): Tensor {
    return mean(square(sub(matmul(x, transpose(weight, 0, 1)), 1)));
  }

  #write(rows: Row[] = [], values: Record<string, Tensor | number>): void {
    for (const { name, value, ...options } of rows) {
      this.log(String(name), typeof value === "string" ? values[value] : Number(value), options as LogOptions);
    }
  }

  #script(hook: string, index: number): void {
    if (this.trainer.sanityChecking) return;
    for (const [name, { in: where, values }] of Object.entries(this.#spec.scripts ?? {})) {
      if (where === hook) this.log(name, values[Math.min(index, values.length - 1)]);
    }
  }
}

/** The model's own loaders as a data module. */
export class GoldenData extends LightningDataModule<Tensor> {
  readonly #spec: Spec;

  constructor(spec: Spec) {
    super();
    this.#spec = spec;
  }

  override prepareData(): void {}
  override setup(): void {}
  override transferBatchToDevice(batch: unknown): unknown {
    return toDevice(batch);
  }
  override trainDataloader(): Loaders {
    return loadersOf(this.#spec, "train", 3);
  }
  override valDataloader(): Loaders {
    return loadersOf(this.#spec, "val", 2);
  }
  override testDataloader(): Loaders {
    return loadersOf(this.#spec, "test", 2);
  }
  override stateDict(): { position: number } {
    return { position: 7 };
  }
  override loadStateDict(): void {}
}

/** A stateful callback that does nothing. */
export class GoldenCallback extends Callback {
  override stateDict(): { kept: number } {
    return { kept: 3 };
  }
  override loadStateDict(): void {}
}

/** What moves a batch to the device. */
export const TRANSFER: readonly string[] = ["onBeforeBatchTransfer", "transferBatchToDevice", "onAfterBatchTransfer"];

/** Hooks whose call is noted with the number of the running batch. */
const IN_BATCH = new Set([
  "onBeforeZeroGrad",
  "onBeforeBackward",
  "onAfterBackward",
  "onBeforeOptimizerStep",
  "optimizerStep",
  "optimizerZeroGrad",
  "backward",
  "configureGradientClipping",
  "lrSchedulerStep",
  "trainingStep",
]);

/** Where a hook's own arguments hold the number of the batch. */
const BATCH_ARGUMENT: Record<string, number> = {
  onTrainBatchStart: 1,
  onTrainBatchEnd: 2,
  onValidationBatchStart: 1,
  onValidationBatchEnd: 2,
  onTestBatchStart: 1,
  onTestBatchEnd: 2,
  onPredictBatchStart: 1,
  onPredictBatchEnd: 2,
  trainingStep: 1,
  validationStep: 1,
  testStep: 1,
  predictStep: 1,
};

/** Makes an object note each call of the named hooks before it does its work. */
export function record(
  who: "M" | "C" | "D",
  target: object,
  hooks: readonly string[],
  trainer: () => Trainer,
  calls: Call[],
): void {
  for (const hook of hooks) {
    const own = (target as Record<string, ((...args: unknown[]) => unknown) | undefined>)[hook];
    const value = function (this: unknown, ...args: unknown[]): unknown {
      const at = BATCH_ARGUMENT[hook];
      const batch = at !== undefined
        ? args[at + (who === "C" ? 2 : 0)] as number
        : IN_BATCH.has(hook)
        ? trainer().batchIdx
        : null;
      const stage = hook === "setup" || hook === "teardown" ? `(${args.at(-1)})` : "";
      calls.push([who, hook + stage, trainer().currentEpoch, batch, trainer().globalStep]);
      // A transfer hook that is not overridden hands the batch on.
      return own === undefined && TRANSFER.includes(hook) ? args[0] : own?.apply(target, args);
    };
    Object.defineProperty(target, hook, { value, configurable: true, enumerable: false });
  }
}

import { backward } from "../autograd/mod.ts";
import type { Awaitable, Hyperparameters, SaveHyperparametersOptions } from "../data/mod.ts";
import { HyperparameterStore } from "../data/hyperparameters.ts";
import { MetricCollection } from "../metrics/mod.ts";
import { Module } from "../nn/mod.ts";
import { clipGradNorm, clipGradValue, LBFGS, type LRScheduler, type Optimizer } from "../optim/mod.ts";
import { writeErr } from "../platform/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { lastly, then } from "./_then.ts";
import { type Loggable, logOptionNames, type LogOptions } from "./log.ts";
import { checkNames } from "../device/option_names.ts";
import { checkRecord } from "./check_logged.ts";
import { type LoadFromCheckpointOptions, loadModule } from "./loading.ts";
import type { ModuleHooks } from "./module_hooks.ts";
import { Toggles } from "./toggles.ts";
import type { Trainer } from "./trainer.ts";
import { toDevice } from "./transfer.ts";

/** The run that a module is part of, as far as the module asks it. */
export interface ModuleHost {
  /** The trainer. */
  readonly trainer: Trainer;
  /** Takes a logged value. */
  log(name: string, value: Loggable, options: LogOptions): void;
  /** Differentiates a loss, with the hooks around it. */
  backward(loss: Tensor): Awaitable<void>;
  /** Gives the gradients of an optimizer's parameters their own size, where the loss was scaled. */
  unscale(optimizer: Optimizer): void;
}

/** The steps and hooks of a module: {@link ModuleHooks}. */
// deno-lint-ignore no-explicit-any -- as of the class that it merges with
export interface LightningModule<Batch = any> extends ModuleHooks<Batch> {}

/**
 * A model that knows how it is trained. Write `trainingStep` and `configureOptimizers`; everything else has a default.
 *
 * `Batch` is what the steps receive: the loader's batch with its arrays as tensors.
 *
 * @example
 * ```ts
 * import { crossEntropy, init, type Tensor } from "@fulgurite/core";
 * import { Linear } from "@fulgurite/core/nn";
 * import { Adam, type Optimizer } from "@fulgurite/core/optim";
 * import { LightningModule } from "@fulgurite/core/trainer";
 *
 * await init();
 * class LitClassifier extends LightningModule<{ x: Tensor; y: Tensor }> {
 *   layer = new Linear(784, 10);
 *   override forward(x: Tensor): Tensor {
 *     return this.layer.forward(x);
 *   }
 *   override trainingStep({ x, y }: { x: Tensor; y: Tensor }): Tensor {
 *     const loss = crossEntropy(this.forward(x), y);
 *     this.log("train_loss", loss);
 *     return loss;
 *   }
 *   override configureOptimizers(): Optimizer {
 *     return new Adam(this.parameters(), { lr: 1e-3 });
 *   }
 * }
 * console.log([...new LitClassifier().stateDict().keys()]); // ["layer.weight", "layer.bias"]
 * ```
 */
// deno-lint-ignore no-explicit-any -- a module of any batch type is a module to callbacks and to the trainer
export abstract class LightningModule<Batch = any> extends Module {
  /** Whether the trainer runs backward and the optimizer; set to false to do it in `trainingStep`. */
  automaticOptimization: boolean = true;
  /** Whether loading a checkpoint demands exactly the module's own names; default true. */
  strictLoading: boolean = true;
  /**
   * What `forward` may be tried with: tensors, or a list of its arguments; a summary of the model shows shapes by it.
   */
  exampleInputArray: unknown = null;
  #host: ModuleHost | null = null;
  readonly #hyperparameters = new HyperparameterStore();
  readonly #toggles = new Toggles();
  #toldOfLog = false;

  /**
   * Makes a module as it was saved: with the hyperparameters that it gave to {@link saveHyperparameters}, as its
   * constructor's first argument, and its weights.
   *
   * @param path The checkpoint's folder
   * @param options Values that replace saved hyperparameters, strictness of names
   * @returns The module, in training mode
   * @throws {CheckpointError} If the checkpoint is missing or damaged
   * @throws {RangeError} If names of weights do not fit, unless `strict` is false
   *
   * @example
   * ```ts
   * import { init, randn, type Tensor } from "@fulgurite/core";
   * import { Linear } from "@fulgurite/core/nn";
   * import { LightningModule, Trainer } from "@fulgurite/core/trainer";
   *
   * await init();
   * class Regressor extends LightningModule<Tensor> {
   *   layer: Linear;
   *   constructor({ features = 4 }: { features?: number } = {}) {
   *     super();
   *     this.saveHyperparameters({ features });
   *     this.layer = new Linear(features, 1);
   *   }
   *   override forward(x: Tensor): Tensor {
   *     return this.layer.forward(x);
   *   }
   * }
   * const trainer = new Trainer({ logger: false, enableProgressBar: false, enableCheckpointing: false });
   * await trainer.predict(new Regressor({ features: 8 }), [randn([2, 8])]);
   * const folder = await Deno.makeTempDir();
   * await trainer.saveCheckpoint(`${folder}/x.ckpt`);
   * const again = await Regressor.loadFromCheckpoint(`${folder}/x.ckpt`);
   * console.log(again.hparams); // { features: 8 }
   * ```
   */
  static loadFromCheckpoint<A extends unknown[], M extends LightningModule>(
    this: new (...args: A) => M,
    path: string,
    options: LoadFromCheckpointOptions<A[0]> = {},
  ): Promise<M> {
    return loadModule((given) => new this(...given as A), path, options as LoadFromCheckpointOptions);
  }

  /** What the module was made with, as {@link saveHyperparameters} took it; it may change. */
  get hparams(): Hyperparameters {
    return this.#hyperparameters.values;
  }

  /** What the module was made with, as it was taken. */
  get hparamsInitial(): Readonly<Hyperparameters> {
    return this.#hyperparameters.initial;
  }

  /** The hyperparameters with what is to become of them. */
  get hyperparameters(): HyperparameterStore {
    return this.#hyperparameters;
  }

  /**
   * Remembers what the module was made with: checkpoints hold it, loggers get it when fit begins, and
   * {@link loadFromCheckpoint} makes the module of it. To be called in the constructor, with what that was given.
   *
   * @param values Plain values by name
   * @param options Names to leave out, and whether loggers get them
   * @throws {TypeError} For a value that no file could hold
   */
  saveHyperparameters(values: object, options: SaveHyperparametersOptions = {}): void {
    this.#hyperparameters.save(this.constructor.name, values, options);
  }

  /** The trainer that runs this module, or ran it last. */
  get trainer(): Trainer {
    if (this.#host === null) {
      throw new Error(`Cannot reach the trainer of ${this.constructor.name}: it is not attached to one`);
    }
    return this.#host.trainer;
  }

  /**
   * Called by the trainer at the begin of an entry point.
   *
   * @returns The run that the module was part of before
   */
  attach(host: ModuleHost | null): ModuleHost | null {
    const before = this.#host;
    this.#host = host;
    return before;
  }

  /** Whether a trainer runs this module, or ran it. */
  get attached(): boolean {
    return this.#host !== null;
  }

  /** Epochs finished so far. */
  get currentEpoch(): number {
    return this.#host?.trainer.currentEpoch ?? 0;
  }

  /** Optimizer steps so far. */
  get globalStep(): number {
    return this.#host?.trainer.globalStep ?? 0;
  }

  /** The result for an input; the default prediction step calls it. */
  forward(..._inputs: never[]): unknown {
    throw new Error(`Cannot call forward of ${this.constructor.name}: it does not define it`);
  }

  /** The prediction for a batch. */
  predictStep(batch: Batch, _batchIdx: number, _dataloaderIdx: number): Awaitable<unknown> {
    return (this.forward as (batch: Batch) => unknown)(batch);
  }

  /** Makes tensors of the arrays in a batch. */
  transferBatchToDevice(batch: unknown, _dataloaderIdx: number): unknown {
    return toDevice(batch);
  }

  /** Switches to evaluation before a validation. */
  onValidationModelEval(): void {
    this.eval();
  }

  /** Switches to evaluation before a test. */
  onTestModelEval(): void {
    this.eval();
  }

  /** Switches to evaluation before a prediction. */
  onPredictModelEval(): void {
    this.eval();
  }

  /** Frees the gradients before a validation. */
  onValidationModelZeroGrad(): Awaitable<void> {
    this.zeroGrad();
  }

  /** Differentiates the loss. */
  backward(loss: Tensor): Awaitable<void> {
    backward(loss);
  }

  /** Forgets the gradients of the optimizer's parameters. */
  optimizerZeroGrad(_epoch: number, _batchIdx: number, optimizer: Optimizer): Awaitable<void> {
    optimizer.zeroGrad();
  }

  /**
   * Computes the gradients with `closure` and updates the parameters. An override calls the closure, and awaits it,
   * before it steps the optimizer.
   *
   * @param closure Runs the training step, backward, and clipping, and gives the loss; an optimizer such as LBFGS calls
   *   it several times
   */
  optimizerStep(
    _epoch: number,
    _batchIdx: number,
    optimizer: Optimizer,
    closure: () => Awaitable<Tensor | null | void>,
  ): Awaitable<void> {
    if (!(optimizer instanceof LBFGS)) return then(closure(), () => void optimizer.step());
    const measure = async () => await closure() ?? noLoss(this.constructor.name);
    return optimizer.stepAsync(measure).then(() => {});
  }

  /** Clips the gradients as the trainer's options say; override to do it otherwise. */
  configureGradientClipping(
    optimizer: Optimizer,
    gradientClipVal: number | null,
    gradientClipAlgorithm: "norm" | "value",
  ): Awaitable<void> {
    this.clipGradients(optimizer, gradientClipVal, gradientClipAlgorithm);
  }

  /** Clips the gradients of an optimizer's parameters: by their common norm, or each value. */
  clipGradients(
    optimizer: Optimizer,
    gradientClipVal: number | null,
    gradientClipAlgorithm: "norm" | "value" = "norm",
  ): void {
    if (gradientClipVal === null) return;
    this.#host?.unscale(optimizer);
    const parameters = optimizer.paramGroups.flatMap((group) => group.params);
    if (gradientClipAlgorithm === "norm") clipGradNorm(parameters, gradientClipVal).dispose();
    else clipGradValue(parameters, gradientClipVal);
  }

  /** Steps a scheduler; one that reacts to a metric gets it. */
  lrSchedulerStep(scheduler: LRScheduler, metric: number | null): Awaitable<void> {
    if (metric === null) scheduler.step();
    else scheduler.step(metric);
  }

  /** In manual optimization: the optimizers, one or several, each `step()` counted by the trainer. */
  optimizers(): Optimizer | Optimizer[] {
    const list = this.trainer.optimizers;
    return list.length === 1 ? list[0] : [...list];
  }

  /** In manual optimization: the schedulers. */
  lrSchedulers(): LRScheduler | LRScheduler[] | null {
    const list = this.trainer.lrSchedulerConfigs.map((config) => config.scheduler);
    return list.length === 0 ? null : list.length === 1 ? list[0] : list;
  }

  /**
   * In manual optimization: differentiates a loss, with the hooks around it; a promise only where one of them gives
   * one.
   */
  manualBackward(loss: Tensor): Awaitable<void> {
    if (this.#host === null) {
      throw new Error(`Cannot differentiate in ${this.constructor.name}: it is not attached to a trainer`);
    }
    return this.#host.backward(loss);
  }

  /**
   * In manual optimization: has only the parameters of one optimizer want gradients, until {@link untoggleOptimizer},
   * so that a loss that passes through the others' layers spends nothing on them.
   */
  toggleOptimizer(optimizer: Optimizer): void {
    this.#toggles.toggle(optimizer, this.trainer.optimizers);
  }

  /** Ends what {@link toggleOptimizer} began; one optimizer is toggled at a time, so that it need not be said which. */
  untoggleOptimizer(_optimizer?: Optimizer): void {
    this.#toggles.untoggle();
  }

  /** Runs something between {@link toggleOptimizer} and {@link untoggleOptimizer}. */
  toggledOptimizer<T>(optimizer: Optimizer, fn: () => T): T {
    this.toggleOptimizer(optimizer);
    return lastly(fn, () => this.untoggleOptimizer());
  }

  /**
   * Logs a number, a scalar tensor or a metric. Nothing is read from the device here: values gather there until a row
   * is due. A metric, a property of this module, shows in step rows what its `forward` gave for the batch and in epoch
   * rows what it computes of all batches; it is reset for the next epoch. `reduceFx` and `batchSize` do not concern it.
   *
   * @param name Its name
   * @param value One number, on the host or on the device, or a metric that computes one
   * @param options Where it appears and how values of several batches become one
   * @throws {TypeError} If it is not one number
   * @throws {Error} In hooks where no row can follow, and for the same name with other options in one hook
   */
  log(name: string, value: Loggable, options: LogOptions = {}): void {
    checkNames(`log ${name}`, options, logOptionNames);
    if (value instanceof Promise) {
      throw new TypeError(`Cannot log ${name}: log the tensor itself, it is read later without a wait; got a promise`);
    }
    if (this.#host !== null) return this.#host.log(name, value, options);
    if (this.#toldOfLog) return;
    this.#toldOfLog = true;
    const owner = this.constructor.name;
    writeErr(
      `Warning: log does nothing: ${owner} has no trainer, it is given to one by fit, validate, test or predict\n`,
    );
  }

  /** Logs several values, or the metrics of a collection, with the same options. */
  logDict(
    values: Readonly<Record<string, Loggable>> | MetricCollection<readonly never[]>,
    options: LogOptions = {},
  ): void {
    checkRecord(values, "the values of logDict");
    const entries = values instanceof MetricCollection ? values.entries() : Object.entries(values);
    for (const [name, value] of entries) this.log(name, value as Loggable, options);
  }

  /** Switches gradients of all parameters off and to evaluation. */
  freeze(): void {
    for (const parameter of this.parameters()) parameter.requiresGrad = false;
    this.eval();
  }

  /** Switches gradients of all parameters on and to training. */
  unfreeze(): void {
    for (const parameter of this.parameters()) parameter.requiresGrad = true;
    this.train();
  }
}

function noLoss(name: string): never {
  throw new TypeError(`Cannot step LBFGS: trainingStep of ${name} must give a loss for every batch, it gave none`);
}

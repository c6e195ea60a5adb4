import { BatchNorm, type Module, type Parameter } from "../nn/mod.ts";
import type { Optimizer } from "../optim/mod.ts";
import { writeErr } from "../platform/mod.ts";
import * as z from "zod";
import { checkState } from "../trainer/check_state.ts";
import { Callback, type LightningModule, type Stage, type StateDict, type Trainer } from "../trainer/mod.ts";

/** One module, or several. */
export type Modules = Module | readonly Module[];

const savedState = z.object({
  groups: z.array(z.array(z.array(z.string()))),
  epoch: z.int().min(-1).default(-1), // older checkpoints have none
  held: z.array(z.string()).default([]),
  frozen: z.array(z.string()).nullable().default(null),
});

/**
 * Trains parts of a model from later epochs on: override {@link freezeBeforeTraining}, which runs before the optimizer
 * is made, and {@link finetuneFunction}, which runs at the beginning of every epoch. Groups that were added to the
 * optimizer come back when a run is resumed.
 *
 * @example
 * ```ts
 * import { BaseFinetuning } from "@fulgurite/core/callbacks";
 * import type { LightningModule } from "@fulgurite/core/trainer";
 * import type { Module } from "@fulgurite/core/nn";
 * import type { Optimizer } from "@fulgurite/core/optim";
 *
 * class LateBody extends BaseFinetuning {
 *   override freezeBeforeTraining(module: LightningModule & { body: Module }): void {
 *     this.freeze(module.body);
 *   }
 *   override finetuneFunction(module: LightningModule & { body: Module }, epoch: number, optimizer: Optimizer): void {
 *     if (epoch === 5) this.unfreezeAndAddParamGroup(module.body, optimizer, { lr: 1e-4 });
 *   }
 * }
 * console.log(new LateBody().stateKey); // "LateBody"
 * ```
 */
export abstract class BaseFinetuning extends Callback {
  /** For each optimizer the groups that were added, as names of parameters. */
  #groups: string[][][] = [];
  /** The latest epoch that was let begin: one that is resumed at its very start has its changes. */
  #epoch = -1;
  /** Names of the batch normalisations that leave their statistics then. */
  #held: string[] = [];
  /** Names of the parameters that want no gradients then; `null` where nobody noted it. */
  #frozen: string[] | null = null;

  /** Freezes what is not trained from the beginning. */
  abstract freezeBeforeTraining(module: LightningModule): void;

  /** Unfreezes and changes rates, at the beginning of an epoch, for each optimizer. */
  abstract finetuneFunction(module: LightningModule, epoch: number, optimizer: Optimizer, optimizerIdx: number): void;

  /** Freezes, before the optimizer is made. */
  override setup(trainer: Trainer, module: LightningModule, stage: Stage): void {
    if (stage !== "fit") return;
    if (trainer.batchesSeen === 0) [this.#groups, this.#epoch, this.#frozen] = [[], -1, null]; // of an earlier trainer
    this.freezeBeforeTraining(module);
  }

  /** Adds the groups again that a resumed run had, and freezes and thaws as it had. */
  override onFitStart(trainer: Trainer, module: LightningModule): void {
    const parameters = new Map(module.namedParameters());
    for (const [i, groups] of this.#groups.entries()) {
      for (const names of groups) {
        const params = names.map((name) => parameters.get(name)).filter((p) => p !== undefined);
        for (const parameter of params) parameter.requiresGrad = true;
        trainer.optimizers[i].addParamGroup({ params });
      }
    }
    if (this.#frozen !== null) {
      const frozen = new Set(this.#frozen);
      for (const [name, parameter] of parameters) parameter.requiresGrad = !frozen.has(name);
    }
    if (this.#epoch < 0) return;
    for (const [name, part] of module.namedModules()) {
      if (part instanceof BatchNorm) part.trackRunningStats = !this.#held.includes(name);
    }
  }

  /** Lets the epoch begin. */
  override onTrainEpochStart(trainer: Trainer, module: LightningModule): void {
    if (trainer.currentEpoch <= this.#epoch) return;
    this.#epoch = trainer.currentEpoch;
    const names = new Map([...module.namedParameters()].map(([name, parameter]) => [parameter as unknown, name]));
    for (const [i, optimizer] of trainer.optimizers.entries()) {
      const before = optimizer.paramGroups.length;
      this.finetuneFunction(module, trainer.currentEpoch, optimizer, i);
      const added = optimizer.paramGroups.slice(before).map(({ params }) => params.map((p) => names.get(p) ?? ""));
      this.#groups[i] = [...this.#groups[i] ?? [], ...added];
    }
    this.#held = [...module.namedModules()].filter(([, part]) => part instanceof BatchNorm && !part.trackRunningStats)
      .map(([name]) => name);
    this.#frozen = [...module.namedParameters()].filter(([, { requiresGrad }]) => !requiresGrad).map(([name]) => name);
  }

  /** The groups that were added, and what is frozen. */
  override stateDict(): StateDict {
    return { groups: this.#groups, epoch: this.#epoch, held: this.#held, frozen: this.#frozen };
  }

  /** Takes them back. */
  override loadStateDict(state: StateDict): void {
    const checked = checkState(`the ${this.constructor.name}`, savedState, state);
    ({ groups: this.#groups, epoch: this.#epoch, held: this.#held, frozen: this.#frozen } = checked);
  }

  /**
   * Stops gradients of modules; with `trainBn` (default) those of their batch normalisation go on, and its statistics.
   */
  protected freeze(modules: Modules, { trainBn = true }: { trainBn?: boolean } = {}): void {
    for (const [parameter, isNorm] of parametersOf(modules)) parameter.requiresGrad = isNorm && trainBn;
    for (const norm of normsOf(modules)) norm.trackRunningStats = trainBn;
  }

  /** Brings gradients of modules back. */
  protected makeTrainable(modules: Modules): void {
    for (const [parameter] of parametersOf(modules)) parameter.requiresGrad = true;
    for (const norm of normsOf(modules)) norm.trackRunningStats = true;
  }

  /**
   * The parameters of modules that want gradients, or that do not; without those of batch normalisation if `trainBn` is
   * false.
   */
  protected filterParams(
    modules: Modules,
    { trainBn = true, requiresGrad = true }: { trainBn?: boolean; requiresGrad?: boolean } = {},
  ): Parameter[] {
    return parametersOf(modules).filter(([parameter, isNorm]) =>
      parameter.requiresGrad === requiresGrad && (trainBn || !isNorm)
    )
      .map(([parameter]) => parameter);
  }

  /**
   * Brings gradients of modules back, and has an optimizer change what it does not know yet. What it knows stays in its
   * group, which is told.
   *
   * @param modules What is trained from now on
   * @param optimizer Who trains it
   * @param options The rate (default: the first group's, divided by `initialDenomLr`, 10), and whether batch
   *   normalisation is trained, too
   */
  protected unfreezeAndAddParamGroup(
    modules: Modules,
    optimizer: Optimizer,
    { lr, initialDenomLr = 10, trainBn = true }: { lr?: number; initialDenomLr?: number; trainBn?: boolean } = {},
  ): void {
    const frozen = this.filterParams(modules, { requiresGrad: false });
    this.makeTrainable(modules);
    const known = new Set<unknown>(optimizer.paramGroups.flatMap(({ params }) => params));
    const params = this.filterParams(modules, { trainBn }).filter((parameter) => !known.has(parameter));
    const placed = frozen.filter((parameter) => known.has(parameter)).length;
    if (placed > 0) {
      writeErr(
        `${this.constructor.name}: ${placed} parameters stay in the groups that the ${optimizer.constructor.name} has ` +
          "them in, with their rates; for a group of their own, configureOptimizers leaves out what is frozen\n",
      );
    }
    const rate = lr ?? optimizer.paramGroups[0].lr / initialDenomLr;
    if (params.length > 0) optimizer.addParamGroup({ params, lr: rate });
  }
}

/** The parameters of modules, each once, and whether they belong to batch normalisation. */
function parametersOf(modules: Modules): [Parameter, boolean][] {
  const norms = new Set(normsOf(modules).flatMap((norm) => [...norm.parameters()]));
  const all = new Set(listOf(modules).flatMap((whole) => [...whole.parameters()]));
  return [...all].map((parameter) => [parameter, norms.has(parameter)]);
}

/** The batch normalisations in modules. */
function normsOf(modules: Modules): BatchNorm[] {
  return listOf(modules).flatMap((whole) => [...whole.modules()]).filter((part) => part instanceof BatchNorm);
}

function listOf(modules: Modules): Module[] {
  return [modules].flat() as Module[];
}

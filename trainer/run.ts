import type { Callback } from "./callback.ts";
import { HookTable } from "./hooks.ts";
import type { LightningDataModule, Loaders } from "../data/mod.ts";
import type { LightningModule } from "./lightning_module.ts";
import { listLoaders, type NamedLoader } from "./loaders.ts";
import type { Precision } from "./precision.ts";
import type { Trainer } from "./trainer.ts";

/** Loaders given to an entry point instead of a data module. */
export interface GivenLoaders {
  train?: Loaders;
  val?: Loaders;
  test?: Loaders;
  predict?: Loaders;
}

/** Kinds of loaders, by the name of their hooks. */
export type LoaderKind = keyof GivenLoaders;

/** One call of an entry point: the module, its data, its hooks, and whether it has to stop. */
export class Run {
  readonly trainer: Trainer;
  readonly module: LightningModule;
  readonly data: LightningDataModule | null;
  readonly hooks: HookTable;
  readonly precision: Precision;
  readonly #given: GivenLoaders;
  readonly #signal: AbortSignal | null;
  /** Whether the validation that runs is only a trial before training. */
  sanityChecking = false;
  /** Set by Ctrl-C. */
  interrupted = false;

  constructor(
    trainer: Trainer,
    module: LightningModule,
    data: LightningDataModule | null,
    given: GivenLoaders,
    callbacks: readonly Callback[],
    precision: Precision,
    signal: AbortSignal | null,
  ) {
    this.trainer = trainer;
    this.module = module;
    this.data = data;
    this.#given = given;
    this.hooks = new HookTable(trainer, module, callbacks);
    this.precision = precision;
    this.#signal = signal;
  }

  /** Whether the user wants the run to end now. */
  mustStop(): boolean {
    return this.interrupted || (this.#signal?.aborted ?? false);
  }

  /** The loaders of a kind: as given to the entry point, else from the data module, else from the module. */
  async loaders(kind: LoaderKind): Promise<NamedLoader[]> {
    if (this.#given[kind] !== undefined) return listLoaders(this.#given[kind]);
    const hook = `${kind}Dataloader` as const;
    const source = this.data?.[hook] ? this.data : this.module[hook] ? this.module : null;
    if (source === null) return [];
    const before = this.trainer.enterHook(hook);
    try {
      return listLoaders(await source[hook]!());
    } finally {
      this.trainer.leaveHook(before);
    }
  }

  /**
   * The loaders of a kind where nobody can wait for them.
   *
   * @throws {Error} If their hook is asynchronous
   */
  loadersNow(kind: LoaderKind): NamedLoader[] {
    if (this.#given[kind] !== undefined) return listLoaders(this.#given[kind]);
    const hook = `${kind}Dataloader` as const;
    const source = this.data?.[hook] ? this.data : this.module[hook] ? this.module : null;
    const loaders = source?.[hook]!() ?? null;
    if (loaders instanceof Promise) {
      throw new Error(`Cannot count batches yet: ${hook} is asynchronous, await trainer.loadTrainingData() first`);
    }
    return listLoaders(loaders);
  }

  /** Whether loaders of a kind are to be had. */
  hasLoaders(kind: LoaderKind): boolean {
    const hook = `${kind}Dataloader` as const;
    return Boolean(this.#given[kind] ?? this.data?.[hook] ?? this.module[hook]);
  }

  /** A batch as the steps receive it: through the data module's transfer hooks, or the module's. */
  async transfer(batch: unknown, dataloaderIdx: number): Promise<unknown> {
    const { data, module, trainer } = this;
    const before = trainer.enterHook("transferBatchToDevice");
    let moved = batch;
    for (const hook of ["onBeforeBatchTransfer", "transferBatchToDevice", "onAfterBatchTransfer"] as const) {
      const source = data?.[hook] ? data : module[hook] ? module : null;
      if (source !== null) moved = await source[hook]!(moved, dataloaderIdx);
    }
    trainer.leaveHook(before);
    return moved;
  }

  /** Runs a step of the module in the run's precision. */
  async step(
    name: "trainingStep" | "validationStep" | "testStep" | "predictStep",
    ...args: unknown[]
  ): Promise<unknown> {
    const method = this.module[name] as ((...args: unknown[]) => unknown) | undefined;
    if (method === undefined) {
      throw new TypeError(`Cannot run ${name}: ${this.module.constructor.name} does not define it`);
    }
    const before = this.trainer.enterHook(name);
    try {
      return await this.precision.forward(() => method.apply(this.module, args));
    } finally {
      this.trainer.leaveHook(before);
    }
  }
}

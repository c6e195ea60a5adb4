import { watching } from "../tensor/watcher.ts";
import { then } from "./_then.ts";
import type { Callback } from "./callback.ts";
import type { LightningModule } from "./lightning_module.ts";
import type { Reporter } from "./reporter.ts";
import type { Trainer } from "./trainer.ts";

/** A hook of a callback or of the module, bound to its owner. */
type Hook = (args: readonly unknown[]) => unknown;

/** Who has a hook, in the order of the calls. */
interface Owners {
  readonly all: readonly Hook[];
  readonly module: readonly Hook[];
  readonly callbacks: readonly Hook[];
  /** Callbacks that do not read what others logged, and those that do. */
  readonly acting: readonly Hook[];
  readonly monitoring: readonly Hook[];
}

/** Where a checkpoint is written it must hold what the module's own hook of the moment did, so that one comes first. */
const CHECKPOINT_MOMENTS = new Set(["onTrainBatchEnd", "onValidationEnd"]);

/** What a hook returns to leave the epoch. */
const LEAVE = -1;

/** Why a hook within a step is refused where the step is recorded. */
export const NOT_REPLAYED = "would not be called in a replay, use onTrainBatchStart or onTrainBatchEnd";

/**
 * The hooks of a run, looked up once: for each name the callbacks that have it, in order, and the module if it has it.
 * Calling a name that nobody has costs one look into a map.
 *
 * All calls here return `true` if a hook answered −1, as a promise only if a hook was asynchronous; what returns a
 * promise is awaited before the next hook.
 */
export class HookTable {
  readonly #reporter: Reporter;
  readonly #trainer: Trainer;
  readonly #module: LightningModule;
  readonly #callbacks: readonly Callback[];
  readonly #owners = new Map<string, Owners>();

  /**
   * @param reporter Told which hook runs
   * @param trainer Callbacks get it
   * @param module Callbacks get it; its own hooks are called
   * @param callbacks The callbacks in their order
   */
  constructor(reporter: Reporter, trainer: Trainer, module: LightningModule, callbacks: readonly Callback[]) {
    this.#reporter = reporter;
    this.#trainer = trainer;
    this.#module = module;
    this.#callbacks = callbacks;
  }

  /** Whether anybody has a hook. */
  has(name: string): boolean {
    return this.#ownersOf(name).all.length > 0;
  }

  /** Calls a hook of the callbacks and of the module. */
  call(name: string, ...args: unknown[]): boolean | Promise<boolean> {
    const { all } = this.#ownersOf(name);
    if (watching.by !== null && all.length > 0) {
      throw new TypeError(
        `Cannot capture a step of ${this.#module.constructor.name}: ${name} ${NOT_REPLAYED}`,
      );
    }
    return this.#run(name, all, args);
  }

  /** Calls a hook of the callbacks alone. */
  callbacks(name: string, ...args: unknown[]): boolean | Promise<boolean> {
    return this.#run(name, this.#ownersOf(name).callbacks, args);
  }

  /** Calls a hook of the callbacks that do not read what others logged. */
  acting(name: string, ...args: unknown[]): boolean | Promise<boolean> {
    return this.#run(name, this.#ownersOf(name).acting, args);
  }

  /** Calls a hook of the callbacks that read what others logged. */
  monitoring(name: string, ...args: unknown[]): boolean | Promise<boolean> {
    return this.#run(name, this.#ownersOf(name).monitoring, args);
  }

  /** Calls a hook of the module alone. */
  module(name: string, ...args: unknown[]): boolean | Promise<boolean> {
    return this.#run(name, this.#ownersOf(name).module, args);
  }

  #ownersOf(name: string): Owners {
    let owners = this.#owners.get(name);
    if (owners === undefined) this.#owners.set(name, owners = this.#find(name));
    return owners;
  }

  #find(name: string): Owners {
    const having = this.#callbacks.flatMap((callback) => {
      const method = methodOf(callback, name);
      if (method === null) return [];
      const hook: Hook = (args) => method.call(callback, this.#trainer, this.#module, ...args);
      return [{ callback, hook: this.#timed(`[Callback]${callback.stateKey}.${name}`, hook) }];
    });
    const those = (wanted: (callback: Callback) => boolean) =>
      having.filter(({ callback }) => wanted(callback)).map(({ hook }) => hook);
    const method = methodOf(this.#module, name);
    const owner = `[LightningModule]${this.#module.constructor.name}`;
    const module: Hook[] = method === null
      ? []
      : [this.#timed(`${owner}.${name}`, (args) => method.call(this.#module, ...args))];
    const callbacks = those(() => true);
    const savesLast = CHECKPOINT_MOMENTS.has(name) && !this.#trainer.options.lightningCompat;
    return {
      all: savesLast
        ? [...those((callback) => !callback.checkpointing), ...module, ...those((callback) => callback.checkpointing)]
        : [...callbacks, ...module],
      module,
      callbacks,
      acting: those((callback) => !callback.monitoring),
      monitoring: those((callback) => callback.monitoring),
    };
  }

  /** The hook itself, or with a profiler one that is measured. */
  #timed(action: string, hook: Hook): Hook {
    const { profiler } = this.#trainer;
    return profiler === null ? hook : (args) => profiler.profile(action, () => hook(args));
  }

  #run(name: string, hooks: readonly Hook[], args: readonly unknown[]): boolean | Promise<boolean> {
    if (hooks.length === 0) return false;
    const before = this.#reporter.enterHook(name);
    const left = runFrom(hooks, 0, args, false);
    if (left instanceof Promise) return left.finally(() => this.#reporter.leaveHook(before));
    this.#reporter.leaveHook(before);
    return left;
  }
}

function runFrom(
  hooks: readonly Hook[],
  first: number,
  args: readonly unknown[],
  left: boolean,
): boolean | Promise<boolean> {
  for (let i = first; i < hooks.length; i++) {
    const answer = hooks[i](args);
    if (answer instanceof Promise) {
      return then(answer, (late) => runFrom(hooks, i + 1, args, left || late === LEAVE));
    }
    left ||= answer === LEAVE;
  }
  return left;
}

function methodOf(owner: object, name: string): ((...args: unknown[]) => unknown) | null {
  const method = (owner as Record<string, unknown>)[name];
  return typeof method === "function" ? method as (...args: unknown[]) => unknown : null;
}

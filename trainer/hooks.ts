import type { Callback } from "./callback.ts";
import type { LightningModule } from "./lightning_module.ts";
import type { Trainer } from "./trainer.ts";

type Hook = (...args: unknown[]) => unknown;

/**
 * The hooks of a run, looked up once: for each name the callbacks that have it, in order, and the module if it has it.
 * Calling a name that nobody has costs one look into a map.
 */
export class HookTable {
  readonly #trainer: Trainer;
  readonly #module: LightningModule;
  readonly #callbacks: readonly Callback[];
  readonly #found = new Map<string, readonly Hook[]>();

  constructor(trainer: Trainer, module: LightningModule, callbacks: readonly Callback[]) {
    this.#trainer = trainer;
    this.#module = module;
    this.#callbacks = callbacks;
  }

  /**
   * Calls a hook of the callbacks, then of the module; what returns a promise is awaited before the next.
   *
   * @returns What the hooks returned, without those that returned nothing
   */
  async call(name: string, ...args: unknown[]): Promise<unknown[]> {
    return [...await this.callbacks(name, ...args), ...await this.module(name, ...args)];
  }

  /** Calls a hook of the callbacks alone, of all or of those that monitor others or not. */
  callbacks(name: string, ...args: unknown[]): Promise<unknown[]> | unknown[] {
    return this.#run(name, this.#ofCallbacks(name, null), args);
  }

  /** Calls a hook of the callbacks that read what others logged, or of all others. */
  callbacksThat(monitoring: boolean, name: string, ...args: unknown[]): Promise<unknown[]> | unknown[] {
    return this.#run(name, this.#ofCallbacks(name, monitoring), args);
  }

  /** Calls a hook of the module alone. */
  module(name: string, ...args: unknown[]): Promise<unknown[]> | unknown[] {
    return this.#run(name, this.#ofModule(name), args);
  }

  /** Whether anybody has the hook. */
  has(name: string): boolean {
    return this.#ofCallbacks(name, null).length > 0 || this.#ofModule(name).length > 0;
  }

  #ofCallbacks(name: string, monitoring: boolean | null): readonly Hook[] {
    const key = monitoring === null ? name : `${name} ${monitoring}`;
    let hooks = this.#found.get(key);
    if (hooks === undefined) {
      hooks = this.#callbacks.flatMap((callback) => {
        const method = (callback as unknown as Record<string, unknown>)[name];
        if (typeof method !== "function" || (monitoring !== null && callback.monitoring !== monitoring)) return [];
        return [(...args: unknown[]) => method.call(callback, this.#trainer, this.#module, ...args)];
      });
      this.#found.set(key, hooks);
    }
    return hooks;
  }

  #ofModule(name: string): readonly Hook[] {
    const key = `module ${name}`;
    let hooks = this.#found.get(key);
    if (hooks === undefined) {
      const method = (this.#module as unknown as Record<string, unknown>)[name];
      hooks = typeof method === "function" ? [(...args: unknown[]) => method.call(this.#module, ...args)] : [];
      this.#found.set(key, hooks);
    }
    return hooks;
  }

  #run(name: string, hooks: readonly Hook[], args: unknown[]): Promise<unknown[]> | unknown[] {
    if (hooks.length === 0) return NOTHING;
    const before = this.#trainer.enterHook(name);
    const results: unknown[] = [];
    for (let i = 0; i < hooks.length; i++) {
      const result = hooks[i](...args);
      if (result instanceof Promise) return this.#runRest(hooks, i, result, args, results, before);
      if (result !== undefined) results.push(result);
    }
    this.#trainer.leaveHook(before);
    return results;
  }

  async #runRest(
    hooks: readonly Hook[],
    at: number,
    pending: Promise<unknown>,
    args: unknown[],
    results: unknown[],
    before: string,
  ): Promise<unknown[]> {
    try {
      let result = await pending;
      if (result !== undefined) results.push(result);
      for (let i = at + 1; i < hooks.length; i++) {
        result = await hooks[i](...args);
        if (result !== undefined) results.push(result);
      }
      return results;
    } finally {
      this.#trainer.leaveHook(before);
    }
  }
}

const NOTHING: unknown[] = [];

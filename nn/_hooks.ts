import { moduleHooks } from "../tensor/watcher.ts";
import type { Module } from "./module.ts";

/** Called after a module's forward; what it returns, if anything, takes the output's place. */
export type ForwardHook = (module: Module, inputs: readonly unknown[], output: unknown) => unknown;

/** Called before a module's forward; a list that it returns takes the inputs' place. */
export type ForwardPreHook = (module: Module, inputs: readonly unknown[]) => readonly unknown[] | void;

/** The hooks of one module. */
class Hooks {
  readonly #before = new Set<ForwardPreHook>();
  readonly #after = new Set<ForwardHook>();

  /** Wraps the module's `forward`, so that modules without hooks pay nothing. */
  constructor(module: Module) {
    const forward: (...inputs: never[]) => unknown = module.forward;
    Object.defineProperty(module, "forward", {
      configurable: true,
      enumerable: false,
      writable: true,
      value: (...given: unknown[]): unknown => {
        let inputs: readonly unknown[] = given;
        for (const hook of this.#before) inputs = hook(module, inputs) ?? inputs;
        let output = Reflect.apply(forward, module, inputs);
        for (const hook of this.#after) output = hook(module, inputs, output) ?? output;
        return output;
      },
    });
  }

  before(hook: ForwardPreHook): () => void {
    return add(this.#before, hook);
  }

  after(hook: ForwardHook): () => void {
    return add(this.#after, hook);
  }
}

function add<T extends (...args: never[]) => unknown>(hooks: Set<T>, hook: T): () => void {
  // A wrapper of its own, so that one function may be registered twice.
  const own = ((...args: never[]) => hook(...args)) as T;
  hooks.add(own);
  moduleHooks.version++;
  return () => {
    if (hooks.delete(own)) moduleHooks.version++;
  };
}

const known = new WeakMap<Module, Hooks>();

/** The hooks of a module. */
export function hooksOf(module: Module): Hooks {
  let hooks = known.get(module);
  if (hooks === undefined) known.set(module, hooks = new Hooks(module));
  return hooks;
}

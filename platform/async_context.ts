/**
 * What goes along with a chain of awaits.
 *
 * @module
 */
import { hostProcess, nodeModule } from "./runtime.ts";

/** A value that everything sees which was started, however many awaits ago, from within {@link AsyncContext.run}. */
export interface AsyncContext<T> {
  /** Runs something under a value. */
  run<R>(value: T, fn: () => R): R;
  /** The value under which the caller runs. */
  get(): T | undefined;
}

/**
 * Makes a context.
 *
 * @returns The context, or `null` in a browser, which has none
 *
 * @example Know who asked
 * ```ts
 * import { asyncContext } from "./mod.ts";
 *
 * const user = asyncContext<string>();
 * await user?.run("ada", async () => {
 *   await Promise.resolve();
 *   console.assert(user.get() === "ada");
 * });
 * ```
 */
export function asyncContext<T>(): AsyncContext<T> | null {
  if (!hostProcess) return null;
  const { AsyncLocalStorage } = nodeModule("async_hooks", "follow awaits in asyncContext");
  const storage = new AsyncLocalStorage<T>();
  return { run: (value, fn) => storage.run(value, fn), get: () => storage.getStore() };
}

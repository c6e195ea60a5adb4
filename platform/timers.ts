/**
 * Timers that are no reason for a process to stay.
 *
 * @module
 */
import { denoNamespace } from "./runtime.ts";

/**
 * Repeats a task; a process that has nothing else to do ends all the same.
 *
 * @param milliseconds From one time to the next
 * @param task What to do
 * @returns A function that ends this
 *
 * @example Look at something each second
 * ```ts
 * import { repeat } from "./mod.ts";
 *
 * const end = repeat(1000, () => console.log("still here"));
 * end();
 * ```
 */
export function repeat(milliseconds: number, task: () => void): () => void {
  const timer: unknown = setInterval(task, milliseconds);
  if (typeof timer === "number") denoNamespace?.unrefTimer(timer); // a browser's page is no process
  else (timer as { unref(): void }).unref();
  return () => clearInterval(timer as number);
}

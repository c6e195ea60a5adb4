import type { Tensor } from "./tensor.ts";

const scopes: Set<Tensor>[] = [];

/** Puts a new tensor under the care of the innermost scope. */
export function track(t: Tensor): void {
  if (scopes.length > 0) scopes[scopes.length - 1].add(t);
}

/** Takes a tensor out of the care of the scope that holds it. */
export function untrack(t: Tensor): void {
  for (let i = scopes.length - 1; i >= 0; i--) if (scopes[i].delete(t)) return;
}

/**
 * Lets a tensor outlive the scopes around it.
 *
 * @param t The tensor
 * @returns The same tensor
 */
export function keep<T extends Tensor>(t: T): T {
  untrack(t);
  return t;
}

/**
 * Runs `fn` and frees every tensor made inside, but those it returns (also inside arrays, sets, maps, and the public
 * properties of objects) and those that outlive it by their role: parameters' gradients, optimizer state, tensors
 * passed to {@link keep}.
 *
 * An asynchronous `fn` works too, provided that nothing else creates tensors while it waits.
 *
 * @param fn What to run
 * @returns Its result
 *
 * @example
 * ```ts
 * import { init, randn, scope } from "@fulgurite/core";
 *
 * await init();
 * const x = randn([1000, 1000]);
 * const total = scope(() => x.mul(x).add(1).sum()); // only the sum is left
 * console.log(await total.item());
 * ```
 */
export function scope<T>(fn: () => T): T {
  const made = new Set<Tensor>();
  scopes.push(made);
  let async = false;
  try {
    const result = fn();
    if (result instanceof Promise) {
      async = true;
      return result.then((value) => (release(made, value), value), (error) => {
        release(made, undefined);
        throw error;
      }) as T;
    }
    release(made, result);
    return result;
  } catch (error) {
    if (!async) release(made, undefined);
    throw error;
  }
}

/** A tensor by its form: importing the class here would close a circle. */
function isTensor(value: object): value is Tensor {
  return "storage" in value && "outputIndex" in value;
}

function release(made: Set<Tensor>, result: unknown): void {
  const at = scopes.lastIndexOf(made);
  scopes.splice(at, 1);
  const outer = at > 0 ? scopes[at - 1] : null;
  const seen = new Set<object>();
  const spare = (value: unknown, depth: number): void => {
    if (value === null || typeof value !== "object" || depth > 8 || seen.has(value)) return;
    seen.add(value);
    if (made.has(value as Tensor)) {
      made.delete(value as Tensor);
      outer?.add(value as Tensor);
    } else if (Array.isArray(value) || value instanceof Set) { for (const item of value) spare(item, depth + 1); }
    else if (value instanceof Map) { for (const item of value.values()) spare(item, depth + 1); }
    else if (!ArrayBuffer.isView(value) && !isTensor(value)) {
      for (const item of Object.values(value)) spare(item, depth + 1);
    }
  };
  spare(result, 0);
  for (const t of [...made]) t.dispose();
}

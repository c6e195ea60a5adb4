/** Switches that are in force, the latest last. Asynchronous ones may end in any order, so each takes out its own. */
const switches: { readonly on: boolean; readonly locked: boolean }[] = [];

/** Whether operations are being recorded for differentiation. */
export function gradEnabled(): boolean {
  return switches.length === 0 || switches[switches.length - 1].on;
}

/**
 * Runs `fn` with differentiation switched on or off. A promise switches back when it settles.
 *
 * @param on Whether it is on
 * @param fn What to run
 * @param lock Whether it stays off within
 */
export function withGradMode<T>(on: boolean, fn: () => T, lock = false): T {
  const locked = lock || (switches.at(-1)?.locked ?? false);
  const own = { on: on && !locked, locked };
  switches.push(own);
  const end = () => void switches.splice(switches.lastIndexOf(own), 1);
  let async = false;
  try {
    const result = fn();
    if (result instanceof Promise) {
      async = true;
      return result.finally(end) as T;
    }
    return result;
  } finally {
    if (!async) end();
  }
}

/**
 * Runs `fn` without recording for differentiation: results do not require gradients, and nothing is kept for backward.
 *
 * @param fn What to run; it may be asynchronous
 * @returns Its result
 *
 * @example
 * ```ts
 * import { init, noGrad, ones } from "@fulgurite/core";
 *
 * await init();
 * const w = ones([2], { requiresGrad: true });
 * const y = noGrad(() => w.mul(2));
 * console.log(y.requiresGrad); // false
 * ```
 */
export function noGrad<T>(fn: () => T): T {
  return withGradMode(false, fn);
}

/**
 * Runs `fn` without recording for differentiation, as {@link noGrad}, and {@link enableGrad} within does not bring it
 * back.
 *
 * @param fn What to run; it may be asynchronous
 * @returns Its result
 *
 * @example
 * ```ts
 * import { enableGrad, inferenceMode, init, ones } from "@fulgurite/core";
 *
 * await init();
 * const w = ones([2], { requiresGrad: true });
 * console.log(inferenceMode(() => enableGrad(() => w.mul(2))).requiresGrad); // false
 * ```
 */
export function inferenceMode<T>(fn: () => T): T {
  return withGradMode(false, fn, true);
}

/**
 * Runs `fn` with recording for differentiation, also inside {@link noGrad}.
 *
 * @param fn What to run; it may be asynchronous
 * @returns Its result
 */
export function enableGrad<T>(fn: () => T): T {
  return withGradMode(true, fn);
}

import type { Inputs, Op } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** Hears of every operation that is applied. */
export interface OpObserver {
  /**
   * An operation gave results.
   *
   * @param op The operation
   * @param inputs What it worked on
   * @param outputs What it gave
   * @param attrs How it was asked to work
   */
  applied(op: Op<never, unknown>, inputs: Inputs, outputs: readonly Tensor[], attrs: unknown): void;
  /** The gradient of an operation begins to be computed, or with `null` is done. */
  differentiates?(name: string | null): void;
}

/** Who observes now; where nobody does, this costs one look. */
export const observing: { by: OpObserver | null } = { by: null };

/** Runs something with nobody observing. */
export function unobserved<T>(fn: () => T): T {
  const { by } = observing;
  observing.by = null;
  try {
    return fn();
  } finally {
    observing.by = by;
  }
}

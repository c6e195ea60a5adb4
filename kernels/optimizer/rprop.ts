import type { Rule } from "./rule.ts";

/** Options of Rprop. */
export interface RpropOptions {
  /** Size of the first step; default 0.01. */
  lr: number;
  /**
   * Factors by which a step shrinks where the gradient's sign changed, and grows where it stayed; default [0.5, 1.2].
   */
  etas: readonly [number, number];
  /** The smallest and the largest step; default [1e-6, 50]. */
  stepSizes: readonly [number, number];
  /** Whether to climb in place of descending; default false. */
  maximize: boolean;
}

/**
 * p ← p − s·sign(g), s grows while signs stay and shrinks, without a step, where they change (Riedmiller and Braun,
 * 1993).
 */
export const rprop: Rule<RpropOptions> = {
  name: "rprop",
  state: ["prev", "stepSize"],
  numbers: {
    shrink: (o) => o.etas[0],
    grow: (o) => o.etas[1],
    least: (o) => o.stepSizes[0],
    most: (o) => o.stepSizes[1],
    direction: (o) => o.maximize ? -1 : 1,
  },
  counted: true,
  initial: { stepSize: (o) => o.lr },
  // Elements may come in fours: numbers become vectors by arithmetic. `grew` and `turned` are 1 or 0.
  update: `
  g = direction * g;
  let agreement = sign(g * prev);
  let grew = 0.5 * agreement * (agreement + 1.0);
  let turned = 0.5 * agreement * (agreement - 1.0);
  let zero = 0.0 * agreement;
  stepSize *= 1.0 + grew * (grow - 1.0) + turned * (shrink - 1.0);
  stepSize = min(max(stepSize, zero + least), zero + most);
  g = g * (1.0 - turned);
  p -= stepSize * sign(g);
  prev = g;`,
};

import type { Rule } from "./rule.ts";

/** The first value is taken as it is: what the average held before must not round it. */
const UPDATE = `
  p = select(p + share * (g - p), g, share == 1.0);`;

/** Options of a running average of weights. */
export interface AverageOptions {
  /** Share of the old average that is kept; `null` weighs all values equally. */
  decay: number | null;
}

/** a ← a + (x − a) / n: the mean of all values; the parameter is the average, the gradient the new value. */
export const equalAverage: Rule<AverageOptions> = {
  name: "average",
  state: [],
  numbers: {},
  derived: { share: "1.0 / t" },
  counted: true,
  update: UPDATE,
};

/** a ← δa + (1 − δ)x, and a ← x at first. */
export const exponentialAverage: Rule<AverageOptions> = {
  name: "average",
  state: [],
  numbers: { fresh: (o) => 1 - (o.decay ?? 0) },
  derived: { share: "select(fresh, 1.0, t == 1.0)" },
  counted: true,
  update: UPDATE,
};

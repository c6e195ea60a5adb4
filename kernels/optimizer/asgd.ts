import type { Rule } from "./rule.ts";

/** Options of averaged stochastic gradient descent. */
export interface ASGDOptions {
  /** Learning rate; default 0.01. */
  lr: number;
  /** How fast the step shrinks; default 1e-4. */
  lambd: number;
  /** Exponent with which the step shrinks; default 0.75. */
  alpha: number;
  /** The step from which on parameters are averaged; default 1e6. */
  t0: number;
  /** Factor of the parameter that is added to its gradient; default 0. */
  weightDecay: number;
  /** Whether to climb in place of descending; default false. */
  maximize: boolean;
}

/**
 * p ← (1 − λη)p − ηg with η = lr / (1 + λ·lr·(t − 1))^α, and the average ax ← ax + (p − ax) / max(1, t − 1 − t₀)
 * (Polyak and Juditsky, 1992; Bottou, 2010).
 */
export const asgd: Rule<ASGDOptions> = {
  name: "asgd",
  state: ["ax"],
  numbers: {
    lr: (o) => o.lr,
    lambd: (o) => o.lambd,
    alpha: (o) => o.alpha,
    t0: (o) => o.t0,
    weightDecay: (o) => o.weightDecay,
    direction: (o) => o.maximize ? -1 : 1,
  },
  derived: {
    eta: "lr * pow(1.0 + lambd * lr * (t - 1.0), -alpha)",
    mu: "1.0 / max(1.0, t - 1.0 - t0)",
  },
  counted: true,
  update: `
  g = direction * g + weightDecay * p;
  p = p - lambd * eta * p - eta * g;
  ax = ax + mu * (p - ax);`,
};

import type { Rule } from "./rule.ts";

/** Options of stochastic gradient descent. */
export interface SGDOptions {
  /** Learning rate; default 1e-3. */
  lr: number;
  /** Share of the last direction that is kept; default 0. */
  momentum: number;
  /** Share of the gradient that momentum leaves out; default 0. */
  dampening: number;
  /** Factor of the parameter that is added to its gradient; default 0. */
  weightDecay: number;
  /** Whether to look ahead along the momentum; default false. */
  nesterov: boolean;
  /** Whether to climb in place of descending; default false. */
  maximize: boolean;
}

const common = {
  lr: (o: SGDOptions) => o.lr,
  weightDecay: (o: SGDOptions) => o.weightDecay,
  direction: (o: SGDOptions) => o.maximize ? -1 : 1,
};

/** p ← p − lr·(g + λp). */
export const sgd: Rule<SGDOptions> = {
  name: "sgd",
  state: [],
  numbers: common,
  counted: false,
  update: `
  g = direction * g + weightDecay * p;
  p -= lr * g;`,
};

/** b ← μb + (1 − d)g, in the first step b ← g; p ← p − lr·b, or with Nesterov's look ahead p − lr·(g + μb). */
export const sgdMomentum: Rule<SGDOptions> = {
  name: "sgd",
  state: ["momentumBuffer"],
  numbers: {
    ...common,
    momentum: (o) => o.momentum,
    undampened: (o) => 1 - o.dampening,
    nesterov: (o) => o.nesterov ? 1 : 0,
  },
  derived: { gain: "select(undampened, 1.0, t == 1.0)" },
  counted: false,
  update: `
  g = direction * g + weightDecay * p;
  momentumBuffer = momentum * momentumBuffer + gain * g;
  p -= lr * select(momentumBuffer, g + momentum * momentumBuffer, nesterov != 0.0);`,
};

import { decayOf, type Rule } from "./rule.ts";

/** Options of RMSprop. */
export interface RMSpropOptions {
  /** Learning rate; default 0.01. */
  lr: number;
  /** Decay of the running mean of squares; default 0.99. */
  alpha: number;
  /** Added to the denominator; default 1e-8. */
  eps: number;
  /** Factor of the parameter that is added to its gradient; default 0. */
  weightDecay: number;
  /** Share of the last direction that is kept; default 0. */
  momentum: number;
  /** Whether to divide by the deviation in place of the root of the mean square; default false. */
  centered: boolean;
  /** Whether to climb in place of descending; default false. */
  maximize: boolean;
}

function rmspropVariant(centered: boolean, momentum: boolean): Rule<RMSpropOptions> {
  return {
    name: "rmsprop",
    state: ["squareAvg", ...(momentum ? ["momentumBuffer"] : []), ...(centered ? ["gradAvg"] : [])],
    numbers: {
      lr: (o) => o.lr,
      alpha: (o) => o.alpha,
      fresh: (o) => 1 - o.alpha,
      eps: (o) => o.eps,
      weightDecay: (o) => o.weightDecay,
      direction: (o) => o.maximize ? -1 : 1,
      ...(momentum ? { momentum: (o: RMSpropOptions) => o.momentum } : {}),
    },
    counted: true,
    update: `
  g = direction * g + weightDecay * p;
  squareAvg = alpha * squareAvg + fresh * g * g;${
      centered
        ? `
  gradAvg += fresh * (g - gradAvg);
  let scale = sqrt(squareAvg - gradAvg * gradAvg) + eps;`
        : `
  let scale = sqrt(squareAvg) + eps;`
    }${
      momentum
        ? `
  momentumBuffer = momentum * momentumBuffer + g / scale;
  p -= lr * momentumBuffer;`
        : `
  p -= lr * g / scale;`
    }`,
  };
}

const rmsprops = [false, true].map((centered) => [false, true].map((momentum) => rmspropVariant(centered, momentum)));

/** v ← αv + (1 − α)g², p ← p − lr·g / (√v + ε), with momentum and centring as options (Hinton's lecture 6e, 2012). */
export function rmspropRule({ centered, momentum }: RMSpropOptions): Rule<RMSpropOptions> {
  return rmsprops[Number(centered)][Number(momentum > 0)];
}

/** Options of Adagrad. */
export interface AdagradOptions {
  /** Learning rate; default 0.01. */
  lr: number;
  /** The rate is divided by 1 + (steps − 1)·lrDecay; default 0. */
  lrDecay: number;
  /** Factor of the parameter that is added to its gradient; default 0. */
  weightDecay: number;
  /** What the sums of squares start with; default 0. */
  initialAccumulatorValue: number;
  /** Added to the denominator; default 1e-10. */
  eps: number;
  /** Whether to climb in place of descending; default false. */
  maximize: boolean;
}

/** s ← s + g², p ← p − lr·g / (√s + ε) (Duchi, Hazan and Singer 2011). */
export const adagrad: Rule<AdagradOptions> = {
  name: "adagrad",
  state: ["sum"],
  initial: { sum: (o) => o.initialAccumulatorValue },
  numbers: {
    lr: (o) => o.lr,
    lrDecay: (o) => o.lrDecay,
    weightDecay: (o) => o.weightDecay,
    eps: (o) => o.eps,
    direction: (o) => o.maximize ? -1 : 1,
  },
  derived: { decayed: "lr / (1.0 + (t - 1.0) * lrDecay)" },
  counted: true,
  update: `
  g = direction * g + weightDecay * p;
  sum += g * g;
  p -= decayed * g / (sqrt(sum) + eps);`,
};

/** Options of Adadelta. */
export interface AdadeltaOptions {
  /** Factor of the step; default 1. */
  lr: number;
  /** Decay of the running means of squares; default 0.9. */
  rho: number;
  /** Added to the mean squares; default 1e-6. */
  eps: number;
  /** Factor of the parameter that is added to its gradient; default 0. */
  weightDecay: number;
  /** Whether to climb in place of descending; default false. */
  maximize: boolean;
}

/** v ← ρv + (1 − ρ)g², d = √(u + ε) / √(v + ε)·g, u ← ρu + (1 − ρ)d², p ← p − lr·d (Zeiler 2012). */
export const adadelta: Rule<AdadeltaOptions> = {
  name: "adadelta",
  state: ["squareAvg", "accDelta"],
  numbers: {
    lr: (o) => o.lr,
    rho: (o) => o.rho,
    fresh: (o) => 1 - o.rho,
    eps: (o) => o.eps,
    weightDecay: (o) => o.weightDecay,
    direction: (o) => o.maximize ? -1 : 1,
  },
  counted: true,
  update: `
  g = direction * g + weightDecay * p;
  squareAvg = rho * squareAvg + fresh * g * g;
  let delta = sqrt(accDelta + eps) / sqrt(squareAvg + eps) * g;
  accDelta = rho * accDelta + fresh * delta * delta;
  p -= lr * delta;`,
};

/** Options of Adamax. */
export interface AdamaxOptions {
  /** Learning rate; default 2e-3. */
  lr: number;
  /** Decay of the running mean of gradients and of their largest size; default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the sizes; default 1e-8. */
  eps: number;
  /** Factor of the parameter that is added to its gradient; default 0. */
  weightDecay: number;
  /** Whether to climb in place of descending; default false. */
  maximize: boolean;
}

/**
 * Adam with the largest size in place of the mean square: u ← max(β₂u, |g| + ε), p ← p − lr·m̂ / u (Kingma and Ba
 * 2014).
 */
export const adamax: Rule<AdamaxOptions> = {
  name: "adamax",
  state: ["expAvg", "expInf"],
  numbers: {
    lr: (o) => o.lr,
    fresh1: (o) => 1 - o.betas[0],
    beta2: (o) => o.betas[1],
    rate1: (o) => decayOf(o.betas[0]),
    eps: (o) => o.eps,
    weightDecay: (o) => o.weightDecay,
    direction: (o) => o.maximize ? -1 : 1,
  },
  derived: { stepSize: "lr / rise(t * rate1)" },
  counted: true,
  update: `
  g = direction * g + weightDecay * p;
  expAvg += fresh1 * (g - expAvg);
  expInf = max(beta2 * expInf, abs(g) + eps);
  p -= stepSize * expAvg / expInf;`,
};

/** Options of Lion. */
export interface LionOptions {
  /** Learning rate; default 1e-4. */
  lr: number;
  /** Weight of the old direction in the step, and in what is kept; default [0.9, 0.99]. */
  betas: readonly [number, number];
  /** Weight decay, as a factor of the rate; default 0. */
  weightDecay: number;
  /** Whether to climb in place of descending; default false. */
  maximize: boolean;
}

/** p ← p − lr·(sign(β₁m + (1 − β₁)g) + λp), m ← β₂m + (1 − β₂)g (Chen and others 2023). */
export const lion: Rule<LionOptions> = {
  name: "lion",
  state: ["expAvg"],
  numbers: {
    lr: (o) => o.lr,
    beta1: (o) => o.betas[0],
    beta2: (o) => o.betas[1],
    fresh1: (o) => 1 - o.betas[0],
    fresh2: (o) => 1 - o.betas[1],
    keep: (o) => 1 - o.lr * o.weightDecay,
    direction: (o) => o.maximize ? -1 : 1,
  },
  counted: false,
  update: `
  g = direction * g;
  p = keep * p - lr * sign(beta1 * expAvg + fresh1 * g);
  expAvg = beta2 * expAvg + fresh2 * g;`,
};

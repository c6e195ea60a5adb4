import { decayOf, type Rule } from "./rule.ts";

/** Options of NAdam. */
export interface NAdamOptions {
  /** Learning rate; default 2e-3. */
  lr: number;
  /** Decay of the running mean of gradients and of their squares; default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator; default 1e-8. */
  eps: number;
  /** Weight decay; default 0. */
  weightDecay: number;
  /** How fast momentum warms up; default 4e-3. */
  momentumDecay: number;
  /** Whether weight decay shrinks the parameter itself in place of joining the gradient; default false. */
  decoupledWeightDecay: boolean;
  /** Whether to climb in place of descending; default false. */
  maximize: boolean;
}

/** Options of RAdam. */
export interface RAdamOptions {
  /** Learning rate; default 1e-3. */
  lr: number;
  /** Decay of the running mean of gradients and of their squares; default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator; default 1e-8. */
  eps: number;
  /** Weight decay; default 0. */
  weightDecay: number;
  /** Whether weight decay shrinks the parameter itself in place of joining the gradient; default false. */
  decoupledWeightDecay: boolean;
  /** Whether to climb in place of descending; default false. */
  maximize: boolean;
}

const moments = {
  lr: (o: RAdamOptions) => o.lr,
  beta1: (o: RAdamOptions) => o.betas[0],
  beta2: (o: RAdamOptions) => o.betas[1],
  fresh1: (o: RAdamOptions) => 1 - o.betas[0],
  fresh2: (o: RAdamOptions) => 1 - o.betas[1],
  rate1: (o: RAdamOptions) => decayOf(o.betas[0]),
  rate2: (o: RAdamOptions) => decayOf(o.betas[1]),
  eps: (o: RAdamOptions) => o.eps,
  direction: (o: RAdamOptions) => o.maximize ? -1 : 1,
  // One of the two weight decays is at work, the other neutral.
  weightDecay: (o: RAdamOptions) => o.decoupledWeightDecay ? 0 : o.weightDecay,
  keep: (o: RAdamOptions) => o.decoupledWeightDecay ? 1 - o.lr * o.weightDecay : 1,
};

const update = `
  p *= keep;
  g = direction * g + weightDecay * p;
  expAvg += fresh1 * (g - expAvg);
  expAvgSq = beta2 * expAvgSq + fresh2 * g * g;`;

/**
 * Adam with Nesterov's look ahead: μₜ = β₁(1 − ½·0.96^(t·ψ)), p ← p − lr·((1 − μₜ)g / (1 − ∏μ) + μₜ₊₁m / (1 − ∏μ·μₜ₊₁))
 * / (√v̂ + ε) (Dozat 2016).
 */
export const nadam: Rule<NAdamOptions> = {
  name: "nadam",
  state: ["expAvg", "expAvgSq"],
  numbers: { ...moments, warming: (o) => -Math.log(0.96) * o.momentumDecay },
  derived: {
    mu: "beta1 * (1.0 - 0.5 * exp(-t * warming))",
    muNext: "beta1 * (1.0 - 0.5 * exp(-(t + 1.0) * warming))",
    muProduct: "carried * mu",
    ofGradient: "lr * (1.0 - mu) / (1.0 - muProduct)",
    ofMoment: "lr * muNext / (1.0 - muProduct * muNext)",
    unbias: "inverseSqrt(rise(t * rate2))",
  },
  carry: { name: "muProduct", initial: 1 },
  counted: true,
  update: `${update}
  p -= (ofGradient * g + ofMoment * expAvg) / (sqrt(expAvgSq) * unbias + eps);`,
};

/**
 * Adam whose step is rectified by the variance of its denominator, and plain momentum while that is unknown (ρₜ ≤ 5):
 * ρ∞ = 2 / (1 − β₂) − 1, ρₜ = ρ∞ − 2t·β₂ᵗ / (1 − β₂ᵗ) (Liu and others 2019).
 */
export const radam: Rule<RAdamOptions> = {
  name: "radam",
  state: ["expAvg", "expAvgSq"],
  numbers: {
    ...moments,
    limit: (o) => 2 / (1 - o.betas[1]) - 1,
    // ρₜ = (ρ∞ − 2/L) + t − (2/L)·B(tL) with L = −ln β₂ and B(x) = x/(eˣ − 1) − 1 + x/2: nothing large cancels.
    offset: (o) => 2 / (1 - o.betas[1]) - 1 - 2 / decayOf(o.betas[1]),
    span: (o) => 2 / decayOf(o.betas[1]),
  },
  derived: {
    length: "offset + t - span * bernoulli(t * rate2)",
    rectified: "select(0.0, 1.0, length > 5.0)",
    ratio: "(length - 4.0) * (length - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * length)",
    stepSize: "lr / rise(t * rate1)",
    factor: "select(1.0, sqrt(max(ratio, 0.0) * rise(t * rate2)), rectified != 0.0)",
  },
  counted: true,
  update: `${update}
  p -= stepSize * factor * select(expAvg, expAvg / (sqrt(expAvgSq) + eps), rectified != 0.0);`,
};

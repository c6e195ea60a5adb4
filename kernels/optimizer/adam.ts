import { decayOf, type Rule } from "./rule.ts";

/** Options of Adam and AdamW. */
export interface AdamOptions {
  /** Learning rate; default 1e-3. */
  lr: number;
  /** Decay of the running mean of gradients and of their squares; default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator; default 1e-8. */
  eps: number;
  /** Weight decay; default 0 in Adam, 0.01 in AdamW. */
  weightDecay: number;
  /** Whether the denominator never shrinks (Reddi, Kale and Kumar 2018); default false. */
  amsgrad: boolean;
  /** Whether to climb in place of descending; default false. */
  maximize: boolean;
}

const numbers = {
  lr: (o: AdamOptions) => o.lr,
  beta2: (o: AdamOptions) => o.betas[1],
  fresh1: (o: AdamOptions) => 1 - o.betas[0],
  fresh2: (o: AdamOptions) => 1 - o.betas[1],
  rate1: (o: AdamOptions) => decayOf(o.betas[0]),
  rate2: (o: AdamOptions) => decayOf(o.betas[1]),
  eps: (o: AdamOptions) => o.eps,
  direction: (o: AdamOptions) => o.maximize ? -1 : 1,
};

// 1 − βᵗ = 1 − exp(−t·(−ln β)), without the cancellation of the plain form.
const derived = {
  stepSize: "lr / rise(t * rate1)",
  unbias: "inverseSqrt(rise(t * rate2))",
};

const moments = `
  expAvg += fresh1 * (g - expAvg);
  expAvgSq = beta2 * expAvgSq + fresh2 * g * g;`;

interface Variant {
  amsgrad: boolean;
  decoupled: boolean;
}

function variant({ amsgrad, decoupled }: Variant): Rule<AdamOptions> {
  const decay = decoupled
    ? `
  g = direction * g;
  p *= keep;`
    : `
  g = direction * g + weightDecay * p;`;
  const largest = amsgrad
    ? `
  maxExpAvgSq = max(maxExpAvgSq, expAvgSq);`
    : "";
  return {
    name: decoupled ? "adamW" : "adam",
    state: amsgrad ? ["expAvg", "expAvgSq", "maxExpAvgSq"] : ["expAvg", "expAvgSq"],
    numbers: {
      ...numbers,
      ...(decoupled
        ? { keep: (o: AdamOptions) => 1 - o.lr * o.weightDecay }
        : { weightDecay: (o: AdamOptions) => o.weightDecay }),
    },
    derived,
    counted: true,
    update: `${decay}${moments}${largest}
  p -= stepSize * expAvg / (sqrt(${amsgrad ? "maxExpAvgSq" : "expAvgSq"}) * unbias + eps);`,
  };
}

const variants = [false, true].map((decoupled) => [false, true].map((amsgrad) => variant({ amsgrad, decoupled })));

/**
 * m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², p ← p − lr·m̂ / (√v̂ + ε) with m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ)
 * (Kingma and Ba, "Adam: a method for stochastic optimization", 2014); weight decay is added to the gradient.
 */
export function adamRule(amsgrad: boolean): Rule<AdamOptions> {
  return variants[0][Number(amsgrad)];
}

/** Adam whose weight decay shrinks the parameter itself (Loshchilov and Hutter, "Decoupled weight decay", 2017). */
export function adamWRule(amsgrad: boolean): Rule<AdamOptions> {
  return variants[1][Number(amsgrad)];
}

/** Optimizers without golden trajectories, against their papers' formulas in f64. */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { keep, type Tensor, tensor } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { random } from "../testing/reference.ts";
import { Adafactor, ASGD, Lamb, type Optimizer, type OptimizerOptions, Rprop } from "./mod.ts";

const draw = random(11);
const START = Array.from({ length: 6 }, () => draw.normal());
const GRADS = Array.from({ length: 6 }, () => Array.from({ length: 6 }, () => draw.normal()));

type Step = (p: number[], g: number[], step: number) => number[];

/** Follows a reference for six steps, with a save and a load in the middle. */
async function follows(
  shape: number[],
  make: (params: Tensor[]) => Optimizer<OptimizerOptions>,
  reference: Step,
): Promise<void> {
  const p = tensor(Float32Array.from(START), { shape, requiresGrad: true });
  let optimizer = make([p]);
  let want = Array.from(Float32Array.from(START));
  for (const [i, g] of GRADS.entries()) {
    p.grad = keep(tensor(Float32Array.from(g), { shape }));
    if (i === 3) {
      const next = make([p]);
      next.loadStateDict(optimizer.stateDict());
      optimizer.dispose();
      optimizer = next;
    }
    optimizer.step();
    p.grad.dispose();
    p.grad = null;
    want = reference(want, Array.from(Float32Array.from(g)), i + 1);
    const got = await p.data();
    want.forEach((w, k) => assertAlmostEquals(got[k], w, 2e-6 * (1 + Math.abs(w)), `step ${i}, element ${k}`));
  }
  optimizer.dispose();
}

const length = (v: number[]) => Math.hypot(...v), size = (v: number[]) => length(v) / Math.sqrt(v.length);

gpuTest("Lamb follows its formula", async () => {
  const [m, v] = [new Array(6).fill(0), new Array(6).fill(0)];
  await follows([2, 3], (params) => new Lamb(params, { lr: 0.05, weightDecay: 0.1 }), (p, g, t) => {
    const r = p.map((w, i) => {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.999 * v[i] + 0.001 * g[i] ** 2;
      return m[i] / (1 - 0.9 ** t) / (Math.sqrt(v[i] / (1 - 0.999 ** t)) + 1e-6) + 0.1 * w;
    });
    return p.map((w, i) => w - 0.05 * length(p) / length(r) * r[i]);
  });
});

gpuTest("Adafactor follows its formula, for matrices and vectors", async () => {
  const rule = (p: number[], u: number[], t: number) => {
    const alpha = Math.max(1e-3, size(p)) * Math.min(0.1, 1 / Math.sqrt(t));
    return p.map((w, i) => w * (1 - 0.1 * 0.2) - alpha / Math.max(1, size(u)) * u[i]);
  };
  const make = (params: Tensor[]) => new Adafactor(params, { lr: 0.1, weightDecay: 0.2 });
  const [row, col] = [[0, 0], [0, 0, 0]];
  await follows([2, 3], make, (p, g, t) => {
    const fresh = t ** -0.8;
    for (let i = 0; i < 2; i++) {
      row[i] += fresh * ((g[3 * i] ** 2 + g[3 * i + 1] ** 2 + g[3 * i + 2] ** 2) / 3 - row[i]);
    }
    for (let j = 0; j < 3; j++) col[j] += fresh * ((g[j] ** 2 + g[3 + j] ** 2) / 2 - col[j]);
    const mean = (row[0] + row[1]) / 2;
    return rule(p, g.map((x, k) => x / Math.sqrt(row[Math.floor(k / 3)] * col[k % 3] / mean)), t);
  });
  const v = new Array(6).fill(0);
  await follows([6], make, (p, g, t) => rule(p, g.map((x, k) => x / Math.sqrt(v[k] += t ** -0.8 * (x * x - v[k]))), t));
});

gpuTest("Rprop follows its formula", async () => {
  const [prev, steps] = [new Array(6).fill(0), new Array(6).fill(0.05)];
  await follows([6], (params) => new Rprop(params, { lr: 0.05, stepSizes: [1e-3, 0.07] }), (p, g) =>
    p.map((w, i) => {
      const agreement = g[i] * prev[i];
      steps[i] = Math.min(0.07, Math.max(1e-3, steps[i] * (agreement > 0 ? 1.2 : agreement < 0 ? 0.5 : 1)));
      prev[i] = agreement < 0 ? 0 : g[i];
      return w - steps[i] * Math.sign(prev[i]);
    }));
});

gpuTest("ASGD follows its formula, and averages from a step on", async () => {
  const options = { lr: 0.05, lambd: 0.02, alpha: 0.6, t0: 2, weightDecay: 0.1 };
  const average = new Array(6).fill(0);
  const optimizers: Optimizer[] = [];
  const make = (params: Tensor[]) => {
    const optimizer = new ASGD(params, options);
    optimizers.push(optimizer);
    return optimizer;
  };
  let checked: Promise<void> = Promise.resolve();
  await follows([6], make, (p, g, t) => {
    const eta = 0.05 / (1 + 0.02 * 0.05 * (t - 1)) ** 0.6, mu = 1 / Math.max(1, t - 1 - 2);
    const next = p.map((w, i) => w * (1 - 0.02 * eta) - eta * (g[i] + 0.1 * w));
    next.forEach((w, i) => average[i] += mu * (w - average[i]));
    const want = [...average], ax = optimizers.at(-1)!.stateDict().state[0].ax as Tensor;
    checked = checked.then(() => ax.data()).then(() => {});
    if (t === 6) {
      checked = ax.data().then((got) =>
        want.forEach((w, i) => assertAlmostEquals(got[i], w, 2e-6 * (1 + Math.abs(w))))
      );
    }
    return next;
  });
  await checked;
  assertThrows(() => new ASGD([tensor([1.5], { requiresGrad: true })], { lambd: -1 }), RangeError, "lambd");
});

gpuTest("optimizers of large batches refuse options out of range", () => {
  const p = tensor([1.5], { requiresGrad: true });
  assertThrows(() => new Adafactor([p], { beta2Decay: 0.5 }), RangeError, "beta2Decay");
  assertThrows(() => new Lamb([p], { betas: [1, 0.9] }), RangeError, "betas");
  assertThrows(() => new Rprop([p], { etas: [2, 3] }), RangeError, "etas");
  assertEquals(new Lamb([p]).paramGroups[0].lr, 1e-3);
});

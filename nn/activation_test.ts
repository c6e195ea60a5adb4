/** Activations as layers: their formulas in f64, and that options reach them. */
import { assert } from "@std/assert";
import { type Tensor, tensor } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { normalBelow, sigmoid, softplus } from "../testing/special.ts";
import * as nn from "./mod.ts";

type Layer = nn.Module<[x: Tensor], Tensor>;
const clip = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);
const elu = (x: number, alpha: number, width = 1) => x > 0 ? x : alpha * Math.expm1(x / width);

const LAYERS: Readonly<Record<string, readonly [make: () => Layer, formula: (x: number) => number]>> = {
  ReLU: [() => new nn.ReLU(), (x) => Math.max(x, 0)],
  ReLU6: [() => new nn.ReLU6(), (x) => clip(x, 0, 6)],
  Sigmoid: [() => new nn.Sigmoid(), sigmoid],
  LogSigmoid: [() => new nn.LogSigmoid(), (x) => -softplus(-x)],
  Tanh: [() => new nn.Tanh(), Math.tanh],
  SiLU: [() => new nn.SiLU(), (x) => x * sigmoid(x)],
  Mish: [() => new nn.Mish(), (x) => x * Math.tanh(softplus(x))],
  SELU: [() => new nn.SELU(), (x) => 1.0507009873554805 * elu(x, 1.6732632423543772)],
  Softsign: [() => new nn.Softsign(), (x) => x / (1 + Math.abs(x))],
  Tanhshrink: [() => new nn.Tanhshrink(), (x) => x - Math.tanh(x)],
  Hardsigmoid: [() => new nn.Hardsigmoid(), (x) => clip(x / 6 + 0.5, 0, 1)],
  Hardswish: [() => new nn.Hardswish(), (x) => x * clip(x + 3, 0, 6) / 6],
  GELU: [() => new nn.GELU(), (x) => x * normalBelow(x)],
  "GELU by tanh": [
    () => new nn.GELU({ approximate: "tanh" }),
    (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  ],
  LeakyReLU: [() => new nn.LeakyReLU({ negativeSlope: 0.2 }), (x) => x > 0 ? x : 0.2 * x],
  ELU: [() => new nn.ELU({ alpha: 0.7 }), (x) => elu(x, 0.7)],
  CELU: [() => new nn.CELU({ alpha: 0.7 }), (x) => elu(x, 0.7, 0.7)],
  Softplus: [() => new nn.Softplus({ beta: 2 }), (x) => softplus(2 * x) / 2],
  Hardtanh: [() => new nn.Hardtanh({ minVal: -2, maxVal: 0.5 }), (x) => clip(x, -2, 0.5)],
  Hardshrink: [() => new nn.Hardshrink({ lambda: 1 }), (x) => Math.abs(x) > 1 ? x : 0],
  Softshrink: [() => new nn.Softshrink({ lambda: 1 }), (x) => Math.sign(x) * Math.max(Math.abs(x) - 1, 0)],
  Threshold: [() => new nn.Threshold(0.5, -7), (x) => x > 0.5 ? x : -7],
  PReLU: [() => new nn.PReLU(), (x) => x > 0 ? x : 0.25 * x],
};

gpuTest("activation layers are their formulas", async () => {
  const xs = [-7.5, -4, -1.5, -0.3, 0, 0.25, 0.75, 2, 5, 6.5], wrong: string[] = [];
  for (const [name, [make, formula]] of Object.entries(LAYERS)) {
    using layer = make();
    const got = await layer.forward(tensor(xs)).data();
    xs.forEach((x, i) => {
      const want = formula(x);
      if (Math.abs(got[i] - want) > 2e-6 * Math.max(1, Math.abs(want))) {
        wrong.push(`${name}(${x}): ${got[i]}, want ${want}`);
      }
    });
  }
  assert(wrong.length === 0, wrong.join("\n"));
});

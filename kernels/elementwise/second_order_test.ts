import { assert, assertThrows } from "@std/assert";
import * as f from "../../mod.ts";
import { grad, sum, type Tensor, tensor } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { lgamma, normalBelow, polygamma, sigmoid, sinc, softplus } from "../../testing/special.ts";

type Row = [name: string, run: (x: Tensor) => Tensor, reference: (x: number) => number, low?: number, high?: number];

const SMOOTH: Row[] = [
  ["neg", f.neg, (x) => -x],
  ["square", f.square, (x) => x * x],
  ["reciprocal", f.reciprocal, (x) => 1 / x, 0.3, 3],
  ["sqrt", f.sqrt, Math.sqrt, 0.3, 3],
  ["rsqrt", f.rsqrt, (x) => 1 / Math.sqrt(x), 0.3, 3],
  ["exp", f.exp, Math.exp],
  ["exp2", f.exp2, (x) => 2 ** x],
  ["expm1", f.expm1, Math.expm1],
  ["log", f.log, Math.log, 0.3, 3],
  ["log2", f.log2, Math.log2, 0.3, 3],
  ["log10", f.log10, Math.log10, 0.3, 3],
  ["log1p", f.log1p, Math.log1p, 0.3, 3],
  ["logit", f.logit, (x) => Math.log(x / (1 - x)), 0.1, 0.9],
  ["erf", f.erf, (x) => 2 * normalBelow(x * Math.SQRT2) - 1],
  ["erfc", f.erfc, (x) => 2 - 2 * normalBelow(x * Math.SQRT2)],
  ["lgamma", f.lgamma, lgamma, 0.6, 6],
  ["digamma", f.digamma, (x) => polygamma(0, x), 0.8, 6],
  ["sinc", f.sinc, sinc],
  ["entr", f.entr, (x) => -x * Math.log(x), 0.3, 3],
  ["ndtr", f.ndtr, normalBelow],
  ["logaddexp2", (x) => f.logaddexp2(x, 0.5), (x) => Math.log2(2 ** x + Math.SQRT2)],
  ["xlog1py", (x) => f.xlog1py(x, x), (x) => x * Math.log1p(x), 0.3, 3],
  ["sin", f.sin, Math.sin],
  ["cos", f.cos, Math.cos],
  ["tan", f.tan, Math.tan, -1, 1],
  ["asin", f.asin, Math.asin, -0.8, 0.8],
  ["acos", f.acos, Math.acos, -0.8, 0.8],
  ["atan", f.atan, Math.atan],
  ["sinh", f.sinh, Math.sinh],
  ["cosh", f.cosh, Math.cosh],
  ["tanh", f.tanh, Math.tanh],
  ["asinh", f.asinh, Math.asinh],
  ["acosh", f.acosh, Math.acosh, 1.3, 3],
  ["atanh", f.atanh, Math.atanh, -0.8, 0.8],
  ["sigmoid", f.sigmoid, sigmoid],
  ["logSigmoid", f.logSigmoid, (x) => -softplus(-x)],
  ["silu", f.silu, (x) => x * sigmoid(x)],
  ["mish", f.mish, (x) => x * Math.tanh(softplus(x))],
  ["softsign", f.softsign, (x) => x / (1 + Math.abs(x)), 0.1, 2],
  ["tanhshrink", f.tanhshrink, (x) => x - Math.tanh(x)],
  ["selu", f.selu, (x) => 1.0507009873554805 * 1.6732632423543772 * Math.expm1(x), -2, -0.1],
  ["elu", (x) => f.elu(x, { alpha: 0.7 }), (x) => 0.7 * Math.expm1(x), -2, -0.1],
  ["celu", (x) => f.celu(x, { alpha: 2 }), (x) => 2 * Math.expm1(x / 2), -2, -0.1],
  ["hardswish", f.hardswish, (x) => x * (x + 3) / 6],
  ["gelu", f.gelu, (x) => x * normalBelow(x)],
  [
    "gelu tanh",
    (x) => f.gelu(x, { approximate: "tanh" }),
    (x) => x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)),
  ],
  ["softplus", (x) => f.softplus(x, { beta: 2 }), (x) => softplus(2 * x) / 2],
  ["pow of 3", (x) => f.pow(x, 3), (x) => x ** 3],
  ["pow of 2.5", (x) => f.pow(x, 2.5), (x) => x ** 2.5, 0.3, 3],
  ["pow of base 3", (x) => f.pow(3, x), (x) => 3 ** x],
  ["pow of itself", (x) => f.pow(x, x), (x) => x ** x, 0.3, 3],
  ["mul", (x) => f.mul(f.mul(x, x), x), (x) => x ** 3],
  ["div", (x) => f.div(2, x), (x) => 2 / x, 0.3, 3],
  ["atan2", (x) => f.atan2(x, 2), (x) => Math.atan2(x, 2)],
  ["hypot", (x) => f.hypot(x, tensor([2.0], { dtype: "f32" })), (x) => Math.hypot(x, 2)],
  ["lerp", (x) => f.lerp(x, f.square(x), x), (x) => x + x * (x * x - x)],
  ["addcdiv", (x) => f.addcdiv(x, x, f.square(x)), (x) => x + 1 / x, 0.3, 3],
];

/** The second derivative by differences of fourth order. */
function curvature(f: (x: number) => number, x: number): number {
  const h = 2e-3;
  return (-f(x + 2 * h) + 16 * f(x + h) - 30 * f(x) + 16 * f(x - h) - f(x - 2 * h)) / (12 * h * h);
}

gpuTest("gradients of gradients are second derivatives", async () => {
  const wrong: string[] = [];
  for (const [name, run, reference, low = -2, high = 2] of SMOOTH) {
    const values = Float32Array.from({ length: 11 }, (_, i) => low + (high - low) * (i + 0.45) / 11);
    const x = tensor(values, { requiresGrad: true });
    const [first] = grad(sum(run(x)), x, { createGraph: true });
    const second = first!.requiresGrad ? grad(sum(first!), x, { allowUnused: true })[0] : null;
    const got = second === null ? new Float32Array(11) : await second.data();
    values.forEach((at, i) => {
      const want = curvature(reference, at);
      if (!(Math.abs(got[i] - want) <= 2e-5 + 2e-5 * Math.abs(want))) {
        wrong.push(`${name} at ${at}: ${got[i]}, want ${want}`);
      }
    });
  }
  if (wrong.length > 0) throw new Error(wrong.join("\n"));
});

gpuTest("third derivatives too", async () => {
  const x = tensor([0.5, -1.5], { requiresGrad: true });
  for (const [run, want] of [[f.sin, (x: number) => -Math.cos(x)], [f.exp, Math.exp]] as const) {
    let g = run(x);
    for (let k = 0; k < 3; k++) g = grad(sum(g), x, { createGraph: true })[0]!;
    const got = await g.data();
    [0.5, -1.5].forEach((at, i) => assert(Math.abs(got[i] - want(at)) < 1e-5, `${got[i]} at ${at}`));
  }
});

gpuTest("a gradient without a derivative says so", () => {
  const x = tensor([0.5], { requiresGrad: true });
  const [first] = grad(sum(f.erfinv(x)), x, { createGraph: true });
  assert(first!.requiresGrad);
  const y = f.relu(x);
  const [kink] = grad(sum(f.mul(y, y)), x, { createGraph: true });
  const [second] = grad(sum(kink!), x);
  assert(second !== null);
  assertThrows(() => f.clamp(x, {}), TypeError, "min or max");
});

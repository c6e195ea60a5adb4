import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as f from "../../mod.ts";
import { grad, sum, type Tensor, tensor } from "../../mod.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { lgamma, polygamma } from "../../testing/special.ts";

const values = async (x: Tensor) => [...await x.data()];
const column = (x: readonly number[]) => tensor(Float32Array.from(x));

gpuTest("the gamma function at its poles, at infinity and at NaN", async () => {
  const x = column([0, -0, -1, -2, Infinity, -Infinity, NaN]);
  const [inf, nan] = [Infinity, NaN];
  assertEquals(await values(f.lgamma(x)), [inf, inf, inf, inf, inf, inf, nan]);
  assertEquals(await values(f.digamma(x)), [-inf, inf, nan, nan, inf, nan, nan]);
  assertEquals((await values(f.polygamma(x, 1))).slice(0, 5), [inf, inf, inf, inf, 0]);
  assertEquals((await values(f.polygamma(x, 2))).slice(0, 3), [-inf, -inf, nan]);
});

gpuTest("ln Γ near its zeros and below 0 is exact to the last places of what is added", async () => {
  const x = Float32Array.from({ length: 800 }, (_, i) => -4 + i * 0.00953).filter((v) => Math.abs(v % 1) > 0.02);
  const [l, d, t] = await Promise.all(
    [f.lgamma(tensor(x)), f.digamma(tensor(x)), f.polygamma(tensor(x), 1)].map(values),
  );
  x.forEach((v, i) => {
    assertAlmostEquals(l[i], lgamma(v), 3e-6, `lgamma(${v})`);
    for (
      const [got, want, what] of [[d[i], polygamma(0, v), "digamma"], [t[i], polygamma(1, v), "trigamma"]] as const
    ) {
      assertAlmostEquals(got, want, 2e-6 * (3 + Math.abs(want)), `${what}(${v})`);
    }
  });
});

gpuTest("derivatives of the gamma function go on: each is the next one", async () => {
  const x = tensor([0.7, 1.3, 4.5], { requiresGrad: true });
  for (let n = 0; n < 5; n++) {
    const [slope] = grad(sum(f.polygamma(x, n)), x);
    const [got, want] = await Promise.all([values(slope!), values(f.polygamma(x, n + 1))]);
    got.forEach((v, i) => assertAlmostEquals(v, want[i], 4e-6 * Math.abs(want[i])));
  }
  assertThrows(() => f.polygamma(x, -1), RangeError, "n must be a whole number from 0 on, got -1");
  assertThrows(() => f.multigammaln(x, 0), RangeError, "p must be");
});

gpuTest("entropies and products with logarithms at 0", async () => {
  assertEquals(await values(f.entr(column([0, 1, -1, NaN]))), [0, 0, -Infinity, NaN].map((v) => v === 0 ? 0 : v));
  assertEquals(await values(f.xlog1py(column([0, 0, 2]), column([-1, NaN, 0]))), [0, NaN, 0]);
  const a = tensor([0.0, 2.0], { dtype: "f32", requiresGrad: true });
  assertEquals(await values(grad(sum(f.xlog1py(a, -1)), a)[0]!), [-Infinity, -Infinity]);
});

gpuTest("the larger of two passes over NaN, and the first of equals has the gradient", async () => {
  const [x, y] = [[1, NaN, 2, NaN, 5], [3, 2, NaN, NaN, 5]];
  assertEquals(await values(f.fmax(column(x), column(y))), [3, 2, 2, NaN, 5]);
  assertEquals(await values(f.fmin(column(x), column(y))), [1, 2, 2, NaN, 5]);
  assertEquals(await f.fmax(tensor([1, 5]), 3).array(), [3, 5]);
  const [a, b] = [x, y].map((v) => tensor(Float32Array.from(v), { requiresGrad: true }));
  const grads = grad(sum(f.fmax(a, b)), [a, b]);
  assertEquals(await Promise.all(grads.map((g) => values(g!))), [[0, 0, 1, 1, 1], [1, 1, 0, 0, 0]]);
});

gpuTest("signs of zeros, infinities and whole numbers", async () => {
  const x = column([1.5, -2, 0, -0, Infinity, -Infinity, NaN]);
  assertEquals(await f.signbit(x).array(), [false, true, false, true, false, true, false]);
  assertEquals(await f.isposinf(x).array(), [false, false, false, false, true, false, false]);
  assertEquals(await f.isneginf(x).array(), [false, false, false, false, false, true, false]);
  assertEquals(await f.signbit(tensor([1, -1])).array(), [false, true]);
  assertEquals(await f.isposinf(tensor([1, -1])).array(), [false, false]);
  assertEquals(await values(f.heaviside(x, 0.5)), [1, 0, 0.5, 0.5, 1, 0, NaN]);
  assertEquals(await f.heaviside(tensor([-1, 0, 3]), 7).array(), [0, 7, 1]);
  assertEquals(await values(f.copysign(column([1, 2, 0]), column([-0, 0, -1]))), [-1, 2, -0]);
  assertEquals(f.copysign(tensor([1]), tensor([-1])).dtype, "f32");
});

gpuTest("divisors and multiples of whole numbers", async () => {
  const [a, b] = [[12, -18, 0, 5, 0, 2147483647], [8, 27, 7, 0, 0, 1836311903]].map((v) => tensor(v));
  assertEquals(await f.gcd(a, b).array(), [4, 9, 7, 5, 0, 1]);
  assertEquals(await f.lcm(tensor([4, -6, 0, 0]), tensor([6, 9, 3, 0])).array(), [12, 18, 0, 0]);
  assertEquals(await f.lcm(f.to(tensor([4, 6]), "u32"), 10).array(), [20, 30]);
  assertThrows(() => f.gcd(tensor([1.5]), 2), TypeError, "not defined for f32");
});

gpuTest("functions take options as objects, and name those that do not exist", () => {
  const x = tensor([0.5]), labels = tensor([0]), wrong = 0.2 as unknown as Record<never, never>;
  const calls: (() => Tensor)[] = [
    () => f.leakyRelu(x, wrong),
    () => f.hardtanh(x, wrong),
    () => f.softshrink(x, wrong),
    () => f.add(x, x, wrong),
    () => f.div(x, x, wrong),
    () => f.round(x, wrong),
    () => f.logit(x, wrong),
    () => f.crossEntropy(x, tensor(0), wrong),
    () => f.nllLoss(x, tensor(0), wrong),
    () => f.oneHot(labels, wrong),
  ];
  const rows = f.zeros([2, 2]), places = f.zeros([1, 1], { dtype: "i32" });
  const required: ((options: never) => Tensor)[] = [
    (options) => f.gather(rows, places, options),
    (options) => f.takeAlongDim(rows, places, options),
    (options) => f.scatter(rows, places, 1, options),
    (options) => f.scatterAdd(rows, places, rows, options),
    (options) => f.indexSelect(rows, labels, options),
    (options) => f.indexAdd(rows, labels, rows, options),
    (options) => f.embedding(labels, rows, options),
    (options) => f.layerNorm(rows, options),
    (options) => f.rmsNorm(rows, options),
    (options) => f.pad(rows, [1, 1], options),
    (options) => f.interpolate(rows, options),
    (options) => f.adaptiveAvgPool1d(rows, options),
    (options) => f.adaptiveAvgPool2d(rows, options),
  ];
  calls.push(...required.map((call) => () => call(1 as never)));
  for (const call of calls) assertThrows(call, TypeError, "options must be an object such as");
  for (const call of required) assertThrows(() => call({ dimm: 1 } as never), TypeError, "there is no option dimm");
  const named = { slope: 0.2 } as unknown as Record<never, never>;
  assertThrows(() => f.leakyRelu(x, named), TypeError, "there is no option slope");
  assertThrows(() => f.crossEntropy(x, tensor(0), named), TypeError, "there is no option slope");
});

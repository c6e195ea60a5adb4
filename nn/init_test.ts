/**
 * Initialisers: what their numbers are like. Bounds and deviations are those of their papers, as PyTorch computes them.
 */
import { assert, assertEquals } from "@std/assert";
import { manualSeed, type Tensor, zeros } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { init } from "./mod.ts";

/** Mean, deviation and largest magnitude. */
async function figures(t: Tensor): Promise<{ mean: number; std: number; most: number }> {
  const values = [...await t.data()], mean = values.reduce((a, b) => a + b) / values.length;
  const std = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
  return { mean, std, most: Math.max(...values.map(Math.abs)) };
}

gpuTest("initialisers draw from the ranges and with the deviations that shapes and gains ask for", async () => {
  manualSeed(3);
  // A convolution: 96 · 9 inputs and 64 · 9 outputs; so many numbers that deviations are within 1 %.
  const weight = () => zeros([64, 96, 3, 3]), inputs = 96 * 9, outputs = 64 * 9;
  const both = inputs + outputs, leaky = Math.sqrt(2 / (1 + 0.1 ** 2));
  const uniform: Record<string, readonly [Tensor, bound: number]> = {
    xavierUniform: [init.xavierUniform(weight()), Math.sqrt(6 / both)],
    "xavierUniform with a gain": [init.xavierUniform(weight(), { gain: 2 }), 2 * Math.sqrt(6 / both)],
    kaimingUniform: [init.kaimingUniform(weight()), Math.sqrt(2) * Math.sqrt(3 / inputs)],
    "kaimingUniform of outputs": [
      init.kaimingUniform(weight(), { a: 0.1, mode: "fan_out", nonlinearity: "leakyRelu" }),
      leaky * Math.sqrt(3 / outputs),
    ],
    uniform: [init.uniform(weight(), { a: -0.5, b: 0.5 }), 0.5],
  };
  for (const [name, [t, bound]] of Object.entries(uniform)) {
    const { mean, std, most } = await figures(t);
    assert(most <= bound * 1.000001 && most > bound * 0.999, `${name}: up to ${most}, want ${bound}`);
    assert(
      Math.abs(std / (bound / Math.sqrt(3)) - 1) < 0.01 && Math.abs(mean) < 0.02 * bound,
      `${name}: ${std}, ${mean}`,
    );
  }
  const normal: Record<string, readonly [Tensor, std: number]> = {
    xavierNormal: [init.xavierNormal(weight()), Math.sqrt(2 / both)],
    "xavierNormal with a gain": [init.xavierNormal(weight(), { gain: 0.5 }), 0.5 * Math.sqrt(2 / both)],
    kaimingNormal: [init.kaimingNormal(weight()), Math.sqrt(2 / inputs)],
    normal: [init.normal(weight(), { std: 3 }), 3],
  };
  for (const [name, [t, want]] of Object.entries(normal)) {
    const { mean, std, most } = await figures(t);
    assert(Math.abs(std / want - 1) < 0.01 && Math.abs(mean) < 0.02 * want, `${name}: ${std}, want ${want}; ${mean}`);
    assert(most > 3.5 * want && most < 7 * want, `${name}: up to ${most / want} deviations`);
  }
});

gpuTest("initialisers that leave nothing to chance", async () => {
  assertEquals(await init.constant(zeros([2]), 0.3125).array(), [0.3125, 0.3125]);
  assertEquals(await init.ones(zeros([1, 2])).array(), [[1, 1]]);
  assertEquals(await init.zeros(init.ones(zeros([2]))).array(), [0, 0]);
  assertEquals(await init.eye(zeros([2, 3])).array(), [[1, 0, 0], [0, 1, 0]]);
});

/**
 * NaN, infinities, signed zeros and overflow where several numbers meet: sorting, losses, normalisation, choices,
 * gradients and narrow types, in both kernel families. What is expected is what PyTorch 2.13 gives.
 */
import { assert, assertEquals } from "@std/assert";
import * as L from "../mod.ts";
import { grad, type Tensor, tensor } from "../mod.ts";
import { testFamilies } from "../testing/families.ts";
import { gpuTest } from "../testing/gpu.ts";

const numbers = async (t: Tensor): Promise<number[]> => [...await t.data()].map(Number);
const floats = (values: unknown[], requiresGrad = false) => tensor(values as number[], { dtype: "f32", requiresGrad });
/** The gradient of the sum of f(x), and the values. */
async function valuesAndGradient(f: (x: Tensor) => Tensor, values: unknown[]): Promise<[number[], number[]]> {
  const x = floats(values, true), y = f(x), [dx] = grad(y, [x], { gradOutputs: L.ones(y.shape) });
  return [await numbers(y), await numbers(dx!)];
}

testFamilies("sorting puts NaN above infinity, and keeps equal elements in their order", async () => {
  const x = floats([NaN, 1, -Infinity, Infinity, -0, 0, NaN, -1]);
  const [up, places] = L.sort(x), [down, from] = L.sort(x, { descending: true });
  assertEquals(await numbers(up), [-Infinity, -1, -0, 0, 1, Infinity, NaN, NaN]);
  assertEquals((await numbers(places)).slice(0, 2), [2, 7]);
  assertEquals((await numbers(places)).slice(4), [1, 3, 0, 6]);
  assertEquals((await numbers(down)).slice(0, 4), [NaN, NaN, Infinity, 1]);
  assertEquals((await numbers(from)).slice(0, 4), [0, 6, 3, 1]);
  assertEquals(await numbers(L.topk(x, 3)[0]), [NaN, NaN, Infinity]);
  assertEquals(await numbers(L.topk(x, 2, { largest: false })[0]), [-Infinity, -1]);
  assertEquals(await numbers(L.argmax(floats([Infinity, NaN, NaN]))), [1]);
});

testFamilies("cross-entropy with NaN and infinite scores", async () => {
  const loss = (row: number[], label: number) =>
    numbers(L.crossEntropy(floats([row]), tensor([label], { dtype: "i32" }), { reduction: "none" }));
  assertEquals(await loss([NaN, 0, 1], 1), [NaN]);
  assertEquals(await loss([Infinity, 0, 1], 0), [NaN]);
  assertEquals(await loss([Infinity, 0, 1], 1), [NaN]); // ∞ − ∞ within the softmax
  assertEquals(await loss([-Infinity, 0, 0], 0), [Infinity]);
  assertEquals((await loss([-Infinity, 0, 0], 1)).map((v) => v.toFixed(5)), ["0.69315"]);
  assertEquals(await loss([-Infinity, -Infinity, -Infinity], 1), [NaN]);
  // One bad row spoils the mean, not the rows beside it.
  const x = floats([[NaN, 1], [0, 0]], true), y = tensor([0, 1], { dtype: "i32" });
  const rows = L.crossEntropy(x, y, { reduction: "none" });
  assertEquals((await numbers(rows)).map((v) => v.toFixed(4)), ["NaN", "0.6931"]);
  const [dx] = grad(rows, [x], { gradOutputs: L.ones([2]) });
  assertEquals((await numbers(dx!)).map(String), ["NaN", "NaN", "0.5", "-0.5"]);
  assertEquals(await numbers(L.crossEntropy(x, y)), [NaN]);
});

testFamilies("normalisation spoils what is normalised together, and nothing beside it", async () => {
  for (const bad of [NaN, Infinity]) {
    const x = floats([[1, 2, bad, 4], [1, 2, 3, 4]]);
    const clean = (await numbers(L.layerNorm(floats([[1, 2, 3, 4]]), { normalizedShape: [4] }))).map((v) =>
      v.toFixed(4)
    );
    const layer = await numbers(L.layerNorm(x, { normalizedShape: [4] }));
    assertEquals(layer.slice(0, 4), [NaN, NaN, NaN, NaN]);
    assertEquals(layer.slice(4).map((v) => v.toFixed(4)), clean);
    const batch = await numbers(L.batchNorm(x, { training: true }));
    assertEquals(batch.map(Number.isNaN), [false, false, true, false, false, false, true, false]);
    const softmax = await numbers(L.softmax(x, { dim: 1 }));
    assertEquals(softmax.slice(4).every(Number.isFinite), true);
  }
});

testFamilies("pooling, norms and dot products", async () => {
  assertEquals(await numbers(L.maxPool1d(floats([[[1, NaN, 2, Infinity, -Infinity, -Infinity]]]), { kernelSize: 2 })), [
    NaN,
    Infinity,
    -Infinity,
  ]);
  assertEquals(await numbers(L.avgPool1d(floats([[[1, NaN, Infinity, -Infinity]]]), { kernelSize: 2 })), [NaN, NaN]);
  assertEquals(await numbers(L.norm(floats([Infinity, NaN]))), [NaN]);
  assertEquals(await numbers(L.norm(floats([-Infinity, 3]))), [Infinity]);
  // 0 · ∞ is NaN: padding and edges of tiles must not be multiplied in.
  assertEquals(await numbers(L.matmul(floats([[0, 1]]), floats([[Infinity], [2]]))), [NaN]);
  assertEquals(await numbers(L.matmul(floats([[1, 1, 1]]), floats([[Infinity], [2], [3]]))), [Infinity]);
  const image = floats([[[Infinity, 1, 1]]]), kernel = floats([[[1, 1, 1]]]);
  assertEquals(await numbers(L.conv1d(image, kernel, { padding: 1 })), [Infinity, Infinity, 2]);
});

gpuTest("gradients beside NaN", async () => {
  assertEquals(await valuesAndGradient(L.relu, [NaN, -1, 2, Infinity, -Infinity]), [[NaN, 0, 2, Infinity, 0], [
    1,
    0,
    1,
    1,
    0,
  ]]);
  assertEquals(await valuesAndGradient((x) => L.clamp(x, { min: -1, max: 1 }), [NaN, 0.5, 3]), [[NaN, 0.5, 1], [
    0,
    1,
    0,
  ]]);
  assertEquals((await valuesAndGradient(L.abs, [NaN, -2, -Infinity]))[0], [NaN, 2, Infinity]);
  // A branch that is not taken has the gradient 0, whatever it holds.
  const x = floats([0, 4], true), taken = L.where(L.gt(x, 0), L.sqrt(x), 0);
  assertEquals(await numbers(taken), [0, 2]);
  const held = floats([NaN, 1], true), other = floats([5, 6], true);
  const [dHeld, dOther] = grad(L.where(tensor([false, true]), held, other), [held, other], {
    gradOutputs: L.ones([2]),
  });
  assertEquals([await numbers(dHeld!), await numbers(dOther!)], [[0, 1], [1, 0]]);
  assertEquals(await numbers(L.maskedFill(floats([NaN, 1]), tensor([true, false]), 0)), [0, 1]);
});

gpuTest("bounds in the wrong order, signed zeros, and NaN in comparisons", async () => {
  assertEquals(await numbers(L.clamp(floats([0, 5, NaN]), { min: 3, max: 1 })), [1, 1, NaN]);
  assertEquals(await numbers(L.neg(floats([0, -0]))), [-0, 0]);
  assertEquals(await numbers(L.mul(floats([-0, 0]), floats([1, -1]))), [-0, -0]);
  assertEquals(await numbers(L.div(floats([1, -1, 0]), floats([0, 0, 0]))), [Infinity, -Infinity, NaN]);
  assertEquals(await numbers(L.div(floats([1, 1]), floats([-0, -Infinity]))), [-Infinity, -0]);
  assertEquals(await numbers(L.eq(floats([0, NaN]), floats([-0, NaN]))), [1, 0]);
  assertEquals(await numbers(L.sqrt(floats([-0, -1]))), [-0, NaN]);
  assertEquals(await numbers(L.sign(floats([NaN, -Infinity, 0]))), [0, -1, 0]);
  assertEquals(await numbers(L.log(floats([0, -1, Infinity]))), [-Infinity, NaN, Infinity]);
  assertEquals(await numbers(L.exp(floats([-Infinity, 89, 1000]))), [0, Infinity, Infinity]);
  assertEquals(await numbers(L.pow(floats([NaN, 1, 0, 0]), floats([0, NaN, 0, -1]))), [1, 1, 1, Infinity]);
  assertEquals(await numbers(L.nanToNum(floats([NaN, 2]))), [0, 2]);
  assertEquals(await numbers(L.tanh(floats([Infinity, -Infinity]))), [1, -1]);
  assertEquals(await numbers(L.sigmoid(floats([Infinity, -Infinity]))), [1, 0]);
});

gpuTest("narrow types overflow to infinity, round to even and keep NaN", async () => {
  const x = floats([65504, 65519, 65520, -1e6, Infinity, NaN, 1e-8]);
  assertEquals(await numbers(L.to(x, "f16")), [65504, 65504, Infinity, -Infinity, Infinity, NaN, 0]);
  const big = floats([3.3895313892515355e38, 3.4e38, -3.4e38, NaN, -Infinity]);
  assertEquals(await numbers(L.to(big, "bf16")), [3.3895313892515355e38, Infinity, -Infinity, NaN, -Infinity]);
  const half = tensor([60000, 1], { dtype: "f16" });
  assertEquals(await numbers(L.add(half, half)), [Infinity, 2]);
  assertEquals(await numbers(L.mul(half, half)), [Infinity, 1]);
  // The sum is made in f32, and rounded once.
  assertEquals(await numbers(L.mean(half)), [30000]);
  assertEquals(await numbers(L.sum(tensor([60000, 60000, -60000], { dtype: "f16" }))), [60000]);
});

gpuTest("subnormal numbers are kept or taken for zero, as the adapter does it", async () => {
  const tiny = [1e-40, -1e-40, 1e-44].map(Math.fround), x = floats(tiny);
  assertEquals(await numbers(x), tiny); // storing and reading changes no bit
  assertEquals(await numbers(L.reshape(L.transpose(L.reshape(x, [1, 3]), 0, 1), [3])), tiny);
  const doubled = await numbers(L.mul(x, 2));
  doubled.forEach((y, i) => assert(y === 0 || y === Math.fround(2 * tiny[i]), `${y} of ${tiny[i]}`));
  // f16 has its own subnormal numbers, which are ordinary ones in f32.
  assertEquals(await numbers(L.to(floats([2 ** -24, 2 ** -25, 3 * 2 ** -25]), "f16")), [2 ** -24, 0, 2 ** -23]);
});

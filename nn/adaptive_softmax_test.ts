import { assert, assertEquals, assertThrows } from "@std/assert";
import { grad, logSoftmax, manualSeed, randn, ShapeError, sub, tensor, zeros } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { AdaptiveLogSoftmaxWithLoss } from "./mod.ts";

gpuTest("probabilities of clusters and of classes within them multiply, and add up to 1", async () => {
  manualSeed(1);
  using layer = new AdaptiveLogSoftmaxWithLoss(8, 12, [4, 9], { divValue: 2, headBias: true });
  assertEquals([...layer.stateDict().entries()].map(([name, t]) => `${name} ${t.shape}`), [
    "head.weight 6,8",
    "head.bias 6",
    "tail.0.0.weight 4,8",
    "tail.0.1.weight 5,4",
    "tail.1.0.weight 2,8",
    "tail.1.1.weight 3,2",
  ]);
  const x = randn([5, 8]), targets = [0, 3, 4, 8, 11];
  const all = await layer.logProb(x).array() as number[][];
  for (const row of all) assert(Math.abs(row.reduce((sum, v) => sum + Math.exp(v), 0) - 1) < 1e-5);
  const { output, loss } = layer.forward(x, tensor(targets));
  const got = await output.array() as number[], want = targets.map((t, i) => all[i][t]);
  got.forEach((v, i) => assert(Math.abs(v - want[i]) < 1e-5, `${v}, want ${want[i]}`));
  assert(Math.abs(Number(await loss.item()) + want.reduce((a, b) => a + b) / 5) < 1e-5);
  assertEquals(await layer.predict(x).array(), all.map((row) => row.indexOf(Math.max(...row))));
  const one = layer.forward(x.select({ dim: 0, index: 2 }), tensor(4));
  assertEquals([one.output.shape, Math.abs(Number(await one.output.item()) - want[2]) < 1e-5], [[], true]);
  // A rare class says nothing about the other cluster's weights, but the head's all learn from it.
  const [near, far] = grad(layer.forward(x, tensor([9, 10, 11, 9, 9])).loss, [
    layer.tail.at(1)!.at(1)!.parameters().next().value!,
    layer.tail.at(0)!.at(1)!.parameters().next().value!,
  ]);
  assert(Number(await near!.abs().amax().item()) > 0);
  assertEquals(Number(await far!.abs().amax().item()), 0);
});

gpuTest("with one class a cluster it is a softmax", async () => {
  using layer = new AdaptiveLogSoftmaxWithLoss(3, 4, [3]);
  const x = randn([6, 3]), want = logSoftmax(layer.head.forward(x), { dim: 1 });
  assert(Number(await sub(layer.logProb(x), want).abs().amax().item()) < 1e-6);
});

gpuTest("cutoffs, shapes and targets that do not fit are refused", () => {
  for (const cutoffs of [[], [0, 2], [3, 3], [2, 10], [1.5]]) {
    assertThrows(() => new AdaptiveLogSoftmaxWithLoss(4, 10, cutoffs), RangeError, "must be whole numbers that rise");
  }
  using layer = new AdaptiveLogSoftmaxWithLoss(4, 10, [5]);
  assertThrows(() => layer.forward(zeros([2, 4]), tensor([1, 2, 3])), ShapeError, "a target for each sample");
  assertThrows(() => layer.forward(zeros([2, 4]), tensor([1, 10])), RangeError, "indices must be from 0 to 9");
  return Promise.resolve();
});

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { copyInto, keep, tensor, toHost, zeros } from "../mod.ts";
import { BatchNorm1d, Buffer, Linear, Module, Parameter, Sequential } from "../nn/mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { AveragedModel, Muon, SGD, updateBn } from "./mod.ts";

class Tiny extends Module<[], null> {
  weight = new Parameter(zeros([2]));
  count = new Buffer(zeros([], { dtype: "i32" }));
  forward(): null {
    return null;
  }
}

gpuTest("averages follow, are swapped in and out, and are saved", async () => {
  using model = new Tiny();
  using ema = new AveragedModel(model, { decay: 0.5 });
  for (const [i, value] of [4, 8].entries()) {
    copyInto(model.weight, value);
    copyInto(model.count, i + 1);
    ema.updateParameters(model);
  }
  assertEquals(await ema.averages.get("weight")!.array(), [6, 6]);
  assertEquals(await ema.averages.get("count")!.item(), 2);
  ema.swap(model);
  assertEquals([await model.weight.array(), await ema.averages.get("weight")!.array()], [[6, 6], [8, 8]]);
  ema.swap(model);
  assertEquals([await model.weight.array(), await ema.averages.get("weight")!.array()], [[8, 8], [6, 6]]);

  const state = new Map(
    await Promise.all([...ema.stateDict()].map(async ([name, t]) => [name, await toHost(t)] as const)),
  );
  assertEquals([...state.keys()], ["n_averaged", "module.weight", "module.count"]);
  using copy = new AveragedModel(model, { decay: 0.5 });
  copy.loadStateDict(state);
  assertEquals(await copy.nAveraged.item(), 2);
  copyInto(model.weight, 10);
  copy.updateParameters(model);
  assertEquals(await copy.averages.get("weight")!.array(), [8, 8]);
  assertThrows(() => new AveragedModel(model, { decay: 2 }), RangeError, "decay");
});

gpuTest("the first weights are taken to the bit, whatever the average began with", async () => {
  for (const decay of [0.9, null]) {
    using model = new Tiny();
    copyInto(model.weight, 1e8);
    using average = new AveragedModel(model, { decay });
    copyInto(model.weight, 0.1);
    average.updateParameters(model);
    assertEquals(await average.averages.get("weight")!.array(), await model.weight.array());
  }
});

gpuTest("equal weights give the mean", async () => {
  using model = new Tiny();
  using swa = new AveragedModel(model);
  for (const value of [1, 2, 6]) {
    copyInto(model.weight, value);
    swa.updateParameters(model);
  }
  const [mean] = await swa.averages.get("weight")!.data();
  assert(Math.abs(mean - 3) < 1e-6);
});

gpuTest("Muon resumes exactly, obeys the control, and refuses what is no matrix", async () => {
  const start = [[1, 2, 3], [4, 5, 7]];
  const gradient = [[1, -1, 0.5], [0.25, 2, -3]];
  const make = () => {
    const p = tensor(start, { dtype: "f32", requiresGrad: true });
    p.grad = keep(tensor(gradient, { dtype: "f32" }));
    return p;
  };
  const [a, b] = [make(), make()];
  using whole = new Muon([a], { lr: 0.1 });
  using first = new Muon([b], { lr: 0.1 });
  whole.step();
  whole.step();
  first.step();
  const c = tensor(await toHost(b), { requiresGrad: true });
  c.grad = keep(tensor(gradient, { dtype: "f32" }));
  using second = new Muon([c], { lr: 0.1 });
  second.loadStateDict(first.stateDict());
  second.step();
  assertEquals(await c.array(), await a.array());
  second.control = tensor([1, 1], { dtype: "f32" });
  second.step();
  assertEquals(await c.array(), await a.array());
  for (const p of [a, b, c]) {
    p.grad!.dispose();
    p.grad = null;
  }
  assertThrows(() => new Muon([zeros([3], { requiresGrad: true })]), TypeError, "matrices");
  assertThrows(() => new SGD([]), TypeError);
});

gpuTest("statistics are measured anew, each batch with the same weight, and modes stay", async () => {
  using model = new Sequential(new Linear(1, 1, { bias: false }), new BatchNorm1d(1));
  const norm = model.at(1) as BatchNorm1d;
  copyInto((model.at(0) as Linear).weight, 2);
  model.forward(tensor([[100], [300]], { dtype: "f32" }));
  norm.eval();
  const batches = [[1, 3], [5, 9], [0, 6]].map((values) => tensor(values.map((v) => [v]), { dtype: "f32" }));
  const loader = async function* () {
    for (const batch of batches) yield await Promise.resolve([batch, null]);
  };
  await updateBn(loader(), model);
  assertAlmostEquals(await norm.runningMean!.item(), 2 * (2 + 7 + 3) / 3, 1e-5);
  assertAlmostEquals(await norm.runningVar!.item(), 4 * (2 + 8 + 18) / 3, 1e-4);
  assertEquals([await norm.numBatchesTracked!.item(), norm.momentum, norm.training, model.training], [
    3,
    0.1,
    false,
    true,
  ]);
  await updateBn([{ x: batches[0] }], model, ({ x }) => model.forward(x));
  assertAlmostEquals(await norm.runningMean!.item(), 4, 1e-6);
  await assertRejects(() => updateBn([{ x: batches[0] }], model), TypeError, "begins with one");
  assertEquals(norm.momentum, 0.1);
});

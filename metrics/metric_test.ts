import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { autocast, capture, mul, rand, randint, scope, type Tensor, tensor, zeros } from "../mod.ts";
import { Linear, Module } from "../nn/mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import * as metrics from "./mod.ts";
import { Accuracy, AUROC, CatMetric, F1Score, MeanMetric, MetricCollection, PearsonCorrCoef, Recall } from "./mod.ts";

const task = { task: "multiclass", numClasses: 5 } as const;
const batch = () => [rand([8, 5]), randint(0, 5, [8])] as const;

gpuTest("a metric reads nothing before its value is read, and outlives the scopes of batches", async (device) => {
  const reads: unknown[] = [];
  const { readAll } = device;
  using collection = new MetricCollection([
    new Accuracy(task),
    new AUROC(task),
    new F1Score({ ...task, average: "macro" }),
  ]);
  device.readAll = (parts) => (reads.push(parts), readAll.call(device, parts));
  try {
    for (let i = 0; i < 3; i++) scope(() => void collection.forward(...batch()));
    const values = collection.compute();
    assertEquals([Object.keys(values), reads.length], [["Accuracy", "AUROC", "F1Score"], 0]);
    for (const value of Object.values(values)) assert(await value.item() > 0);
  } finally {
    device.readAll = readAll;
  }
});

gpuTest("metrics of one collection that remember the same count a batch once", async (device) => {
  using one = new MetricCollection({ a: new Accuracy(task) });
  using three = new MetricCollection({
    a: new Accuracy(task),
    r: new Recall({ ...task, average: "macro" }),
    f: new F1Score({ ...task, average: "none" }),
  }, { prefix: "val/", postfix: "!" });
  const [preds, target] = batch();
  const dispatches = async (update: () => void) => {
    const before = device.recorder.counts.dispatches;
    update();
    await device.sync();
    return device.recorder.counts.dispatches - before;
  };
  one.update(preds, target);
  three.update(preds, target);
  assertEquals(await dispatches(() => three.update(preds, target)), await dispatches(() => one.update(preds, target)));
  const alone = new Recall({ ...task, average: "macro" });
  const value = three.forward(preds, target);
  assertEquals(Object.keys(value), ["val/a!", "val/r!", "val/f!"]);
  assertEquals(await value["val/r!"].item(), await alone.forward(preds, target).item());
  const copy = three.clone({ prefix: "test/" });
  three.reset();
  assertEquals([...copy.stateDict().keys()].slice(0, 4), ["a.tp", "a.fp", "a.fn", "a.total"]);
  assertEquals(await copy.get("a").stateDict().get("total")!.array(), [24]);
  assertEquals(await three.get("f").stateDict().get("total")!.array(), [0]);
  const fresh = new MetricCollection({ a: new Accuracy(task), r: new Recall(task), f: new F1Score(task) });
  assertEquals(fresh.loadStateDict(copy.stateDict()), { missingKeys: [], unexpectedKeys: [] });
  assertEquals(await fresh.compute().a.item(), await copy.compute()["test/a"].item());
  for (const owner of [alone, copy, fresh]) owner.dispose();
});

gpuTest("states change in place, a value once computed does not", async () => {
  using mean = new MeanMetric();
  mean.update(2);
  const first = mean.compute();
  using total = new metrics.SumMetric();
  total.update(1);
  const sum = total.compute();
  mean.update(tensor([4, 6], { dtype: "f32" }), 2);
  total.update(5);
  assertEquals([await first.item(), await mean.compute().item(), await sum.item()], [2, 4.4, 1].map(Math.fround));
  total.reset();
  assertEquals([total.updateCount, await total.compute().item()], [0, 0]);
});

gpuTest("a state goes through a file, lists joined", async () => {
  using values = new CatMetric(), copy = new CatMetric();
  values.update(tensor([1, 2], { dtype: "f32" }));
  values.update(3);
  copy.loadStateDict(values.stateDict());
  copy.update(4);
  assertEquals(await copy.compute().array(), [1, 2, 3, 4]);
  assertThrows(() => copy.loadStateDict({ other: zeros([]) }), Error, "unexpected are [other]");
  assertThrows(() => new MeanMetric().loadStateDict({}), Error, "missing are [mean_value, weight]");
});

gpuTest("a metric is a module: found, freed, and not part of the weights", () => {
  class Model extends Module<[], void> {
    layer = new Linear(2, 2);
    accuracy = new Accuracy(task);
    all = new MetricCollection([new Recall(task)]);
    forward(): void {}
  }
  const model = new Model();
  model.accuracy.update(...batch());
  model.all.update(...batch());
  assertEquals([...model.stateDict().keys()], ["layer.weight", "layer.bias"]);
  assertEquals([...model.namedModules()].map(([name]) => name), ["", "layer", "accuracy", "all", "all.Recall"]);
  model.dispose(); // the test fails when states stay on the device
});

gpuTest("values far from 0 lose nothing, in one batch or in many", async () => {
  const x = [1, 2, 4, 3], y = [2, 4, 7, 7];
  const at = (values: number[]) => tensor(values.map((value) => 30_000 + value), { dtype: "f32" });
  using together = new PearsonCorrCoef(), apart = new PearsonCorrCoef();
  together.update(at(x), at(y));
  apart.update(at(x.slice(0, 1)), at(y.slice(0, 1)));
  apart.forward(at(x.slice(1)), at(y.slice(1)));
  const want = 9 / Math.sqrt(5 * 18); // by hand: products 9, squares 5 and 18
  assertAlmostEquals(await together.compute().item(), want, 1e-4);
  assertAlmostEquals(await apart.compute().item(), want, 1e-4);
  using r2 = new metrics.R2Score();
  r2.update(at([1, 2.5, 4, 3]), at(x));
  assertAlmostEquals(await r2.compute().item(), 1 - 0.25 / 5, 1e-6);
});

gpuTest("16 bits and autocast change nothing", async () => {
  const scores = rand([64, 5]).to("f16"), target = randint(0, 5, [64]);
  const want = metrics.averagePrecision(scores.to("f32"), target, task);
  const got = autocast("f16", () => metrics.averagePrecision(scores, target, task));
  assertEquals([got.dtype, await got.item()], ["f32", await want.item()]);
});

gpuTest("what cannot be counted is refused with what would fit", () => {
  const accuracy = new Accuracy(task);
  const cases: [() => unknown, string][] = [
    [
      () => new Accuracy({ task: "multiclas" } as never),
      'Cannot make Accuracy: task must be "binary", "multiclass" or',
    ],
    [() => new Accuracy({ task: "multiclass" } as never), "numClasses must be a whole number from 2 on, got undefined"],
    [() => new Accuracy({ ...task, topK: 6 }), "topK must be a whole number from 1 to numClasses, got 6"],
    [
      () => new Accuracy({ ...task, average: "mean" as never }),
      'average must be "micro", "macro", "weighted" or "none"',
    ],
    [() => new Accuracy({ ...task, numClases: 3 } as never), "numClasses is the nearest"],
    [() => new AUROC({ ...task, average: "micro" }), 'average must be "macro", "weighted" or "none", got "micro"'],
    [() => new AUROC({ ...task, maxFpr: 0.5 }), "maxFpr must be left out unless"],
    [() => new metrics.CohenKappa({ task: "multilabel", numLabels: 2 }), 'task must be "binary" or "multiclass"'],
    [() => new MeanMetric({ nanStrategy: "warn" as never }), 'nanStrategy must be "ignore", "disable" or a number'],
    [() => new MetricCollection([new Accuracy(task), new Accuracy(task)]), "two metrics Accuracy"],
    [() => accuracy.update(zeros([4, 3]), tensor([1, 2, 3, 0])), "scores must have shape [N, 5, …] and target [N, …]"],
    [() => accuracy.update(zeros([4, 5]), tensor([1, 2, 5, 0])), "target must hold labels from 0 to 4, got 5"],
    [
      () => accuracy.update(zeros([4, 5]), tensor([1, 2, 0.5, 0])),
      "target must hold labels (i32, u32 or bool), it is f32",
    ],
    [
      () => accuracy.update(tensor([1, 2, 3]), tensor([1, 2])),
      "must have the same shape, current shapes are [3] and [2]",
    ],
    [() => accuracy.update([1] as never, tensor([1])), "preds must be a tensor"],
    [() => new metrics.WordErrorRate().update(["a"], ["a", "b"]), "a target for each prediction, there are 1 and 2"],
  ];
  for (const [fn, message] of cases) assertThrows(fn, Error, message);
  accuracy.dispose();
});

gpuTest("labels that do not count may be anything", async () => {
  const options = { ...task, ignoreIndex: -100 };
  assertEquals(await metrics.accuracy(tensor([1, 2, 3]), tensor([1, -100, 2]), options).item(), 0.5);
  assertThrows(() => metrics.accuracy(tensor([1, 2]), tensor([1, -1]), options), RangeError, "got -1");
});

gpuTest("a metric counts the batches that a captured function takes in", async () => {
  const found = [];
  for (const captured of [false, true]) {
    using mean = new MeanMetric();
    const plain = (x: Tensor) => {
      mean.update(x);
      mean.update(mul(x, 2));
    };
    using step = capture(plain);
    for (let i = 1; i <= 5; i++) (captured ? step : plain)(tensor([i], { dtype: "f32" }));
    if (captured) assert(step.statistics.replays > 0, `${step.statistics.replays} replays`);
    found.push([mean.updateCount, await mean.compute().item()]);
  }
  assertEquals(found, [[10, 4.5], [10, 4.5]]);
});

/** Parameters that are computed from others or given, vectors of all parameters, and dropout of whole channels. */
import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  add,
  backward,
  capture,
  featureAlphaDropout,
  manualSeed,
  mul,
  ones,
  randn,
  sum,
  type Tensor,
  tensor,
  toHost,
  triu,
  zeros,
} from "../mod.ts";
import { SGD } from "../optim/mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import {
  Conv2d,
  ConvTranspose2d,
  Embedding,
  FeatureAlphaDropout,
  GRUCell,
  isParametrized,
  Linear,
  LSTM,
  Module,
  Parameter,
  ParameterDict,
  ParameterList,
  parametersToVector,
  Parametrization,
  registerParametrization,
  removeParametrizations,
  Sequential,
  spectralNorm,
  vectorToParameters,
  weightNorm,
} from "./mod.ts";

const values = async (x: Tensor) => [...await x.data()];

gpuTest(
  "a weight of learned length and direction starts as it was, and its gradient is orthogonal to the direction",
  async () => {
    using layer = new Linear(3, 2);
    const before = await values(layer.weight), x = randn([4, 3]), y = await values(layer.forward(x));
    weightNorm(layer);
    assertEquals([...layer.stateDict()].map(([name, { shape }]) => [name, shape]), [
      ["bias", [2]],
      ["parametrizations.weight.original0", [2, 1]],
      ["parametrizations.weight.original1", [2, 3]],
    ]);
    assert(isParametrized(layer, "weight") && !isParametrized(layer, "bias"));
    (await values(layer.forward(x))).forEach((v, i) => assertAlmostEquals(v, y[i], 1e-5));
    backward(sum(layer.forward(x)));
    const [, g, v] = layer.parameters();
    for (const dot of await values(sum(mul(v, v.grad!), { dim: 1 }))) assertAlmostEquals(dot, 0, 1e-5);
    assert(g.grad !== null && layer.bias!.grad !== null);
    removeParametrizations(layer, "weight");
    assert(!isParametrized(layer));
    assertEquals([...layer.stateDict().keys()], ["weight", "bias"]);
    (await values(layer.weight)).forEach((w, i) => assertAlmostEquals(w, before[i], 1e-6));
    layer.zeroGrad();
  },
);

gpuTest("a weight of one length in all, and lengths along another axis", () => {
  using whole = weightNorm(new Conv2d(2, 3, 3), { dim: null });
  using across = weightNorm(new ConvTranspose2d(2, 3, 3), { dim: 1 });
  const shapes = (layer: Conv2d | ConvTranspose2d) => [...layer.parameters()].map((p) => p.shape);
  assertEquals(shapes(whole), [[3], [1, 1, 1, 1], [3, 2, 3, 3]]);
  assertEquals(shapes(across), [[3], [1, 3, 1, 1], [2, 3, 3, 3]]);
});

/** The largest singular value, by many steps of the power iteration in f64. */
function largest(matrix: number[][]): number {
  let v = matrix[0].map((_, i) => 1 + i), length = 0;
  for (let k = 0; k < 500; k++) {
    const u = matrix.map((row) => row.reduce((s, w, j) => s + w * v[j], 0));
    v = v.map((_, j) => matrix.reduce((s, row, i) => s + row[j] * u[i], 0));
    length = Math.hypot(...v);
    v = v.map((w) => w / length);
  }
  return Math.sqrt(length);
}

gpuTest("a weight is divided by its largest singular value, and its vectors are found in training alone", async () => {
  manualSeed(3);
  using layer = new Linear(4, 3);
  const matrix = await layer.weight.array() as number[][];
  spectralNorm(layer, { nPowerIterations: 2 });
  assertEquals([...layer.stateDict().keys()].slice(1), [
    "parametrizations.weight.original",
    "parametrizations.weight.0._u",
    "parametrizations.weight.0._v",
  ]);
  for (let i = 0; i < 60; i++) layer.forward(zeros([1, 4]));
  const sigma = largest(matrix);
  (await values(layer.weight)).forEach((w, i) => assertAlmostEquals(w, matrix.flat()[i] / sigma, 1e-4));
  // The gradient of w/σ vanishes along w: longer weights give the same.
  backward(sum(mul(layer.weight, tensor([[1, -2, 0.5, 3], [0, 1, 1, -1], [2, 0, -1, 0.25]]))));
  const original = layer.stateDict().get("parametrizations.weight.original")!;
  assertAlmostEquals(await sum(mul(original, original.grad!)).item(), 0, 1e-4);
  layer.eval();
  const u = layer.stateDict().get("parametrizations.weight.0._u")!, before = await values(u);
  layer.forward(zeros([1, 4]));
  assertEquals(await values(u), before);
  layer.zeroGrad();
});

gpuTest("training goes on through a recorded step, with the state of a resumed one", async () => {
  manualSeed(5);
  const make = () => new Sequential(spectralNorm(new Linear(3, 3)), weightNorm(new Linear(3, 1)));
  const x = randn([8, 3]);
  const train = (model: Sequential, optimizer: SGD) => () => {
    optimizer.zeroGrad();
    const loss = sum(mul(model.forward(x), model.forward(x)));
    backward(loss);
    optimizer.step();
    return loss;
  };
  using eager = make(), recorded = make();
  const state = new Map(await Promise.all([...eager.stateDict()].map(async ([k, t]) => [k, await toHost(t)] as const)));
  recorded.loadStateDict(state);
  using one = new SGD(eager.parameters(), { lr: 0.01 });
  using two = new SGD(recorded.parameters(), { lr: 0.01 });
  const step = capture(train(recorded, two)), plain = train(eager, one);
  for (let i = 0; i < 4; i++) assertEquals(await step().item(), await plain().item());
  eager.zeroGrad();
  recorded.zeroGrad();
  step.dispose();
});

class Symmetric extends Parametrization {
  forward(x: Tensor): Tensor {
    return add(triu(x), triu(x, { diagonal: 1 }).transpose(0, 1));
  }
}

class Doubled extends Parametrization {
  forward(x: Tensor): Tensor {
    return mul(x, 2);
  }

  override rightInverse(value: Tensor): Tensor {
    return mul(value, 0.5);
  }
}

gpuTest("parametrizations of one's own work on each other, in their order", async () => {
  using layer = new Linear(2, 2, { bias: false });
  vectorToParameters(tensor([1, 2, 3, 4], { dtype: "f32" }), layer.parameters());
  registerParametrization(registerParametrization(layer, "weight", new Doubled()), "weight", new Symmetric());
  assertEquals(await layer.weight.array(), [[1, 2], [2, 4]]);
  assertEquals(await parametersToVector(layer.parameters()).array(), [0.5, 1, 1.5, 2]);
  assertEquals([...layer.modules()].map((m) => m.constructor.name), [
    "Linear",
    "Parametrizations",
    "ParametrizationList",
    "Doubled",
    "Symmetric",
  ]);
  layer.to("f16");
  assertEquals(layer.weight.dtype, "f16");
});

gpuTest("what cannot be parametrized is refused", () => {
  using layer = new Linear(2, 3);
  assertThrows(() => weightNorm(layer, { name: "wait" }), TypeError, 'a property "wait" that holds a parameter');
  assertThrows(() => spectralNorm(layer, { name: "bias" }), TypeError, "at least two axes");
  assertThrows(() => spectralNorm(layer, { nPowerIterations: 0 }), RangeError, "from 1 on, got 0");
  assertThrows(() => registerParametrization(layer, "weight", new Symmetric()), TypeError);
  assertThrows(() => removeParametrizations(layer, "weight"), TypeError, '"weight" has none');
  using lstm = new LSTM(2, 2), cell = new GRUCell(2, 2);
  assertThrows(() => weightNorm(lstm, { name: "weight_hh_l1" }), TypeError, "registered one under that name");
  assertThrows(() => weightNorm(cell, { name: "weightHh" }), TypeError, "registered one under that name");
  assertThrows(() => vectorToParameters(zeros([5]), layer.parameters()), TypeError, "must have 9 elements");
  assertThrows(() => parametersToVector([]), TypeError, "1 or more tensors");
});

gpuTest("weights that layers registered are parametrized, too", async () => {
  manualSeed(4);
  using lstm = new LSTM(3, 4), cell = new GRUCell(3, 4);
  const x = randn([5, 2, 3]),
    y = await values(lstm.forward(x)[0]),
    h = await values(cell.forward(x.select({ dim: 0, index: 0 })));
  const before = await values(lstm.registeredParameter("weight_hh_l0")!);
  weightNorm(lstm, { name: "weight_hh_l0" });
  weightNorm(spectralNorm(cell, { name: "weight_ih" }), { name: "weight_hh" });
  assert(isParametrized(lstm, "weight_hh_l0") && isParametrized(cell, "weight_ih"));
  assertEquals([...lstm.stateDict()].map(([name, { shape }]) => `${name} ${shape}`), [
    "weight_ih_l0 16,3",
    "bias_ih_l0 16",
    "bias_hh_l0 16",
    "parametrizations.weight_hh_l0.original0 16,1",
    "parametrizations.weight_hh_l0.original1 16,4",
  ]);
  (await values(lstm.forward(x)[0])).forEach((v, i) => assertAlmostEquals(v, y[i], 1e-5));
  backward(sum(lstm.forward(x)[0]));
  for (const [name, p] of lstm.namedParameters()) assert(p.grad !== null, name);
  lstm.zeroGrad();
  assertEquals(lstm.to("bf16").forward(x.to("bf16"))[0].dtype, "bf16");
  removeParametrizations(lstm.to("f32"), "weight_hh_l0");
  assert(lstm.stateDict().has("weight_hh_l0") && !isParametrized(lstm));
  (await values(lstm.registeredParameter("weight_hh_l0")!)).forEach((w, i) => assertAlmostEquals(w, before[i], 2e-2));
  const divided = await values(cell.forward(x.select({ dim: 0, index: 0 })));
  assert(divided.some((v, i) => Math.abs(v - h[i]) > 1e-3), "the largest singular value is 1 now");
});

gpuTest("channels are dropped together, and mean and variance stay", async () => {
  manualSeed(1);
  const x = randn([64, 256, 4]), y = await featureAlphaDropout(x, { p: 0.3 }).data();
  let mean = 0, square = 0, dropped = 0;
  for (let i = 0; i < y.length; i += 4) {
    const channel = [...y.slice(i, i + 4)];
    if (new Set(channel).size === 1) dropped++;
    for (const v of channel) [mean, square] = [mean + v / y.length, square + v * v / y.length];
  }
  assertAlmostEquals(dropped / (64 * 256), 0.3, 0.02);
  assertAlmostEquals(mean, 0, 0.03);
  assertAlmostEquals(square - mean * mean, 1, 0.05);
  const layer = new FeatureAlphaDropout(0.5);
  assertEquals(await values(layer.eval().forward(ones([1, 2, 2]))), [1, 1, 1, 1]);
  assertEquals(await values(layer.train().forward(zeros([1, 1, 2])).mul(0)), [0, 0]);
  assertEquals(featureAlphaDropout(ones([1, 2]).to("f16"), { p: 0.5 }).dtype, "f16");
  assertThrows(() => featureAlphaDropout(ones([2])), TypeError, "axes");
});

gpuTest("vectors that others learned are looked up, and learned further only if they are to be", async () => {
  using frozen = Embedding.fromPretrained(tensor([[1, 2], [3, 4], [5, 6]]), { paddingIdx: -1 });
  assertEquals(await frozen.forward(tensor([[2, 1]])).array(), [[[5, 6], [3, 4]]]);
  assertEquals([frozen.weight.requiresGrad, frozen.paddingIdx, frozen.weight.dtype], [false, 2, "f32"]);
  using learned = Embedding.fromPretrained(ones([2, 2]), { freeze: false });
  assert(learned.weight.requiresGrad);
  assertThrows(() => Embedding.fromPretrained(ones([2])), TypeError, "must be a matrix");
});

gpuTest("rows that are looked up keep to a length, and gradients go by how often they were", async () => {
  const rows = tensor([[3, 4], [0.3, 0.4], [6, 8], [30, 40]], { dtype: "f32" }), ids = tensor([[0, 1], [2, 2]]);
  using bounded = Embedding.fromPretrained(rows, { maxNorm: 1, freeze: false });
  const y = bounded.forward(ids), want = [0.6, 0.8, 0.3, 0.4, 0.6, 0.8, 0.6, 0.8];
  (await values(y)).forEach((v, i) => assertAlmostEquals(v, want[i], 1e-6));
  (await values(bounded.weight)).slice(6).forEach((v, i) => assertEquals(v, [30, 40][i]));
  using manhattan = Embedding.fromPretrained(rows, { maxNorm: 7, normType: 1 });
  (await values(manhattan.forward(tensor([0, 2])))).forEach((v, i) => assertAlmostEquals(v, [3, 4][i % 2], 1e-5));
  assertEquals(manhattan.toString(), "Embedding(4, 2, maxNorm=7, normType=1)");

  for (const dtype of ["f32", "bf16"] as const) {
    using table = Embedding.fromPretrained(rows, { scaleGradByFreq: true, freeze: false, paddingIdx: 1 }).to(dtype);
    backward(sum(mul(table.forward(tensor([2, 0, 2, 1, 2])), tensor([[1], [5], [2], [9], [6]], { dtype }))));
    assertEquals(table.weight.grad!.dtype, dtype);
    assertEquals(await table.weight.grad!.array(), [[5, 5], [0, 0], [3, 3], [0, 0]]);
    table.zeroGrad();
  }
  assertThrows(() => new Embedding(2, 2, { maxNorm: 0 }), RangeError, "maxNorm must be positive, got 0");
  assertThrows(() => new Embedding(2, 2, { normType: -1 }), RangeError, "normType must be positive");
  // @ts-expect-error PyTorch's spelling
  assertThrows(() => new Embedding(2, 2, { max_norm: 1 }), TypeError, "maxNorm");
});

gpuTest("lists and records of parameters are found, converted and loaded", async () => {
  const list = new ParameterList([new Parameter(ones([2])), new Parameter(zeros([1]))]);
  const record = new ParameterDict({ a: new Parameter(ones([3])) });
  class Both extends Module {
    list: ParameterList = list;
    record: ParameterDict = record;
    override forward(): Tensor {
      return add(sum(mul(list.at(0)!, 3)), sum(record.get("a")!));
    }
  }
  using both = new Both();
  list.append(new Parameter(ones([1, 2])));
  record.set("forward", new Parameter(zeros([1])));
  assertEquals([...both.stateDict().keys()], ["list.0", "list.1", "list.2", "record.a", "record.forward"]);
  assertEquals([list.length, record.size, record.has("a"), [...record.keys()].join()], [3, 2, true, "a,forward"]);
  backward(both.forward());
  assertEquals(await list.at(0)!.grad!.array(), [3, 3]);
  both.zeroGrad();
  both.to("f16");
  assertEquals([...list, ...record.values()].map(({ dtype }) => dtype), new Array(5).fill("f16"));
  both.loadStateDict({ "list.1": tensor([7.5]) }, { strict: false });
  assertEquals(await list.at(1)!.array(), [7.5]);
  assertEquals(record.toString(), "ParameterDict(a: f16 [3], forward: f16 [1])");
  assertThrows(() => list.append(ones([1])), TypeError, "holds parameters");
  assertThrows(() => record.set("a.b", list.at(0)!), TypeError, "dot");
  assertThrows(() => list.forward(), Error, "compute with its parameters");
});

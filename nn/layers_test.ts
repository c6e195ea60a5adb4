import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  add,
  backward,
  batchNorm,
  conv1d,
  conv2d,
  crossEntropy,
  div,
  linear,
  manualSeed,
  mean,
  ones,
  pad,
  randn,
  ShapeError,
  slice,
  sum,
  type Tensor,
  tensor,
  toHost,
  variance,
  zeros,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { assertNear } from "../testing/near.ts";
import * as nn from "./mod.ts";

gpuTest("a linear layer is x·Wᵀ + b, with or without bias", async () => {
  using layer = new nn.Linear(3, 4);
  using plain = new nn.Linear(3, 4, { bias: false });
  const x = randn([2, 5, 3]);
  await assertNear(layer.forward(x), linear(x, layer.weight, { bias: layer.bias }));
  await assertNear(plain.forward(x), linear(x, plain.weight));
  assertEquals(plain.bias, null);
  assertEquals(layer.toString(), "Linear(inFeatures=3, outFeatures=4, bias=true)");
  using empty = new nn.Linear(0, 2);
  assertEquals(await empty.bias!.array(), [0, 0]);
});

gpuTest("convolutions pad as they are told", async () => {
  const x = randn([2, 4, 7, 6]);
  for (const paddingMode of ["reflect", "replicate", "circular"] as const) {
    using layer = new nn.Conv2d(4, 6, [3, 2], { padding: [2, 1], groups: 2, paddingMode });
    const { weight, bias } = layer;
    await assertNear(
      layer.forward(x),
      conv2d(pad(x, [1, 1, 2, 2], { mode: paddingMode }), weight, { bias, groups: 2 }),
    );
    using same = new nn.Conv2d(4, 2, [4, 3], { padding: "same", dilation: [1, 2], paddingMode });
    assertEquals(same.forward(x).shape, [2, 2, 7, 6]);
    const around = pad(x, [2, 2, 1, 2], { mode: paddingMode });
    await assertNear(same.forward(x), conv2d(around, same.weight, { bias: same.bias, dilation: [1, 2] }));
  }
  using strided = new nn.Conv2d(4, 3, 3, { stride: 2, padding: 1, bias: false });
  await assertNear(strided.forward(x), conv2d(x, strided.weight, { stride: 2, padding: 1 }));
  using signal = new nn.Conv1d(4, 3, 3, { padding: 2, paddingMode: "circular" });
  const s = randn([2, 4, 9]);
  await assertNear(
    signal.forward(s),
    conv1d(pad(s, [2, 2], { mode: "circular" }), signal.weight, { bias: signal.bias }),
  );
  using up = new nn.ConvTranspose2d(4, 2, 2, { stride: 2 });
  assertEquals(up.forward(x).shape, [2, 2, 14, 12]);
  using upSignal = new nn.ConvTranspose1d(4, 2, 3, { stride: 2, outputPadding: 1, padding: 1, bias: false });
  assertEquals(upSignal.forward(s).shape, [2, 2, 18]);
  assertThrows(() => new nn.Conv2d(4, 6, 3, { groups: 4 }), RangeError, "groups");
});

gpuTest("batch statistics are used in training, counted, and remembered for evaluation", async () => {
  using layer = new nn.BatchNorm2d(3, { momentum: 0.25 });
  const runningMean = zeros([3]), runningVar = ones([3]);
  for (let i = 1; i <= 2; i++) {
    const x = randn([4, 3, 2, 5]);
    const { weight, bias } = layer;
    const want = batchNorm(x, { weight, bias, training: true, runningMean, runningVar, momentum: 0.25 });
    await assertNear(layer.forward(x), want);
    await assertNear(layer.runningMean!, runningMean);
    await assertNear(layer.runningVar!, runningVar);
    assertEquals(await layer.numBatchesTracked!.item(), i);
  }
  layer.eval();
  const x = randn([1, 3, 2, 2]);
  await assertNear(layer.forward(x), batchNorm(x, { runningMean, runningVar }));
  assertEquals(await layer.numBatchesTracked!.item(), 2);
  layer.resetRunningStats();
  assertEquals(await layer.runningVar!.array(), [1, 1, 1]);
  assertEquals(await layer.numBatchesTracked!.item(), 0);
  assertThrows(() => layer.forward(zeros([1, 4, 2, 2])), ShapeError, "3 channels");
  assertThrows(() => layer.forward(zeros([1, 3, 2])), ShapeError, "4 axes");
});

gpuTest("a file as PyTorch writes it loads: batches counted in 64 bits", async () => {
  const parts: [string, string, number[], ArrayBufferView][] = [
    ["num_batches_tracked", "I64", [], BigInt64Array.of(12n)],
    ["bias", "F32", [2], Float32Array.of(1, 2)],
    ["running_mean", "F32", [2], Float32Array.of(3, 4)],
    ["running_var", "F32", [2], Float32Array.of(5, 6)],
    ["weight", "F32", [2], Float32Array.of(7, 8)],
  ];
  let at = 0;
  const entries = parts.map(([name, dtype, shape, { byteLength }]) => {
    const entry = { dtype, shape, data_offsets: [at, at + byteLength] };
    at += byteLength;
    return [name, entry];
  });
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const file = new Blob([
    BigUint64Array.of(BigInt(header.length)),
    header,
    ...parts.map(([, , , data]) => data as ArrayBufferView<ArrayBuffer>),
  ]);
  using layer = new nn.BatchNorm1d(2);
  await layer.loadSafetensors(file);
  assertEquals(await layer.numBatchesTracked!.item(), 12);
  assertEquals(await layer.runningVar!.array(), [5, 6]);
  assertEquals(await layer.weight!.array(), [7, 8]);
});

gpuTest("without momentum the statistics are means over all batches", async () => {
  using layer = new nn.BatchNorm1d(2, { momentum: null });
  const batches = [randn([6, 2]), randn([6, 2]), randn([6, 2])];
  for (const batch of batches) await assertNear(layer.forward(batch), batchNorm(batch, { training: true }));
  const average = (of: (t: Tensor) => Tensor) => div(batches.map(of).reduce((a, b) => add(a, b)), 3);
  await assertNear(layer.runningMean!, average((t) => mean(t, { dim: 0 })));
  await assertNear(layer.runningVar!, average((t) => variance(t, { dim: 0 })));
});

gpuTest("without statistics evaluation uses the batch's own", async () => {
  using layer = new nn.BatchNorm1d(2, { trackRunningStats: false, affine: false });
  const x = randn([5, 2, 3]);
  await assertNear(layer.eval().forward(x), batchNorm(x, { training: true }));
  assertEquals(layer.stateDict().size, 0);
  using groups = new nn.GroupNorm(2, 4);
  assertEquals(groups.forward(randn([2, 4, 3])).shape, [2, 4, 3]);
  using instances = new nn.InstanceNorm2d(3, { affine: true, trackRunningStats: true });
  instances.forward(randn([2, 3, 4, 4]));
  assertEquals(await instances.numBatchesTracked!.item(), 1);
  assertEquals(instances.eval().forward(randn([2, 3, 4, 4])).shape, [2, 3, 4, 4]);
});

gpuTest("a table keeps its padding row at zero and untrained", async () => {
  using table = new nn.Embedding(5, 3, { paddingIdx: -2 });
  assertEquals(table.paddingIdx, 3);
  assertEquals((await table.weight.array() as number[][])[3], [0, 0, 0]);
  backward(sum(table.forward(tensor([[3, 1], [1, 4]]))));
  assertEquals(await table.weight.grad!.array(), [[0, 0, 0], [2, 2, 2], [0, 0, 0], [0, 0, 0], [1, 1, 1]]);
  assertThrows(() => new nn.Embedding(5, 3, { paddingIdx: 5 }), RangeError, "paddingIdx");
});

gpuTest("dropout thins out in training only", async () => {
  manualSeed(3);
  using layer = new nn.Dropout(0.25);
  const kept = (await layer.forward(ones([4000])).data()).filter((v) => v !== 0);
  assert(Math.abs(kept.length / 4000 - 0.75) < 0.03);
  assert(kept.every((v) => Math.abs(v - 4 / 3) < 1e-6));
  assertEquals(await layer.eval().forward(ones([2])).array(), [1, 1]);
  assertEquals(new nn.Dropout({ p: 0.1 }).p, 0.1);
  assertThrows(() => new nn.Dropout2d(1.5), RangeError, "p must be");
});

gpuTest("activations, pools and shapes", async () => {
  const x = tensor([[-2, -0.5, 0.5, 4]]);
  using prelu = new nn.PReLU({ init: 0.5 });
  assertEquals(await prelu.forward(x).array(), [[-1, -0.25, 0.5, 4]]);
  using channels = new nn.PReLU({ numParameters: 4 });
  assertEquals(channels.forward(randn([2, 4, 3, 3])).shape, [2, 4, 3, 3]);
  assertEquals(await new nn.ReLU().forward(x).array(), [[0, 0, 0.5, 4]]);
  assertEquals(await new nn.LeakyReLU({ negativeSlope: 0.5 }).forward(x).array(), [[-1, -0.25, 0.5, 4]]);
  assertEquals(await new nn.Hardtanh({ minVal: -1, maxVal: 2 }).forward(x).array(), [[-1, -0.5, 0.5, 2]]);
  assertEquals(await new nn.Threshold(0, 7).forward(x).array(), [[7, 7, 0.5, 4]]);
  assertEquals(new nn.GLU().forward(x).shape, [1, 2]);
  assert(Math.abs(await sum(new nn.Softmax().forward(x)).item() - 1) < 1e-6);
  const image = randn([2, 3, 8, 8]);
  assertEquals(new nn.MaxPool2d(2).forward(image).shape, [2, 3, 4, 4]);
  assertEquals(new nn.AvgPool2d([2, 4], { stride: 2 }).forward(image).shape, [2, 3, 4, 3]);
  assertEquals(new nn.AdaptiveAvgPool2d([1, null]).forward(image).shape, [2, 3, 1, 8]);
  assertEquals(new nn.MaxPool1d(3).forward(randn([2, 3, 9])).shape, [2, 3, 3]);
  assertEquals(new nn.Flatten().forward(image).shape, [2, 192]);
  assertEquals(new nn.Unflatten(1, [1, 3]).forward(image).shape, [2, 1, 3, 8, 8]);
  assert(new nn.Identity(3, "x").forward(image) === image);
});

gpuTest("losses are their functions, and weights are buffers", async () => {
  const weight = tensor([1, 2, 0.5]);
  using loss = new nn.CrossEntropyLoss({ weight, labelSmoothing: 0.1, ignoreIndex: 2 });
  const x = randn([4, 3]), target = tensor([0, 1, 2, 1]);
  await assertNear(loss.forward(x, target), crossEntropy(x, target, { weight, labelSmoothing: 0.1, ignoreIndex: 2 }));
  assertEquals([...loss.stateDict().keys()], ["weight"]);
  using logits = new nn.BCEWithLogitsLoss({ posWeight: tensor([2.5]) });
  assertEquals([...logits.stateDict().keys()], ["pos_weight"]);
  assertEquals(logits.forward(x, zeros([4, 3])).shape, []);
  assertEquals(new nn.MSELoss({ reduction: "none" }).forward(x, zeros([4, 3])).shape, [4, 3]);
});

gpuTest("the same seed makes the same model, another seed another", async () => {
  const values = async (seed: number) => {
    manualSeed(seed);
    using model = new nn.Sequential(
      new nn.Linear(4, 3),
      new nn.Conv2d(1, 2, 3),
      new nn.MultiheadAttention(4, 2) as never,
    );
    return await Promise.all([...model.stateDict().values()].map(async (t) => [...(await toHost(t)).data]));
  };
  const first = await values(1);
  assertEquals(await values(1), first);
  assert((await values(2))[0][0] !== first[0][0]);
  manualSeed(5);
  const a = await nn.init.orthogonal(zeros([3, 3])).array();
  manualSeed(5);
  assertEquals(await nn.init.orthogonal(zeros([3, 3])).array(), a);
});

gpuTest("initialisers reject what they cannot fill", async () => {
  assertThrows(() => nn.init.kaimingUniform(zeros([3])), ShapeError, "two axes");
  assertThrows(() => nn.init.eye(zeros([3])), ShapeError, "two axes");
  assertThrows(() => nn.init.dirac(zeros([3, 2])), ShapeError, "three to five axes");
  assertThrows(() => nn.init.calculateGain("swish" as "relu"), TypeError, "swish");
  assertThrows(() => nn.init.kaimingNormal(zeros([3, 3]), { mode: "fan" as "fan_in" }), TypeError, "fan_in");
  const sparse = await nn.init.sparse(zeros([10, 4]), { sparsity: 0.3 }).data();
  assertEquals(sparse.filter((v) => v === 0).length, 12);
  assertEquals(await nn.init.dirac(zeros([4, 2, 3]), { groups: 2 }).array(), [
    [[0, 1, 0], [0, 0, 0]],
    [[0, 0, 0], [0, 1, 0]],
    [[0, 1, 0], [0, 0, 0]],
    [[0, 0, 0], [0, 1, 0]],
  ]);
});

gpuTest("causal attention sees only what came before", async () => {
  using attention = new nn.MultiheadAttention(8, 2, { batchFirst: true });
  const x = randn([1, 4, 8]);
  const [y, weights] = attention.forward(x, x, x, { isCausal: true });
  const w = await weights!.array() as number[][][];
  for (let i = 0; i < 4; i++) for (let j = i + 1; j < 4; j++) assertEquals(w[0][i][j], 0);
  const first = slice(x, { dim: 1, start: 0, end: 2 });
  const [short] = attention.forward(first, first, first, { isCausal: true, needWeights: false });
  await assertNear(short, slice(y, { dim: 1, start: 0, end: 2 }));
  using sequence = new nn.MultiheadAttention(8, 2, { kdim: 6, vdim: 5 });
  const [z] = sequence.forward(randn([3, 2, 8]), randn([7, 2, 6]), randn([7, 2, 5]));
  assertEquals(z.shape, [3, 2, 8]);
  assertEquals([...sequence.stateDict().keys()].slice(0, 3), ["q_proj_weight", "k_proj_weight", "v_proj_weight"]);
  const [single] = attention.forward(randn([4, 8]), randn([5, 8]), randn([5, 8]));
  assertEquals(single.shape, [4, 8]);
  assertThrows(() => new nn.MultiheadAttention(8, 3), RangeError, "heads");
  assertThrows(() => attention.forward(x, randn([4, 8]), x), ShapeError, "two or three axes");
});

gpuTest("layers refuse sizes that are missing or negative, and options that do not exist", () => {
  const refusal = (make: () => unknown) => assertThrows(make, Error).message;
  // deno-lint-ignore no-explicit-any -- calls as JavaScript makes them
  const js = nn as any;
  const cases: [() => unknown, string][] = [
    [() => new js.Linear(2), "Cannot make Linear: outFeatures must be a whole number from 0 on, got undefined"],
    [() => new js.Linear(-2, 3), "Cannot make Linear: inFeatures must be a whole number from 0 on, got -2"],
    [() => new js.Conv2d(1, 8), "Cannot make Conv2d: kernelSize must be a whole number from 1 on, got undefined"],
    [() => new js.Conv1d(1, 8, "3"), 'Cannot make Conv1d: kernelSize must be a whole number from 1 on, got "3"'],
    [() => new js.MaxPool2d({}), "Cannot make MaxPool2d: kernelSize must be a whole number from 1 on, got {}"],
    [
      () => new js.Linear(2, 3, false),
      "Cannot make Linear: options must be an object such as { bias: false }, got false",
    ],
    [
      () => new js.Conv2d(1, 8, 3, { pad: 1 }),
      "Cannot make Conv2d: there is no option pad, padding is the nearest; the options are stride, padding, dilation, " +
      "groups, bias, paddingMode",
    ],
    [
      () => new js.BatchNorm2d(4, { track_running_stats: false }),
      "Cannot make BatchNorm2d: there is no option track_running_stats, trackRunningStats is the nearest; the options " +
      "are eps, momentum, affine, trackRunningStats",
    ],
  ];
  for (const [make, message] of cases) assertEquals(refusal(make), message);
});

gpuTest("a convolution prints what is not as usual", () => {
  using plain = new nn.Conv2d(1, 2, 3);
  using rich = new nn.Conv2d(2, 4, [3, 1], { stride: 2, padding: [1, 0], groups: 2, bias: false });
  assertEquals(plain.toString(), "Conv2d(1, 2, kernelSize=[3, 3])");
  assertEquals(new nn.Upsample({ size: [4, 8] }).toString(), "Upsample(size=[4, 8])");
  assertEquals(
    rich.toString(),
    "Conv2d(2, 4, kernelSize=[3, 1], stride=2, padding=[1, 0], groups=2, bias=false)",
  );
});

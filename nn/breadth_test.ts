/** Layers that lend a function parameters, options or a state: that they pass them on. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  abs,
  amax,
  bilinear,
  channelShuffle,
  cosineSimilarity,
  ctcLoss,
  embeddingBag,
  gaussianNllLoss,
  interpolate,
  localResponseNorm,
  logSoftmax,
  marginRankingLoss,
  multilabelMarginLoss,
  multilabelSoftMarginLoss,
  multiMarginLoss,
  ones,
  pad,
  pairwiseDistance,
  poissonNllLoss,
  rand,
  randn,
  ShapeError,
  softMarginLoss,
  softmax,
  sub,
  type Tensor,
  tensor,
  tripletMarginWithDistanceLoss,
  zeros,
} from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import * as nn from "./mod.ts";

async function same(got: Tensor, want: Tensor): Promise<void> {
  assertEquals(got.shape, want.shape);
  assert(await amax(abs(sub(got, want))).item() < 1e-6);
}

gpuTest("losses are their functions with the options they were made with", async () => {
  const x = randn([4, 5]), y = randn([4, 5]), signs = tensor([[1, -1, 1, 1, -1]]).expand([4, 5]);
  const labels = tensor([0, 4, 2, 1]), weight = rand([5]);
  const many = tensor([[0, 2, -1, 0, 0], [1, -1, 0, 0, 0], [4, 3, 2, -1, 0], [-1, 0, 0, 0, 0]]);
  const yes = tensor([[1, 0, 1, 0, 0]]).expand([4, 5]);
  const none = { reduction: "none" } as const;
  await same(
    new nn.MarginRankingLoss({ margin: 0.5, ...none }).forward(x, y, signs),
    marginRankingLoss(x, y, signs, { margin: 0.5, ...none }),
  );
  await same(new nn.SoftMarginLoss(none).forward(x, signs), softMarginLoss(x, signs, none));
  using margin = new nn.MultiMarginLoss({ p: 2, weight });
  await same(margin.forward(x, labels), multiMarginLoss(x, labels, { p: 2, weight }));
  await same(new nn.MultiLabelMarginLoss().forward(x, many), multilabelMarginLoss(x, many));
  using soft = new nn.MultiLabelSoftMarginLoss({ weight, reduction: "sum" });
  await same(soft.forward(x, yes), multilabelSoftMarginLoss(x, yes, { weight, reduction: "sum" }));
  assertEquals([...soft.stateDict().keys()], ["weight"]);
  const z = randn([4, 5]);
  await same(
    new nn.TripletMarginWithDistanceLoss({ swap: true }).forward(x, y, z),
    tripletMarginWithDistanceLoss(x, y, z, { swap: true }),
  );
  await same(new nn.PoissonNLLLoss({ full: true }).forward(x, yes), poissonNllLoss(x, yes, { full: true }));
  const v = rand([4, 1]).add(0.5);
  await same(new nn.GaussianNLLLoss(none).forward(x, y, v), gaussianNllLoss(x, y, v, none));
  const logProbs = logSoftmax(randn([6, 2, 4]), { dim: 2 }), targets = tensor([[0, 1], [2, 0]]);
  await same(
    new nn.CTCLoss({ blank: 3, reduction: "sum" }).forward(logProbs, targets, [6, 5], [2, 1]),
    ctcLoss(logProbs, targets, [6, 5], [2, 1], { blank: 3, reduction: "sum" }),
  );
  // @ts-expect-error PyTorch's spelling
  assertThrows(() => new nn.CTCLoss({ zero_infinity: true }), TypeError, "zeroInfinity");
});

gpuTest("padding layers pad as their names say", async () => {
  const x = randn([1, 2, 4, 5]), line = randn([1, 2, 4]), volume = randn([1, 1, 3, 3, 3]);
  await same(new nn.ZeroPad2d([1, 2, 0, 1]).forward(x), pad(x, [1, 2, 0, 1]));
  await same(new nn.ConstantPad1d(2, 1.5).forward(line), pad(line, [2, 2], { value: 1.5 }));
  await same(new nn.ConstantPad2d([1, 0, 0, 0], -1).forward(x), pad(x, [1, 0, 0, 0], { value: -1 }));
  await same(new nn.ConstantPad3d(1, 2).forward(volume), pad(volume, [1, 1, 1, 1, 1, 1], { value: 2 }));
  for (
    const [mode, layers] of [
      ["reflect", [nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d]],
      ["replicate", [nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d]],
      ["circular", [nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d]],
    ] as const
  ) {
    for (const [i, Layer] of layers.entries()) {
      const input = [line, x, volume][i];
      await same(new Layer(1).forward(input), pad(input, new Array(2 * i + 2).fill(1), { mode }));
    }
  }
  assertEquals([new nn.ZeroPad1d(1).forward(line).shape, new nn.ZeroPad3d(1).forward(volume).shape], [
    [1, 2, 6],
    [1, 1, 5, 5, 5],
  ]);
  assertEquals(String(new nn.ConstantPad1d([1, 2], 3)), "ConstantPad1d([1, 2], value=3)");
  assertThrows(() => new nn.ZeroPad2d([1, 2]).forward(x), RangeError, "one number or 4");
  assertThrows(() => new nn.ZeroPad2d(0.5), RangeError, "whole numbers");
});

gpuTest("small layers are their functions", async () => {
  const x = randn([2, 6, 4, 4]);
  await same(
    new nn.Upsample({ scaleFactor: 2, mode: "bicubic" }).forward(x),
    interpolate(x, { scaleFactor: 2, mode: "bicubic" }),
  );
  await same(new nn.UpsamplingNearest2d({ size: 7 }).forward(x), interpolate(x, { size: 7 }));
  await same(
    new nn.UpsamplingBilinear2d({ scaleFactor: 2 }).forward(x),
    interpolate(x, { scaleFactor: 2, mode: "bilinear", alignCorners: true }),
  );
  const a = randn([3, 4]), b = randn([3, 4]);
  await same(new nn.CosineSimilarity({ dim: 0 }).forward(a, b), cosineSimilarity(a, b, { dim: 0 }));
  await same(new nn.PairwiseDistance({ p: 1 }).forward(a, b), pairwiseDistance(a, b, { p: 1 }));
  using layer = new nn.Bilinear(4, 4, 5);
  await same(layer.forward(a, b), bilinear(a, b, layer.weight, { bias: layer.bias }));
  assertEquals([...layer.stateDict().keys()], ["weight", "bias"]);
  using bag = new nn.EmbeddingBag(10, 3, { mode: "sum" });
  const ids = tensor([1, 2, 2]), offsets = tensor([0, 1]), factors = rand([3]);
  await same(
    bag.forward(ids, offsets, factors),
    embeddingBag(ids, bag.weight, { offsets, mode: "sum", perSampleWeights: factors }),
  );
  await same(new nn.LocalResponseNorm(3, { k: 2 }).forward(x), localResponseNorm(x, { size: 3, k: 2 }));
  await same(new nn.ChannelShuffle(3).forward(x), channelShuffle(x, 3));
  await same(new nn.Softmax2d().forward(x), softmax(x, { dim: 1 }));
  assertThrows(() => new nn.Softmax2d().forward(a), ShapeError, "3 or 4 axes");
  const slopes = new nn.RReLU({ lower: 0.5, upper: 0.5 });
  assertEquals(await slopes.forward(tensor([-2, 1.5])).array(), [-1, 1.5]);
  const dropped = await new nn.Dropout3d(0.5).forward(ones([8, 8, 1, 1, 2])).data();
  for (let i = 0; i < dropped.length; i += 2) assertEquals(dropped[i], dropped[i + 1]);
  assertEquals(new nn.Dropout3d(0.5).eval().forward(zeros([1, 1, 1, 1, 1])).shape, [1, 1, 1, 1, 1]);
});

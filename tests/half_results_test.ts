/**
 * What public functions and layers give for 16-bit floats: the type that PyTorch's give, 16 bits wherever f32 would
 * give f32. Types are known before a device is open, so nothing is compiled here.
 */
import { assertEquals } from "@std/assert";
import * as f from "../mod.ts";
import { type DType, Tensor } from "../mod.ts";
import { withFamily } from "../kernels/_family.ts";
import * as nn from "../nn/mod.ts";
import * as ops from "../ops/mod.ts";
import type { InputSpec } from "../testing/op_spec.ts";
import { EVERYWHERE, PAIRS, UNARY } from "../testing/pointwise_rows.ts";
import { LAYER_ROWS } from "../testing/size_layers.ts";
import { SIZE_ROWS } from "../testing/size_rows.ts";
import type { SizeRow } from "../testing/sizes.ts";

type Result = Tensor | readonly (Tensor | Result)[];
/** Makes floats of the type under test. */
type Make = (...shape: number[]) => Tensor;

function flat(result: Result): Tensor[] {
  return result instanceof Tensor ? [result] : result.flatMap(flat);
}

const floats = (shape: readonly number[], dtype: DType): Tensor => {
  const count = shape.reduce((n, s) => n * s, 1);
  return f.tensor(Float32Array.from({ length: count }, (_, i) => (1 + i * 5 % 7) / 8), { shape, dtype });
};
const whole = (values: number[]) => f.tensor(values, { dtype: "i32" });
const signs = () => f.tensor([1, -1, 1, -1]);

/** What is wrong with a call in 16 bits, where it gives floats in f32. */
function wrongTypes(name: string, call: (make: Make) => Result): string[] {
  const typesFor = (dtype: DType) => flat(call((...shape) => floats(shape, dtype))).map((y) => y.dtype);
  const wide = typesFor("f32");
  return (["f16", "bf16"] as const).flatMap((half) => {
    const got = typesFor(half), want = wide.map((dtype) => dtype === "f32" ? half : dtype);
    return got.join() === want.join() ? [] : [`${name} of ${half} gives ${got}, must give ${want}`];
  });
}

function check(calls: Record<string, (make: Make) => Result>): Promise<void> {
  return withFamily("lanes", () => {
    assertEquals(Object.entries(calls).flatMap(([name, call]) => wrongTypes(name, call)), []);
  });
}

const SIZE = 6;
/** Rows whose results do not follow from an input's type, with the reason. */
const NOT_HERE: Record<string, string> = {
  to: "converts to f32",
  copyInto: "fills a tensor that it makes in f32",
  gradNorm: "a norm of gradients of any types, which f16 could not hold",
};

Deno.test("primitives give 16 bits for 16 bits", async () => {
  const calls: Record<string, (make: Make) => Result> = {};
  for (const [name, run] of UNARY) calls[name] = (f) => run(f(4, 4));
  for (const [name, run] of [...EVERYWHERE, ...PAIRS]) calls[name] = (f) => run(f(4, 4), f(4, 4));
  const inputOf = (input: readonly number[] | InputSpec, make: Make): Tensor => {
    if (!("shape" in input)) return make(...input);
    return (input.dtype ?? "f32") === "f32" ? make(...input.shape) : f.zeros(input.shape, { dtype: input.dtype });
  };
  for (const { name, inputs, run } of [...SIZE_ROWS, ...LAYER_ROWS] as readonly SizeRow[]) {
    const takesFloats = inputs(SIZE).some((input) => !("shape" in input) || (input.dtype ?? "f32") === "f32");
    if (takesFloats && !(name in NOT_HERE)) {
      calls[name] = (make) => run(inputs(SIZE).map((input) => inputOf(input, make)), SIZE);
    }
  }
  await check(calls);
});

const MODES = ["nearest", "nearest-exact", "bilinear", "bicubic", "area"] as const;

const COMPOSITIONS: Record<string, (make: Make) => Result> = {
  adaptiveAvgPool3d: (x) => f.adaptiveAvgPool3d(x(1, 1, 4, 4, 4), { outputSize: 2 }),
  adaptiveMaxPool3d: (x) => f.adaptiveMaxPool3d(x(1, 1, 4, 4, 4), { outputSize: 2 }),
  addbmm: (x) => f.addbmm(x(3), x(2, 2, 4), x(2, 4, 3)),
  addmm: (x) => f.addmm(x(3), x(2, 4), x(4, 3)),
  addmv: (x) => f.addmv(x(2), x(2, 4), x(4)),
  addr: (x) => f.addr(x(3), x(2), x(3)),
  affineGrid: (x) => f.affineGrid(x(1, 2, 3), [1, 1, 3, 3]),
  aminmax: (x) => f.aminmax(x(4, 4)),
  avgPool3d: (x) => f.avgPool3d(x(1, 1, 4, 4, 4), { kernelSize: 2 }),
  baddbmm: (x) => f.baddbmm(x(3), x(2, 2, 4), x(2, 4, 3)),
  bilinear: (x) => f.bilinear(x(2, 3), x(2, 4), x(5, 3, 4), { bias: x(5) }),
  binaryCrossEntropy: (x) => f.binaryCrossEntropy(x(4), x(4)),
  binaryCrossEntropyWithLogits: (x) => f.binaryCrossEntropyWithLogits(x(4), x(4)),
  blockDiag: (x) => f.blockDiag([x(2, 2), x(1, 3)]),
  bmm: (x) => f.bmm(x(2, 3, 4), x(2, 4, 2)),
  broadcastTensors: (x) => f.broadcastTensors([x(2, 1), x(3)]),
  bucketize: (x) => f.bucketize(x(4), x(3)),
  cartesianProd: (x) => f.cartesianProd([x(2), x(3)]),
  cdist: (x) => f.cdist(x(3, 2), x(4, 2)),
  channelShuffle: (x) => f.channelShuffle(x(1, 4, 2, 2), 2),
  choleskySolve: (x) => f.choleskySolve(x(2, 1), x(2, 2)),
  combinations: (x) => f.combinations(x(4)),
  corrcoef: (x) => f.corrcoef(x(3, 5)),
  cosineEmbeddingLoss: (x) => f.cosineEmbeddingLoss(x(4, 3), x(4, 3), signs()),
  cosineSimilarity: (x) => f.cosineSimilarity(x(4, 3), x(4, 3)),
  countNonzero: (x) => f.countNonzero(x(4)),
  cov: (x) => f.cov(x(3, 5)),
  cross: (x) => f.cross(x(2, 3), x(2, 3)),
  cumulativeTrapezoid: (x) => f.cumulativeTrapezoid(x(5)),
  diag: (x) => f.diag(x(3)),
  diagEmbed: (x) => f.diagEmbed(x(2, 3)),
  diagonal: (x) => f.diagonal(x(3, 3)),
  diagonalScatter: (x) => f.diagonalScatter(x(3, 3), x(3)),
  diff: (x) => f.diff(x(5)),
  dist: (x) => f.dist(x(3), x(3)),
  dot: (x) => f.dot(x(3), x(3)),
  dstack: (x) => f.dstack([x(3), x(3)]),
  einsum: (x) => f.einsum([x(2, 3), x(3, 4)], "ij,jk->ik"),
  embeddingBag: (x) => f.embeddingBag(whole([0, 1, 2, 1]).reshape([2, 2]), x(4, 3)),
  expandAs: (x) => f.expandAs(x(1, 3), x(2, 3)),
  flatten: (x) => f.flatten(x(2, 3)),
  fliplr: (x) => f.fliplr(x(2, 3)),
  flipud: (x) => f.flipud(x(2, 3)),
  fold: (x) => f.fold(x(1, 4, 4), { outputSize: 4, kernelSize: 2, stride: 2 }),
  gradient: (x) => f.gradient(x(4)),
  gaussianNllLoss: (x) => f.gaussianNllLoss(x(4), x(4), x(4)),
  glu: (x) => f.glu(x(2, 4)),
  gridSample: (x) => f.gridSample(x(1, 2, 3, 3), x(1, 2, 2, 2)),
  groupNorm: (x) => f.groupNorm(x(2, 4, 3), { numGroups: 2, weight: x(4), bias: x(4) }),
  gumbelSoftmax: (x) => f.gumbelSoftmax(x(2, 4)),
  hingeEmbeddingLoss: (x) => f.hingeEmbeddingLoss(x(4), signs()),
  histc: (x) => f.histc(x(4), { bins: 3, min: 0, max: 1 }),
  hstack: (x) => f.hstack([x(3), x(3)]),
  huberLoss: (x) => f.huberLoss(x(4), x(4)),
  indexCopy: (x) => f.indexCopy(x(4, 2), whole([0, 2]), x(2, 2), { dim: 0 }),
  indexFill: (x) => f.indexFill(x(4, 2), whole([0, 2]), 3, { dim: 0 }),
  indexPut: (x) => f.indexPut(x(4, 2), [whole([0, 2])], x(2, 2)),
  inner: (x) => f.inner(x(2, 3), x(2, 3)),
  instanceNorm: (x) => f.instanceNorm(x(2, 3, 4)),
  isin: (x) => f.isin(x(4), x(2)),
  klDiv: (x) => f.klDiv(x(4), x(4)),
  kron: (x) => f.kron(x(2, 2), x(2, 2)),
  kthvalue: (x) => f.kthvalue(x(5), 2),
  l1Loss: (x) => f.l1Loss(x(4), x(4)),
  ldexp: (x) => f.ldexp(x(4), x(4)),
  linear: (x) => f.linear(x(2, 3), x(4, 3), { bias: x(4) }),
  localResponseNorm: (x) => f.localResponseNorm(x(1, 4, 3), { size: 2 }),
  lpPool1d: (x) => f.lpPool1d(x(1, 1, 4), { kernelSize: 2, normType: 2 }),
  lpPool2d: (x) => f.lpPool2d(x(1, 1, 4, 4), { kernelSize: 2, normType: 2 }),
  lpPool3d: (x) => f.lpPool3d(x(1, 1, 4, 4, 4), { kernelSize: 2, normType: 2 }),
  mT: (x) => f.mT(x(2, 3)),
  marginRankingLoss: (x) => f.marginRankingLoss(x(4), x(4), signs()),
  maskedScatter: (x) => f.maskedScatter(x(4), f.tensor([true, false, true, false]), x(4)),
  matrixNorm: (x) => f.matrixNorm(x(3, 3)),
  matrixPower: (x) => f.matrixPower(x(3, 3), 3),
  maxPool3d: (x) => f.maxPool3d(x(1, 1, 4, 4, 4), { kernelSize: 2 }),
  maxUnpool1d: (x) => f.maxUnpool1d(x(1, 1, 2), whole([0, 3]).reshape([1, 1, 2]), { kernelSize: 2 }),
  maxUnpool2d: (x) => f.maxUnpool2d(x(1, 1, 1, 1), whole([3]).reshape([1, 1, 1, 1]), { kernelSize: 2 }),
  maxUnpool3d: (x) => f.maxUnpool3d(x(1, 1, 1, 1, 1), whole([3]).reshape([1, 1, 1, 1, 1]), { kernelSize: 2 }),
  median: (x) => f.median(x(5)),
  meshgrid: (x) => f.meshgrid([x(2), x(3)], { indexing: "ij" }),
  mm: (x) => f.mm(x(2, 3), x(3, 2)),
  mode: (x) => f.mode(x(5)),
  movedim: (x) => f.movedim(x(2, 3, 4), 0, 1),
  mseLoss: (x) => f.mseLoss(x(4), x(4)),
  multiMarginLoss: (x) => f.multiMarginLoss(x(2, 4), whole([1, 2])),
  lstsq: (x) => f.lstsq(x(3, 2), x(3, 1)),
  multiDot: (x) => f.multiDot([x(2, 3), x(3, 2)]),
  multilabelMarginLoss: (x) => f.multilabelMarginLoss(x(1, 4), whole([1, 2, -1, 0]).reshape([1, 4])),
  multilabelSoftMarginLoss: (x) => f.multilabelSoftMarginLoss(x(2, 4), x(2, 4)),
  multinomial: (x) => f.multinomial(x(4), 2),
  mv: (x) => f.mv(x(2, 3), x(3)),
  nanmean: (x) => f.nanmean(x(4)),
  nanmedian: (x) => f.nanmedian(x(4)),
  nansum: (x) => f.nansum(x(4)),
  normalize: (x) => f.normalize(x(2, 3)),
  outer: (x) => f.outer(x(2), x(3)),
  padSequence: (x) => f.padSequence([x(2, 3), x(4, 3)]),
  pairwiseDistance: (x) => f.pairwiseDistance(x(4, 3), x(4, 3)),
  pdist: (x) => f.pdist(x(4, 3)),
  pixelShuffle: (x) => f.pixelShuffle(x(1, 4, 2, 2), { upscaleFactor: 2 }),
  pixelUnshuffle: (x) => f.pixelUnshuffle(x(1, 1, 4, 4), { downscaleFactor: 2 }),
  poissonNllLoss: (x) => f.poissonNllLoss(x(4), x(4)),
  qr: (x) => f.qr(x(3, 2)),
  put: (x) => f.put(x(4), f.tensor([1]), x(1)),
  renorm: (x) => f.renorm(x(3, 4), 1, { dim: 0 }),
  repeat: (x) => f.repeat(x(2), [2]),
  repeatInterleave: (x) => f.repeatInterleave(x(2), 2),
  rot90: (x) => f.rot90(x(2, 3)),
  rrelu: (x) => f.rrelu(x(4), { training: true }),
  searchsorted: (x) => f.searchsorted(x(4), x(3)),
  selectScatter: (x) => f.selectScatter(x(3, 4), x(4), { dim: 0, index: 1 }),
  sigmoidFocalLoss: (x) => f.sigmoidFocalLoss(x(4), x(4)),
  sliceScatter: (x) => f.sliceScatter(x(3, 4), x(2, 4), { dim: 0, end: 2 }),
  smoothL1Loss: (x) => f.smoothL1Loss(x(4), x(4)),
  softMarginLoss: (x) => f.softMarginLoss(x(4), signs()),
  softmin: (x) => f.softmin(x(2, 3), { dim: 1 }),
  squeeze: (x) => f.squeeze(x(2, 1)),
  stdMean: (x) => f.stdMean(x(4)),
  t: (x) => f.t(x(2, 3)),
  take: (x) => f.take(x(2, 3), whole([1, 4])),
  tensorSplit: (x) => f.tensorSplit(x(5), 2),
  tensordot: (x) => f.tensordot(x(2, 3), x(3, 2), { dims: 1 }),
  tile: (x) => f.tile(x(2), [2]),
  trace: (x) => f.trace(x(3, 3)),
  trapezoid: (x) => f.trapezoid(x(5)),
  tripletMarginLoss: (x) => f.tripletMarginLoss(x(4, 3), x(4, 3), x(4, 3)),
  tripletMarginWithDistanceLoss: (x) => f.tripletMarginWithDistanceLoss(x(4, 3), x(4, 3), x(4, 3)),
  unflatten: (x) => f.unflatten(x(4), 0, [2, 2]),
  unfold: (x) => f.unfold(x(1, 1, 4, 4), { kernelSize: 2 }),
  unfoldDim: (x) => f.unfoldDim(x(5), { dim: 0, size: 2, step: 1 }),
  unpadSequence: (x) => f.unpadSequence(x(4, 2, 3), [4, 2]),
  unsqueeze: (x) => f.unsqueeze(x(2), 0),
  vander: (x) => f.vander(x(3)),
  varMean: (x) => f.varMean(x(4)),
  vstack: (x) => f.vstack([x(3), x(3)]),
  ...Object.fromEntries(MODES.map((mode) => [
    `interpolate ${mode}`,
    (x: Make) => f.interpolate(x(1, 1, 4, 4), { size: 3, mode }),
  ])),
  "interpolate linear": (x) => f.interpolate(x(1, 1, 4), { scaleFactor: 2, mode: "linear" }),
  "interpolate trilinear": (x) => f.interpolate(x(1, 1, 2, 2, 2), { scaleFactor: 2, mode: "trilinear" }),
};

/** Compositions whose results are no floats that follow the input's, with the reason. */
const ELSEWHERE: Record<string, string> = {
  allclose: "a boolean",
  ctcLoss: "PyTorch refuses 16 bits",
  equal: "a boolean",
  logspace: "makes numbers",
  maskedSelect: "reads its result",
  nanquantile: "PyTorch refuses 16 bits",
  oneHot: "whole numbers",
  quantile: "PyTorch refuses 16 bits",
  trilIndices: "whole numbers",
  triuIndices: "whole numbers",
  unique: "reads its result",
  uniqueConsecutive: "reads its result",
};

Deno.test("compositions give 16 bits for 16 bits", () => check(COMPOSITIONS));

Deno.test("every composition stands in the table", () => {
  const names = Object.entries(ops).filter(([, value]) => typeof value === "function").map(([name]) => name);
  assertEquals(names.filter((name) => !(name in COMPOSITIONS) && !(name in ELSEWHERE)), []);
});

/** A layer in the type under test, applied. */
const layer = <M extends nn.Module<never, unknown>>(module: () => M, run: (module: M, make: Make) => Result) => {
  return (make: Make) => {
    using made = module();
    made.to(make(1).dtype);
    return run(made, make);
  };
};

Deno.test("recurrent layers and cells give the type of their parameters", async () => {
  const options = { numLayers: 2, bidirectional: true }, lengths = [2, 1];
  await check({
    LSTM: layer(() => new nn.LSTM(3, 4, options), (m, x) => m.forward(x(2, 2, 3))),
    "LSTM with lengths": layer(() => new nn.LSTM(3, 4, options), (m, x) => m.forward(x(2, 2, 3), null, { lengths })),
    "LSTM with states": layer(() => new nn.LSTM(3, 4), (m, x) => m.forward(x(2, 2, 3), [x(1, 2, 4), x(1, 2, 4)])),
    "LSTM with projections": layer(() => new nn.LSTM(3, 4, { projSize: 2 }), (m, x) => m.forward(x(2, 2, 3))),
    "LSTM without biases": layer(() => new nn.LSTM(3, 4, { bias: false }), (m, x) => m.forward(x(2, 3))),
    GRU: layer(() => new nn.GRU(3, 4, options), (m, x) => m.forward(x(2, 2, 3))),
    RNN: layer(() => new nn.RNN(3, 4, options), (m, x) => m.forward(x(2, 2, 3), null, { lengths })),
    LSTMCell: layer(() => new nn.LSTMCell(3, 4), (m, x) => m.forward(x(2, 3))),
    GRUCell: layer(() => new nn.GRUCell(3, 4), (m, x) => m.forward(x(3))),
    RNNCell: layer(() => new nn.RNNCell(3, 4), (m, x) => m.forward(x(2, 3))),
  });
});

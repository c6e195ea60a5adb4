/**
 * Autocast against PyTorch's lists for CUDA (torch/amp, "Autocast Op Reference"): what runs in 16 bits, what in f32,
 * what in the widest type of its inputs, and that everything else follows its inputs.
 */
import { assert, assertEquals } from "@std/assert";
import * as library from "../mod.ts";
import { autocast, type DType, type Tensor, tensor } from "../mod.ts";
import { LSTM } from "../nn/mod.ts";
import { gpuTest } from "../testing/gpu.ts";

const L = library;
/** Numbers from 1/8 to 7/8, where every function is defined. */
function floats(shape: number[], dtype: DType): Tensor {
  const numel = shape.reduce((n, s) => n * s, 1);
  return tensor(Float32Array.from({ length: numel }, (_, i) => (1 + i * 5 % 7) / 8), { shape, dtype });
}

/** Makes floats of the type under test. */
type Make = (...shape: number[]) => Tensor;
type Call = (f: Make) => Tensor;

const square: (call: (x: Tensor) => Tensor) => Call = (call) => (f) => call(f(4, 4));
const pair: (call: (x: Tensor, y: Tensor) => Tensor) => Call = (call) => (f) => call(f(4, 4), f(4, 4));
const classes = () => tensor([0, 1, 2, 3], { dtype: "i32" });

/** PyTorch: "CUDA Ops that can autocast to float16". */
const HALF: Record<string, Call> = {
  matmul: pair(L.matmul),
  linear: (f) => L.linear(f(2, 4), f(3, 4), { bias: f(3) }),
  einsum: pair((x, y) => L.einsum([x, y], "ij,jk->ik")),
  prelu: (f) => L.prelu(f(4, 4), f(1)),
  conv1d: (f) => L.conv1d(f(1, 2, 5), f(3, 2, 3)),
  conv2d: (f) => L.conv2d(f(1, 2, 5, 5), f(3, 2, 3, 3), { bias: f(3) }),
  conv3d: (f) => L.conv3d(f(1, 2, 3, 3, 3), f(3, 2, 2, 2, 2)),
  convTranspose1d: (f) => L.convTranspose1d(f(1, 2, 5), f(2, 3, 3)),
  convTranspose2d: (f) => L.convTranspose2d(f(1, 2, 5, 5), f(2, 3, 3, 3)),
  convTranspose3d: (f) => L.convTranspose3d(f(1, 2, 3, 3, 3), f(2, 3, 2, 2, 2)),
};

/** PyTorch: "CUDA Ops that can autocast to float32". */
const FULL: Record<string, Call> = {
  ...Object.fromEntries(
    ([
      "acos",
      "asin",
      "cosh",
      "erfinv",
      "exp",
      "expm1",
      "log",
      "log10",
      "log1p",
      "log2",
      "reciprocal",
      "rsqrt",
    ] as const)
      .map((name) => [name, square((x) => L[name](x))]),
  ),
  sinh: square((x) => L.sinh(x)),
  tan: square((x) => L.tan(x)),
  softplus: square((x) => L.softplus(x)),
  pow: square((x) => L.pow(x, 2)),
  cumprod: square((x) => L.cumprod(x, { dim: 0 })),
  cumsum: square((x) => L.cumsum(x, { dim: 0 })),
  prod: square((x) => L.prod(x)),
  sum: square((x) => L.sum(x)),
  norm: square((x) => L.norm(x)),
  normalize: square((x) => L.normalize(x)),
  logsumexp: square((x) => L.logsumexp(x, { dim: 1 })),
  softmax: square((x) => L.softmax(x, { dim: 1 })),
  logSoftmax: square((x) => L.logSoftmax(x, { dim: 1 })),
  layerNorm: (f) => L.layerNorm(f(4, 4), { normalizedShape: [4], weight: f(4), bias: f(4) }),
  groupNorm: (f) => L.groupNorm(f(2, 4, 3), { numGroups: 2 }),
  cosineSimilarity: pair((x, y) => L.cosineSimilarity(x, y)),
  pairwiseDistance: pair((x, y) => L.pairwiseDistance(x, y)),
  interpolate: (f) => L.interpolate(f(1, 1, 4, 4), { scaleFactor: 2, mode: "bilinear" }),
  binaryCrossEntropyWithLogits: pair((x, y) => L.binaryCrossEntropyWithLogits(x, y)),
  cosineEmbeddingLoss: (f) => L.cosineEmbeddingLoss(f(4, 4), f(4, 4), tensor([1, 1, -1, -1])),
  crossEntropy: square((x) => L.crossEntropy(x, classes())),
  hingeEmbeddingLoss: (f) => L.hingeEmbeddingLoss(f(4), tensor([1, 1, -1, -1])),
  huberLoss: pair((x, y) => L.huberLoss(x, y)),
  klDiv: pair((x, y) => L.klDiv(x, y)),
  l1Loss: pair((x, y) => L.l1Loss(x, y)),
  mseLoss: pair((x, y) => L.mseLoss(x, y)),
  nllLoss: square((x) => L.nllLoss(x, classes())),
  smoothL1Loss: pair((x, y) => L.smoothL1Loss(x, y)),
  tripletMarginLoss: (f) => L.tripletMarginLoss(f(4, 4), f(4, 4), f(4, 4)),
};

/** In f32 though PyTorch has no such rule, or refuses: with the reason. */
const OURS: Record<string, { why: string; call: Call }> = {
  recurrent: {
    why:
      "PyTorch runs the cells in 16 bits; here states that go from step to step are f32, only the products around are not",
    call: (f) => {
      using lstm = new LSTM(4, 3);
      return lstm.forward(f(2, 1, 4))[0];
    },
  },
  ...Object.fromEntries(
    ([
      ["cholesky", square((x) => L.cholesky(x))],
      ["det", square((x) => L.det(x))],
      ["slogdet", square((x) => L.slogdet(x)[1])],
      ["solve", pair((x, y) => L.solve(x, y))],
      ["solveTriangular", pair((x, y) => L.solveTriangular(x, y, { upper: true }))],
    ] as const).map(([name, call]) => [name, { why: "PyTorch refuses factors of 16-bit matrices on GPUs", call }]),
  ),
  binaryCrossEntropy: {
    why:
      "PyTorch refuses it under autocast, since probabilities of f16 lose their ends; in f32 the loss is right for what it gets",
    call: pair((x, y) => L.binaryCrossEntropy(x, y)),
  },
  ...Object.fromEntries(
    Object.entries({
      digamma: square((x) => L.digamma(x)),
      entr: square((x) => L.entr(x)),
      lgamma: square((x) => L.lgamma(x)),
      logcumsumexp: square((x) => L.logcumsumexp(x, { dim: 0 })),
      polygamma: square((x) => L.polygamma(x, 1)),
    }).map(([name, call]) => [
      name,
      { why: "PyTorch's lists leave it out; what it is made of, logarithms and sums of exponentials, they name", call },
    ]),
  ),
};

/** PyTorch: "CUDA Ops that promote to the widest input type", and all pointwise operations of two operands. */
const WIDEST: Record<string, (x: Tensor, y: Tensor) => Tensor> = {
  add: L.add,
  addcdiv: (x, y) => L.addcdiv(x, y, y),
  addcmul: (x, y) => L.addcmul(x, y, y),
  atan2: L.atan2,
  cat: (x, y) => L.cat([x, y]),
  div: L.div,
  lerp: (x, y) => L.lerp(x, y, 0.5),
  maximum: L.maximum,
  mul: L.mul,
  scatterAdd: (x, y) => L.scatterAdd(x, tensor([[0, 1, 2, 3]], { dtype: "i32" }), y, { dim: 0 }),
  stack: (x, y) => L.stack([x, y]),
  sub: L.sub,
  where: (x, y) => L.where(L.gt(x, 0.5), x, y),
};

/** Everything else: what comes in 16 bits leaves in 16 bits, what comes in f32 stays. */
const FOLLOW: Record<string, Call> = {
  ...Object.fromEntries(
    ([
      ...[
        "abs",
        "acosh",
        "asinh",
        "atan",
        "atanh",
        "ceil",
        "celu",
        "cos",
        "elu",
        "erf",
        "erfc",
        "exp2",
        "floor",
        "frac",
      ],
      ...[
        "gelu",
        "hardsigmoid",
        "hardswish",
        "leakyRelu",
        "logSigmoid",
        "logit",
        "mish",
        "neg",
        "relu",
        "relu6",
        "round",
      ],
      ...["selu", "sigmoid", "sign", "silu", "sin", "softsign", "sqrt", "square", "tanh", "tanhshrink", "trunc"],
    ] as "abs"[]).map((name) => [name, square((x) => L[name](x))]),
  ),
  adaptiveAvgPool2d: (f) => L.adaptiveAvgPool2d(f(1, 1, 4, 4), { outputSize: 2 }),
  amax: square((x) => L.amax(x, { dim: 1 })),
  amin: square((x) => L.amin(x, { dim: 1 })),
  avgPool2d: (f) => L.avgPool2d(f(1, 1, 4, 4), { kernelSize: 2 }),
  batchNorm: (f) => L.batchNorm(f(2, 3, 4), { runningMean: null, runningVar: null, training: true }),
  clamp: square((x) => L.clamp(x, { min: 0 })),
  dropout: square((x) => L.dropout(x)),
  embedding: (f) => L.embedding(classes(), f(4, 3)),
  flip: square((x) => L.flip(x, [0])),
  indexAdd: (f) => L.indexAdd(f(4, 4), classes(), f(4, 4), { dim: 0 }),
  indexSelect: square((x) => L.indexSelect(x, classes(), { dim: 0 })),
  max: square((x) => L.max(x, { dim: 1 })[0]),
  maxPool2d: (f) => L.maxPool2d(f(1, 1, 4, 4), { kernelSize: 2 }),
  mean: square((x) => L.mean(x)),
  min: square((x) => L.min(x)),
  pad: square((x) => L.pad(x, [1, 1])),
  permute: square((x) => L.permute(x, [1, 0])),
  sort: square((x) => L.sort(x)[0]),
  std: square((x) => L.std(x)),
  topk: square((x) => L.topk(x, 2)[0]),
  tril: square((x) => L.tril(x)),
  var: square((x) => L.variance(x)),
};

function typesOf(call: Call): string[] {
  return (["f16", "bf16"] as const).flatMap((half) =>
    (["f32", half] as const).map((dtype) => autocast(half, () => call((...shape) => floats(shape, dtype))).dtype)
  );
}

gpuTest("autocast runs in 16 bits, in f32 or in the type of the inputs what PyTorch does", () => {
  const wrong: string[] = [];
  const check = (table: Record<string, Call>, wanted: string[]) => {
    for (const [name, call] of Object.entries(table)) {
      const got = typesOf(call);
      if (got.join() !== wanted.join()) wrong.push(`${name}: ${got}, want ${wanted}`);
    }
  };
  check(HALF, ["f16", "f16", "bf16", "bf16"]);
  check(FULL, ["f32", "f32", "f32", "f32"]);
  check(Object.fromEntries(Object.entries(OURS).map(([name, { call }]) => [name, call])), ["f32", "f32", "f32", "f32"]);
  check(FOLLOW, ["f32", "f16", "f32", "bf16"]);
  for (const [name, call] of Object.entries(WIDEST)) {
    const types = (["f32", "f16"] as const).map((dtype) =>
      autocast("f16", () => call(floats([4, 4], dtype), floats([4, 4], "f16"))).dtype
    );
    if (types.join() !== "f32,f16") wrong.push(`${name}: ${types}, want f32,f16`);
  }
  assertEquals(wrong, []);
});

Deno.test("every operation with a rule of its own stands in the table", async () => {
  const named = new Set([...Object.keys(HALF), ...Object.keys(FULL), ...Object.keys(OURS)]);
  const parts: Record<string, string> = { conv: "conv2d", convInput: "convTranspose2d", convWeight: "conv2d" };
  const missing: string[] = [];
  let found = 0;
  for await (const file of sources(new URL("../kernels/", import.meta.url))) {
    for (
      const [, name] of file.matchAll(
        /(?:name: |reducer\()"(\w+)"(?:(?!name: )[\s\S]){0,240}?precision: "(?:half|full)"/g,
      )
    ) {
      found++;
      if (!named.has(parts[name] ?? name)) missing.push(name);
    }
  }
  assert(found > 25, `only ${found} rules were found`);
  assertEquals(missing, []);
});

async function* sources(folder: URL): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isDirectory) yield* sources(new URL(`${entry.name}/`, folder));
    else if (entry.name.endsWith(".ts") && !entry.name.endsWith("_test.ts") && !entry.name.startsWith("_wgsl")) {
      yield await Deno.readTextFile(new URL(entry.name, folder));
    }
  }
}

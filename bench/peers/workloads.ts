// What is measured: shapes, data, floating-point operations and bytes. No library appears here.
//
// Layouts are PyTorch's: images are [N, C, H, W], Linear weights [out, in], Conv2d weights [out, in, kh, kw]. An
// adaptor converts to its library's own layout before timing starts and converts results back for the check.

/** Name of the function an adaptor provides for a workload. */
export type OpName =
  | "matmul"
  | "matmulF16"
  | "convForward"
  | "convInputGrad"
  | "convWeightGrad"
  | "geluChain"
  | "biasRelu"
  | "softmax"
  | "softmaxGrad"
  | "layerNorm"
  | "layerNormGrad"
  | "sumRows"
  | "sumCols"
  | "crossEntropyGrad"
  | "embedding"
  | "embeddingGrad"
  | "mlpStep"
  | "lenetStep"
  | "transformerStep"
  | "chainEager"
  | "chainPointwise"
  | "chainMatmul";

/** How an input is filled. Every input is a pure function of its workload, its name and its shape. */
export type Fill =
  | { kind: "uniform"; low: number; high: number }
  | { kind: "normal"; std: number }
  | { kind: "constant"; value: number }
  /** Integers in [0, below); `skew` > 1 favours small ones, as word frequencies do. */
  | { kind: "int"; below: number; skew?: number }
  /** An orthogonal matrix, so that long products stay bounded. */
  | { kind: "orthogonal" };

export interface InputSpec {
  name: string;
  shape: number[];
  fill: Fill;
}

export interface Workload {
  id: string;
  /** Heading it stands under. */
  group: string;
  label: string;
  op: OpName;
  /** "train" steps change state and are checked by their losses; "call" and "chain" are pure. */
  kind: "call" | "chain" | "train";
  size: Record<string, number>;
  inputs: InputSpec[];
  /** Names of the inputs that are trained, in order ("train" only). */
  parameters?: string[];
  /** Greatest accepted error, relative to the root mean square of the expected values. */
  tolerance: number;
  /** Least work and traffic of one iteration, for GFLOP/s and GB/s. */
  flops?: number;
  bytes?: number;
  /** Operations in one iteration of a "chain": times are reported per operation. */
  operations?: number;
}

export type Inputs = Record<string, Float32Array | Int32Array>;

/** Training data repeats after this many batches; losses of this many first steps are checked. */
export const batches = 4;
export const checkedSteps = 5;
export const adam = { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01 };
export const layerNormEps = 1e-5;

const uniform: Fill = { kind: "uniform", low: -1, high: 1 };

export function product(shape: number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

function matmul(
  id: string,
  label: string,
  m: number,
  k: number,
  n: number,
  batch = 1,
  op: OpName = "matmul",
): Workload {
  const lead = batch > 1 ? [batch] : [];
  const bytesPerElement = op === "matmulF16" ? 2 : 4;
  return {
    id,
    group: "1. Matrix product",
    label,
    op,
    kind: "call",
    size: { m, k, n, batch },
    inputs: [
      { name: "a", shape: [...lead, m, k], fill: uniform },
      { name: "b", shape: [...lead, k, n], fill: uniform },
    ],
    tolerance: op === "matmulF16" ? 2e-2 : 1e-4,
    flops: 2 * batch * m * k * n,
    bytes: bytesPerElement * batch * (m * k + k * n + m * n),
  };
}

function conv(
  id: string,
  label: string,
  op: OpName,
  s: { n: number; c: number; hw: number; k: number; r: number; pad: number },
): Workload {
  const out = s.hw + 2 * s.pad - s.r + 1;
  const x: InputSpec = { name: "x", shape: [s.n, s.c, s.hw, s.hw], fill: uniform };
  const w: InputSpec = { name: "w", shape: [s.k, s.c, s.r, s.r], fill: uniform };
  const dy: InputSpec = { name: "dy", shape: [s.n, s.k, out, out], fill: uniform };
  return {
    id,
    group: "2. Convolution",
    label,
    op,
    kind: "call",
    size: { ...s, out },
    inputs: op === "convForward" ? [x, w] : op === "convInputGrad" ? [w, dy] : [x, dy],
    tolerance: 1e-4,
    flops: 2 * s.n * s.k * out * out * s.c * s.r * s.r,
    bytes: 4 * (product(x.shape) + product(w.shape) + product(dy.shape)),
  };
}

const conv3 = { n: 8, c: 32, hw: 32, k: 64, r: 3, pad: 1 };

function rows(
  id: string,
  group: string,
  label: string,
  op: OpName,
  inputs: InputSpec[],
  size: Record<string, number>,
  bytes: number,
  tolerance = 1e-4,
): Workload {
  return { id, group, label, op, kind: "call", size, inputs, tolerance, bytes };
}

const rowGroup = "4. Row operations";
const r = 4096, c = 512;
const x4096: InputSpec = { name: "x", shape: [r, c], fill: { kind: "normal", std: 1 } };
const dy4096: InputSpec = { name: "dy", shape: [r, c], fill: { kind: "normal", std: 1 } };
const gamma: InputSpec = { name: "gamma", shape: [c], fill: { kind: "uniform", low: 0.5, high: 1.5 } };
const beta: InputSpec = { name: "beta", shape: [c], fill: uniform };

/** PyTorch's default initialisation of Linear and Conv2d: uniform within 1/sqrt(fan in). */
function affine(name: string, weight: number[]): InputSpec[] {
  const bound = 1 / Math.sqrt(product(weight.slice(1)));
  const fill: Fill = { kind: "uniform", low: -bound, high: bound };
  return [{ name: `${name}.weight`, shape: weight, fill }, { name: `${name}.bias`, shape: [weight[0]], fill }];
}

function norm(name: string, d: number): InputSpec[] {
  return [
    { name: `${name}.weight`, shape: [d], fill: { kind: "constant", value: 1 } },
    { name: `${name}.bias`, shape: [d], fill: { kind: "constant", value: 0 } },
  ];
}

function train(
  id: string,
  group: string,
  label: string,
  op: OpName,
  size: Record<string, number>,
  parameters: InputSpec[],
  data: InputSpec[],
  flops: number,
): Workload {
  return {
    id,
    group,
    label,
    op,
    kind: "train",
    size,
    inputs: [...parameters, ...data],
    parameters: parameters.map((p) => p.name),
    tolerance: 2e-4,
    flops,
  };
}

function mlp(): Workload {
  const batch = 128, widths = [784, 256, 128, 10];
  const parameters = [0, 1, 2].flatMap((i) => affine(`fc${i + 1}`, [widths[i + 1], widths[i]]));
  const products = [0, 1, 2].map((i) => 2 * batch * widths[i] * widths[i + 1]);
  return train(
    "mlp-step",
    "5. Training step: MLP",
    "784-256-128-10, batch 128, Adam",
    "mlpStep",
    { batch, classes: 10 },
    parameters,
    [
      { name: "x", shape: [batches, batch, 784], fill: { kind: "uniform", low: 0, high: 1 } },
      { name: "y", shape: [batches, batch], fill: { kind: "int", below: 10 } },
    ],
    // Forward, weight gradients, and input gradients of all layers but the first.
    3 * products.reduce((a, b) => a + b) - products[0],
  );
}

function lenet(): Workload {
  const batch = 64;
  const parameters = [
    ...affine("conv1", [6, 1, 5, 5]),
    ...affine("conv2", [16, 6, 5, 5]),
    ...affine("fc1", [120, 400]),
    ...affine("fc2", [84, 120]),
    ...affine("fc3", [10, 84]),
  ];
  const first = 2 * batch * 6 * 28 * 28 * 25;
  const others = 2 * batch * (16 * 10 * 10 * 150 + 400 * 120 + 120 * 84 + 84 * 10);
  return train(
    "lenet-step",
    "6. Training step: LeNet-5",
    "batch 64, 1x28x28, Adam",
    "lenetStep",
    { batch, classes: 10 },
    parameters,
    [
      { name: "x", shape: [batches, batch, 1, 28, 28], fill: { kind: "uniform", low: 0, high: 1 } },
      { name: "y", shape: [batches, batch], fill: { kind: "int", below: 10 } },
    ],
    2 * first + 3 * others,
  );
}

function transformer(): Workload {
  const layers = 4, d = 128, heads = 4, context = 64, batch = 8, vocab = 96;
  const embed: Fill = { kind: "normal", std: 0.1 };
  const parameters: InputSpec[] = [
    { name: "tok.weight", shape: [vocab, d], fill: embed },
    { name: "pos.weight", shape: [context, d], fill: embed },
  ];
  for (let i = 0; i < layers; i++) {
    parameters.push(
      ...norm(`h${i}.ln1`, d),
      ...affine(`h${i}.qkv`, [3 * d, d]),
      ...affine(`h${i}.proj`, [d, d]),
      ...norm(`h${i}.ln2`, d),
      ...affine(`h${i}.fc`, [4 * d, d]),
      ...affine(`h${i}.out`, [d, 4 * d]),
    );
  }
  parameters.push(...norm("lnf", d), affine("head", [vocab, d])[0]);
  const tokens = batch * context;
  const forward = 2 * tokens * (layers * 12 * d * d + d * vocab) + layers * 4 * tokens * context * d;
  return train(
    "transformer-step",
    "7. Training step: transformer",
    "4 layers, d 128, 4 heads, context 64, batch 8, vocab 96, AdamW",
    "transformerStep",
    { layers, d, heads, context, batch, vocab },
    parameters,
    [
      { name: "x", shape: [batches, batch, context], fill: { kind: "int", below: vocab } },
      { name: "y", shape: [batches, batch, context], fill: { kind: "int", below: vocab } },
    ],
    3 * forward,
  );
}

const tokens = 8192, vocab = 4096, dim = 128;
const table: InputSpec = { name: "table", shape: [vocab, dim], fill: uniform };
const ids: InputSpec = { name: "ids", shape: [tokens], fill: { kind: "int", below: vocab, skew: 2 } };

const chainLength = 200;
function chain(id: string, label: string, op: OpName, inputs: InputSpec[]): Workload {
  return {
    id,
    group: "9. Host overhead",
    label,
    op,
    kind: "chain",
    size: { length: chainLength },
    inputs,
    tolerance: 1e-4,
    operations: chainLength,
  };
}
/** Alternating `x = x * a` and `x = x + b`, which tends to a fixed point. */
const pointwiseChain: InputSpec[] = [
  { name: "x", shape: [64], fill: uniform },
  { name: "a", shape: [64], fill: { kind: "uniform", low: 0.5, high: 0.95 } },
  { name: "b", shape: [64], fill: uniform },
];

export const workloads: Workload[] = [
  matmul("matmul-256", "256 x 256 x 256", 256, 256, 256),
  matmul("matmul-512", "512 x 512 x 512", 512, 512, 512),
  matmul("matmul-1024", "1024 x 1024 x 1024", 1024, 1024, 1024),
  matmul("matmul-tall", "128 x 784 x 256", 128, 784, 256),
  matmul("matmul-batched", "16 x (64 x 64 x 64)", 64, 64, 64, 16),
  matmul("matmul-512-f16", "512 x 512 x 512, f16 storage", 512, 512, 512, 1, "matmulF16"),

  conv("conv3x3", "3x3 forward, 8x32x32x32 to 64", "convForward", conv3),
  conv("conv3x3-dx", "3x3 gradient to input", "convInputGrad", conv3),
  conv("conv3x3-dw", "3x3 gradient to weights", "convWeightGrad", conv3),
  conv("conv1x1", "1x1 forward, 8x32x32x32 to 64", "convForward", { ...conv3, r: 1, pad: 0 }),
  conv("conv-lenet", "5x5 forward, 64x1x28x28 to 6", "convForward", { n: 64, c: 1, hw: 28, k: 6, r: 5, pad: 2 }),

  rows(
    "gelu-chain",
    "3. Pointwise",
    "gelu(x*a+b)+x, 4096x1024",
    "geluChain",
    [
      { name: "x", shape: [4096, 1024], fill: { kind: "normal", std: 1 } },
      { name: "a", shape: [1024], fill: uniform },
      { name: "b", shape: [1024], fill: uniform },
    ],
    { rows: 4096, cols: 1024 },
    2 * 4 * 4096 * 1024,
  ),
  rows(
    "bias-relu",
    "3. Pointwise",
    "relu(x+b), 1024x1024",
    "biasRelu",
    [
      { name: "x", shape: [1024, 1024], fill: uniform },
      { name: "b", shape: [1024], fill: uniform },
    ],
    { rows: 1024, cols: 1024 },
    2 * 4 * 1024 * 1024,
  ),

  rows("softmax", rowGroup, "softmax, 4096x512", "softmax", [x4096], { rows: r, cols: c }, 4 * 2 * r * c),
  rows(
    "softmax-grad",
    rowGroup,
    "softmax forward and backward",
    "softmaxGrad",
    [x4096, dy4096],
    { rows: r, cols: c },
    4 * 3 * r * c,
  ),
  rows(
    "layernorm",
    rowGroup,
    "layer norm, 4096x512",
    "layerNorm",
    [x4096, gamma, beta],
    { rows: r, cols: c },
    4 * 2 * r * c,
  ),
  rows(
    "layernorm-grad",
    rowGroup,
    "layer norm forward and backward",
    "layerNormGrad",
    [x4096, gamma, beta, dy4096],
    { rows: r, cols: c },
    4 * 3 * r * c,
  ),
  rows("sum-rows", rowGroup, "sum over rows, 4096x512 to 512", "sumRows", [x4096], { rows: r, cols: c }, 4 * r * c),
  rows("sum-cols", rowGroup, "sum over columns, 4096x512 to 4096", "sumCols", [x4096], { rows: r, cols: c }, 4 * r * c),
  rows(
    "cross-entropy",
    rowGroup,
    "cross-entropy and gradient, 1024x1000",
    "crossEntropyGrad",
    [
      { name: "logits", shape: [1024, 1000], fill: { kind: "normal", std: 2 } },
      { name: "labels", shape: [1024], fill: { kind: "int", below: 1000 } },
    ],
    { rows: 1024, cols: 1000 },
    2 * 4 * 1024 * 1000,
  ),

  mlp(),
  lenet(),
  transformer(),

  rows(
    "embedding",
    "8. Embedding",
    "gather 8192 of 4096x128",
    "embedding",
    [table, ids],
    { tokens, vocab, dim },
    2 * 4 * tokens * dim,
  ),
  rows(
    "embedding-grad",
    "8. Embedding",
    "gradient to the table (scatter-add)",
    "embeddingGrad",
    [
      table,
      ids,
      { name: "dy", shape: [tokens, dim], fill: uniform },
    ],
    { tokens, vocab, dim },
    4 * (tokens * dim + vocab * dim),
  ),

  chain("chain-eager", "200 pointwise ops on 64 elements, no compilation", "chainEager", pointwiseChain),
  chain("chain-compiled", "200 pointwise ops on 64 elements, best path", "chainPointwise", pointwiseChain),
  chain("chain-matmul", "200 products 8x8 times 8x8, best path", "chainMatmul", [
    { name: "x", shape: [8, 8], fill: uniform },
    { name: "w", shape: [8, 8], fill: { kind: "orthogonal" } },
  ]),
];

/** Deterministic numbers in [0, 1): a counter hashed with the seed (splitmix-like, 32 bits). */
function random(seed: string): () => number {
  let state = 2166136261;
  for (const char of seed) state = Math.imul(state ^ char.charCodeAt(0), 16777619);
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return ((z ^ (z >>> 16)) >>> 0) / 4294967296;
  };
}

/** Builds a workload's inputs. */
export function makeInputs(workload: Workload): Inputs {
  const inputs: Inputs = {};
  for (const spec of workload.inputs) inputs[spec.name] = makeInput(`${workload.id}/${spec.name}`, spec);
  return inputs;
}

function makeInput(seed: string, { shape, fill }: InputSpec): Float32Array | Int32Array {
  const next = random(seed);
  const length = product(shape);
  if (fill.kind === "int") {
    return Int32Array.from({ length }, () => Math.floor(fill.below * next() ** (fill.skew ?? 1)));
  }
  const out = new Float32Array(length);
  switch (fill.kind) {
    case "uniform":
      for (let i = 0; i < length; i++) out[i] = fill.low + (fill.high - fill.low) * next();
      break;
    case "normal":
      for (let i = 0; i < length; i++) {
        out[i] = fill.std * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
      }
      break;
    case "constant":
      out.fill(fill.value);
      break;
    case "orthogonal": {
      // A Householder reflection: I - 2 v vT / |v|^2.
      const n = shape[0];
      const v = Array.from({ length: n }, () => next() - 0.5);
      const square = v.reduce((sum, x) => sum + x * x, 0);
      for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) out[i * n + j] = +(i === j) - 2 * v[i] * v[j] / square;
      break;
    }
  }
  return out;
}

/** The shape of one of the workload's inputs. */
export function shapeOf(workload: Workload, name: string): number[] {
  const spec = workload.inputs.find((input) => input.name === name);
  if (!spec) throw new Error(`Workload ${workload.id} has no input ${name}`);
  return spec.shape;
}

// webgpu-torch 0.3.5 (2023): eager and naive; a floor for kernels and host overhead, not a rival.

// deno-lint-ignore-file no-explicit-any -- the library types what it is given more narrowly than what it takes
import type { Adaptor, Build, Case } from "../adaptor.ts";
import { notAvailable } from "../adaptor.ts";
import { type Inputs, shapeOf, type Workload } from "../workloads.ts";

let torch: any;

async function init(): Promise<void> {
  const log = console.log;
  console.log = () => {};
  const module: any = await import("webgpu-torch");
  torch = module.default ?? module;
  const started = await torch.initWebGPUAsync();
  console.log = log;
  if (!started) throw new Error("webgpu-torch did not start WebGPU");
}

function nested(data: ArrayLike<number>, shape: number[], at = 0): any {
  if (shape.length === 1) return Array.from({ length: shape[0] }, (_, i) => data[at + i]);
  const step = shape.slice(1).reduce((a, b) => a * b, 1);
  return Array.from({ length: shape[0] }, (_, i) => nested(data, shape.slice(1), at + i * step));
}

const tensor = (w: Workload, inputs: Inputs, name: string): any =>
  torch.tensor({ data: nested(inputs[name], shapeOf(w, name)), dtype: "float32" });

/** Results are left to the garbage collector: there is no way to release them. */
function call(name: string, f: () => any): Case {
  let last: any;
  return {
    run: () => {
      last = f();
    },
    sync: () => last.device.gpuDevice.queue.onSubmittedWorkDone(),
    outputs: async () => ({ [name]: (await f().toArrayAsync()).flat(Infinity) }),
  };
}

const matmul: Build = (w, inputs) => {
  const a = tensor(w, inputs, "a"), b = tensor(w, inputs, "b");
  return call("c", () => torch.mm(a, b));
};

const chain: Build = (w, inputs) => {
  const x = tensor(w, inputs, "x"), a = tensor(w, inputs, "a"), b = tensor(w, inputs, "b");
  return call("x", () => {
    let y = x;
    for (let i = 0; i < w.size.length; i++) y = i % 2 ? torch.add(y, b) : torch.mul(y, a);
    return y;
  });
};

const missing = notAvailable("no such op");
const noBroadcast = notAvailable("no broadcasting");
const noGradient = notAvailable("matrix products and convolutions have no gradient");

export default {
  name: "webgpu-torch",
  version: "0.3.5",
  notes: [
    "Eager. Memory cannot be released by the user.",
    "conv2d ignores its stride and padding arguments: only the 1x1 row can be run.",
  ],
  init,
  ops: {
    matmul: (w, inputs) => w.size.batch === 1 ? matmul(w, inputs) : notAvailable("no batched product"),
    matmulF16: notAvailable("f32 only"),
    convForward: (w, inputs) => {
      if (w.size.pad) return notAvailable("conv2d ignores its padding argument");
      const x = tensor(w, inputs, "x"), filter = tensor(w, inputs, "w");
      return call("y", () => torch.conv2d(x, filter));
    },
    convInputGrad: noGradient,
    convWeightGrad: noGradient,
    geluChain: noBroadcast,
    biasRelu: noBroadcast,
    softmax: missing,
    softmaxGrad: missing,
    layerNorm: missing,
    layerNormGrad: missing,
    sumRows: notAvailable("sum is over all elements only"),
    sumCols: notAvailable("sum is over all elements only"),
    crossEntropyGrad: missing,
    embedding: missing,
    embeddingGrad: missing,
    mlpStep: noGradient,
    lenetStep: noGradient,
    transformerStep: noGradient,
    chainEager: chain,
    chainPointwise: chain,
    chainMatmul: (w, inputs) => {
      const x = tensor(w, inputs, "x"), m = tensor(w, inputs, "w");
      return call("x", () => {
        let y = x;
        for (let i = 0; i < w.size.length; i++) y = torch.mm(y, m);
        return y;
      });
    },
  },
} satisfies Adaptor;

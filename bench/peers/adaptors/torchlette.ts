// torchlette, from a checkout of its repository (it has no npm release): set TORCHLETTE_DIR to the checkout.
//
// torchlette is lazy: operations build a graph that a step boundary (`markStep`) or a read executes. Graphs that recur
// are compiled into plans and replayed, from about the tenth step on. Backward and optimizer belong to the same graph
// inside `wholeStep`.

// deno-lint-ignore-file no-explicit-any -- the library types what it is given more narrowly than what it takes
import type { Adaptor, Build, Case, Outputs } from "../adaptor.ts";
import { notAvailable } from "../adaptor.ts";
import { adam, batches, type Inputs, layerNormEps, shapeOf, type Workload } from "../workloads.ts";

let T: any;
let api: any;
/** Whether the adapter's subgroups are what torchlette's kernels are written for. */
let lanes32 = false;

async function init(): Promise<void> {
  const folder = Deno.env.get("TORCHLETTE_DIR");
  if (!folder) throw new Error("TORCHLETTE_DIR is not set");
  const module = new URL(`file://${folder.replace(/\/$/, "")}/src/index.ts`).href;
  T = await import(module);
  // torchlette's kernels take subgroups to have 32 lanes (its sums, softmax and layer norm are wrong otherwise). Where
  // the adapter's are not 32 it gets, through its own `device` option, a device without that feature.
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("No adapter");
  const { requiredFeatures, requiredLimits } = T.webgpuDeviceRequirements(adapter);
  const { subgroupMinSize, subgroupMaxSize } = adapter.info as any;
  lanes32 = subgroupMinSize === 32 && subgroupMaxSize === 32;
  const device = lanes32 ? undefined : await adapter.requestDevice({
    requiredFeatures: requiredFeatures.filter((feature: string) => feature !== "subgroups"),
    requiredLimits,
  });
  if (!await T.initWebGPU(device ? { device } : undefined)) {
    throw new Error(`torchlette did not start WebGPU: ${T.getWebGPUInitError()}`);
  }
  api = new T.Torchlette("webgpu", { enableFusion: true });
}

function tensor(data: any, shape: number[], options: Record<string, unknown> = {}): any {
  return api.tensorFromArray(data, shape, options);
}

function load(w: Workload, inputs: Inputs, trained: string[] = []): any {
  const tensors: any = {};
  for (const { name, shape, fill } of w.inputs) {
    // Registered as state: otherwise the end of the first step would reclaim it.
    tensors[name] = api.registerState(
      tensor(inputs[name], shape, {
        requiresGrad: trained.includes(name),
        ...(fill.kind === "int" ? { dtype: "i32" } : {}),
      }),
    );
  }
  return tensors;
}

/** A pure function; `markStep` executes its graph and waits for the device. */
function call(f: () => any): Case {
  return {
    async run() {
      const results = api.noGrad(f);
      await api.markStep();
      for (const result of Object.values<any>(results)) result.dispose();
    },
    sync: () => Promise.resolve(),
    async outputs() {
      const out: Outputs = {};
      for (const [name, result] of Object.entries<any>(api.noGrad(f))) out[name] = await result.cpu();
      await api.markStep();
      return out;
    },
  };
}

const simple = (f: (t: any, w: Workload) => any): Build => (w, inputs) => {
  const tensors = load(w, inputs);
  return call(() => f(tensors, w));
};

/** A forward and a backward pass; results are the gradients of the trained inputs and what `forward` names. */
function gradient(
  w: Workload,
  inputs: Inputs,
  trained: string[],
  forward: (t: any) => { of: any; with?: any; keep?: any },
): Case {
  const tensors = load(w, inputs, trained);
  const once = async (read?: (name: string, value: any) => Promise<void>) => {
    const named: Record<string, any> = {};
    await api.beginStep();
    await api.wholeStep(async () => {
      const { of, with: cotangent, keep = {} } = forward(tensors);
      // Backward disposes of what it consumed; a detached copy lives until the boundary.
      for (const name of Object.keys(keep)) named[name] = api.registerState(api.noGrad(() => api.mul(keep[name], 1)));
      await of.backward(cotangent);
      // Without this the boundary would compute a forward result that nobody reads.
      if (!of.disposed) of.dispose();
    });
    for (const name of trained) named[`d${name}`] = tensors[name].grad;
    if (read) { for (const [name, value] of Object.entries(named)) await read(name, value); }
    api.endStep();
    await api.markStep();
    // Only now: a gradient that is cleared before the boundary is never computed.
    for (const name of trained) tensors[name].zeroGrad();
    for (const name of Object.keys(named)) if (!trained.includes(name.slice(1))) named[name].dispose();
  };
  return {
    run: () => once(),
    sync: () => Promise.resolve(),
    async outputs() {
      const out: Outputs = {};
      await once(async (name, value) => {
        out[name] = await value.cpu();
      });
      return out;
    },
  };
}

const part = (inputs: Inputs, name: "x" | "y", i: number): any =>
  inputs[name].slice(i * inputs[name].length / batches, (i + 1) * inputs[name].length / batches);

function training(
  w: Workload,
  inputs: Inputs,
  batch: (index: number) => [any, any],
  loss: (p: any, x: any, y: any) => any,
  weightDecay = 0,
): Case {
  const p: any = {};
  for (const name of w.parameters!) {
    p[name] = api.registerState(tensor(inputs[name], shapeOf(w, name), { requiresGrad: true }));
  }
  const data = Array.from({ length: batches }, (_, i) => batch(i).map((t) => api.registerState(t)));
  const optimizer = new T.Adam(
    Object.values(p),
    { lr: adam.lr, betas: [adam.beta1, adam.beta2], eps: adam.eps, weightDecay, adamW: weightDecay > 0 },
    api,
  );
  let last: any = null;
  return {
    async run(step) {
      const [x, y] = data[step % batches];
      await api.beginStep();
      await api.wholeStep(async () => {
        const value = api.tidy(() => {
          const value = loss(p, x, y);
          api.keep(value);
          return value;
        });
        // Backward disposes of the loss: a detached copy is what can be read after the boundary.
        last?.dispose();
        last = api.registerState(api.noGrad(() => api.mul(value, 1)));
        await value.backward();
        optimizer.step();
        optimizer.zeroGrad();
      });
      api.endStep();
      await api.markStep();
    },
    sync: () => Promise.resolve(),
    outputs: async () => ({ loss: [await last.item()] }),
  };
}

const dense = (p: any, x: any, name: string): any => api.linear(x, p[`${name}.weight`], p[`${name}.bias`] ?? null);

const mlpStep: Build = (w, inputs) => {
  const { batch } = w.size;
  return training(
    w,
    inputs,
    (i) => [tensor(part(inputs, "x", i), [batch, 784]), tensor(part(inputs, "y", i), [batch], { dtype: "i32" })],
    (p, x, y) => T.nn.crossEntropy(api, dense(p, dense(p, dense(p, x, "fc1").relu(), "fc2").relu(), "fc3"), y),
  );
};

const transformerStep: Build = (w, inputs) => {
  const { layers, d, heads, context, batch, vocab } = w.size;
  const size = d / heads;
  const mask = api.registerState(
    tensor(
      Float32Array.from({ length: context * context }, (_, i) => i % context > Math.floor(i / context) ? -1e9 : 0),
      [
        1,
        1,
        context,
        context,
      ],
    ),
  );
  // Where subgroups are not of 32 lanes the fused attention gives wrong rows after the eighth: then the decomposed
  // form, as torchlette's own GPT-2 has it for the cases that its kernel does not cover.
  const attention = (q: any, k: any, v: any) =>
    lanes32
      ? api.scaledDotProductAttention(q, k, v, 1 / Math.sqrt(size), true)
      : api.add(q.matmul(k.transpose({ dim0: 2, dim1: 3 })).mul(1 / Math.sqrt(size)), mask).softmax(-1).matmul(v);
  const place = api.registerState(
    tensor(Int32Array.from({ length: context }, (_, i) => i), [1, context], { dtype: "i32" }),
  );
  return training(
    w,
    inputs,
    (i) => [
      tensor(part(inputs, "x", i), [batch, context], { dtype: "i32" }),
      tensor(part(inputs, "y", i), [batch * context], { dtype: "i32" }),
    ],
    (p, x, y) => {
      const norm = (x: any, name: string) => api.layernorm(x, p[`${name}.weight`], p[`${name}.bias`], layerNormEps);
      let h = api.add(api.embedding(p["tok.weight"], x), api.embedding(p["pos.weight"], place));
      for (let i = 0; i < layers; i++) {
        const split = dense(p, norm(h, `h${i}.ln1`), `h${i}.qkv`).chunk(3, -1);
        const [q, k, v] = split.map((t: any) =>
          t.reshape([batch, context, heads, size]).permute([0, 2, 1, 3]).contiguous()
        );
        const mixed = attention(q, k, v);
        h = api.add(h, dense(p, mixed.permute([0, 2, 1, 3]).contiguous().reshape([batch, context, d]), `h${i}.proj`));
        h = api.add(h, dense(p, dense(p, norm(h, `h${i}.ln2`), `h${i}.fc`).gelu(), `h${i}.out`));
      }
      return T.nn.crossEntropy(api, dense(p, norm(h, "lnf"), "head").reshape([batch * context, vocab]), y);
    },
    adam.weightDecay,
  );
};

const pointwise: Build = simple(({ x, a, b }, w) => {
  for (let i = 0; i < w.size.length; i++) x = i % 2 ? api.add(x, b) : api.mul(x, a);
  return { x };
});

const noConv = notAvailable("conv2d is a backend kernel without a public op or a gradient");

export default {
  name: "torchlette",
  version: "0.0.0 (git 926e025)",
  notes: [
    "enableFusion; training steps inside wholeStep between beginStep and markStep, so one graph holds forward, backward and the fused Adam.",
    "markStep waits for the device, so every iteration is synchronous.",
    "Where the adapter's subgroups are not of 32 lanes: a device without `subgroups` (its sums, softmax and layer norm are wrong with them) and decomposed attention (its fused attention is wrong with and without them).",
  ],
  init,
  ops: {
    matmul: simple(({ a, b }) => ({ c: api.matmul(a, b) })),
    matmulF16: (w, inputs) => {
      const { a, b } = load(w, inputs);
      const half = [api.registerState(api.toDtype(a, "f16")), api.registerState(api.toDtype(b, "f16"))];
      return call(() => ({ c: api.matmul(half[0], half[1]) }));
    },
    convForward: noConv,
    convInputGrad: noConv,
    convWeightGrad: noConv,
    geluChain: simple(({ x, a, b }) => ({ y: api.add(api.gelu(api.add(api.mul(x, a), b)), x) })),
    biasRelu: simple(({ x, b }) => ({ y: api.relu(api.add(x, b)) })),
    softmax: simple(({ x }) => ({ y: api.softmax(x, -1) })),
    softmaxGrad: (w, inputs) => gradient(w, inputs, ["x"], ({ x, dy }) => ({ of: api.softmax(x, -1), with: dy })),
    layerNorm: simple(({ x, gamma, beta }) => ({ y: api.layernorm(x, gamma, beta, layerNormEps) })),
    layerNormGrad: (w, inputs) =>
      gradient(
        w,
        inputs,
        ["x", "gamma", "beta"],
        ({ x, gamma, beta, dy }) => ({ of: api.layernorm(x, gamma, beta, layerNormEps), with: dy }),
      ),
    sumRows: simple(({ x }) => ({ y: api.sum(x, { dim: 0 }) })),
    sumCols: simple(({ x }) => ({ y: api.sum(x, { dim: 1 }) })),
    crossEntropyGrad: (w, inputs) =>
      gradient(w, inputs, ["logits"], ({ logits, labels }) => {
        const loss = T.nn.crossEntropy(api, logits, labels);
        return { of: loss, keep: { loss } };
      }),
    embedding: simple(({ table, ids }) => ({ y: api.embedding(table, ids) })),
    embeddingGrad: (w, inputs) =>
      gradient(w, inputs, ["table"], ({ table, ids, dy }) => ({ of: api.embedding(table, ids), with: dy })),
    mlpStep,
    lenetStep: noConv,
    transformerStep,
    chainEager: pointwise,
    chainPointwise: pointwise,
    chainMatmul: simple(({ x, w: m }, { size }) => {
      for (let i = 0; i < size.length; i++) x = api.matmul(x, m);
      return { x };
    }),
  },
} satisfies Adaptor;

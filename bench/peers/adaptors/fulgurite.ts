// Fulgurite itself, used as its documentation tells users to: functions of tensors under `capture`, gradients by `grad`
// and `backward`, optimizers of `optim`.

import type { Adaptor, Build, Case, Outputs } from "../adaptor.ts";
import { layerNormEps } from "../workloads.ts";
import config from "../../../deno.json" with { type: "json" };
import { type Fulgurite, leafOf, load, type Tensors } from "./fulgurite_common.ts";
import { lenet, mlp, training, transformer } from "./fulgurite_models.ts";

let fg: Fulgurite;

async function init(): Promise<void> {
  const core = await import("../../../mod.ts");
  fg = { ...core, optim: await import("../../../optim/mod.ts") };
  // The WebGPU that the harness has put in place; Fulgurite would open a Dawn of its own, which the harness could not
  // watch.
  await core.init({ backend: "deno" });
}

async function read(tensors: Tensors): Promise<Outputs> {
  const out: Outputs = {};
  for (const [name, t] of Object.entries(tensors)) out[name] = Float32Array.from(await t.data());
  return out;
}

/**
 * A function of tensors, captured: recorded by the first call and replayed by later ones. A scope frees the results.
 */
function call(f: () => Tensors): Case {
  const captured = fg.capture(f);
  return {
    run: () => fg.scope(() => void captured()),
    sync: () => fg.device().sync(),
    outputs: () => fg.scope(() => read(captured())),
  };
}

/** A function of the workload's inputs, uploaded. */
const pure = (f: (inputs: Tensors, size: Record<string, number>) => Tensors): Build => (w, inputs) => {
  const tensors = load(fg, w, inputs);
  return call(() => f(tensors, w.size));
};

/** Gradients of `f` at some of the inputs, for the gradient `dy` of its result. */
const gradient = (names: string[], f: (inputs: Tensors) => Tensors[string]): Build => (w, inputs) => {
  const tensors = load(fg, w, inputs);
  const leaves = names.map((name) => tensors[name] = leafOf(tensors[name]));
  return call(() => {
    const gradients = fg.grad(f(tensors), leaves, { gradOutputs: tensors.dy });
    return Object.fromEntries(names.map((name, i) => [`d${name}`, gradients[i]!]));
  });
};

const convWeightGrad: Build = (w, inputs) => {
  const { k, c, r, pad } = w.size;
  const { x, dy } = load(fg, w, inputs);
  const weight = fg.zeros([k, c, r, r], { requiresGrad: true });
  return call(() => {
    const [dw] = fg.grad(fg.conv2d(x, weight, { padding: pad }), weight, { gradOutputs: dy });
    return { dw: dw! };
  });
};

const crossEntropyGrad: Build = (w, inputs) => {
  const { logits, labels } = load(fg, w, inputs);
  const leaf = leafOf(logits);
  return call(() => {
    const loss = fg.crossEntropy(leaf, labels);
    const [dlogits] = fg.grad(loss, leaf);
    return { loss, dlogits: dlogits! };
  });
};

/** 200 dependent operations. */
function pointwise({ x, a, b }: Tensors, { length }: Record<string, number>): Tensors {
  for (let i = 0; i < length; i++) x = i % 2 ? fg.add(x, b) : fg.mul(x, a);
  return { x };
}

/** The same, each recorded by itself: asking for a tensor's buffer keeps the next operation from taking it in. */
const chainEager: Build = (w, inputs) => {
  const { x, a, b } = load(fg, w, inputs);
  const chain = () => {
    let y = x;
    for (let i = 0; i < w.size.length; i++) {
      y = i % 2 ? fg.add(y, b) : fg.mul(y, a);
      void y.storage.buffer;
    }
    return { x: y };
  };
  return {
    run: () => fg.scope(() => void chain()),
    sync: () => fg.device().sync(),
    outputs: () => fg.scope(() => read(chain())),
  };
};

export default {
  name: "Fulgurite",
  version: config.version,
  notes: [
    "capture around every function but the chain without compilation; a training step is one captured function.",
    "No option differs from its default.",
  ],
  init,
  ops: {
    matmul: pure(({ a, b }) => ({ c: fg.matmul(a, b) })),
    matmulF16: (w, inputs) => {
      const { a, b } = load(fg, w, inputs);
      const halves = [fg.to(a, "f16"), fg.to(b, "f16")];
      for (const t of halves) void t.storage.buffer;
      return call(() => ({ c: fg.matmul(halves[0], halves[1]) }));
    },

    convForward: pure(({ x, w }, { pad }) => ({ y: fg.conv2d(x, w, { padding: pad }) })),
    // The gradient of a convolution to its input is the transposed convolution.
    convInputGrad: pure(({ w, dy }, { pad }) => ({ dx: fg.convTranspose2d(dy, w, { padding: pad }) })),
    convWeightGrad,

    geluChain: pure(({ x, a, b }) => ({
      y: fg.add(fg.gelu(fg.add(fg.mul(x, a), b), { approximate: "tanh" }), x),
    })),
    biasRelu: pure(({ x, b }) => ({ y: fg.relu(fg.add(x, b)) })),

    softmax: pure(({ x }) => ({ y: fg.softmax(x, { dim: -1 }) })),
    softmaxGrad: gradient(["x"], ({ x }) => fg.softmax(x, { dim: -1 })),
    layerNorm: pure(({ x, gamma, beta }, { cols }) => ({
      y: fg.layerNorm(x, { normalizedShape: [cols], weight: gamma, bias: beta, eps: layerNormEps }),
    })),
    layerNormGrad: gradient(
      ["x", "gamma", "beta"],
      ({ x, gamma, beta }) =>
        fg.layerNorm(x, { normalizedShape: gamma.shape, weight: gamma, bias: beta, eps: layerNormEps }),
    ),
    sumRows: pure(({ x }) => ({ y: fg.sum(x, { dim: 0 }) })),
    sumCols: pure(({ x }) => ({ y: fg.sum(x, { dim: 1 }) })),
    crossEntropyGrad,

    embedding: pure(({ table, ids }) => ({ y: fg.embedding(ids, table) })),
    // What the gradient of an embedding does; asking for that through `grad` would look the rows up first.
    embeddingGrad: pure(({ ids, dy }, { vocab, dim }) => ({
      dtable: fg.indexAdd(fg.zeros([vocab, dim]), ids, dy, { dim: 0 }),
    })),

    mlpStep: (w, inputs) => training(fg, w, inputs, mlp(fg)),
    lenetStep: (w, inputs) => training(fg, w, inputs, lenet(fg)),
    transformerStep: (w, inputs) => training(fg, w, inputs, transformer(fg, w.size), "AdamW"),

    chainEager,
    chainPointwise: pure(pointwise),
    chainMatmul: pure(({ x, w }, { length }) => {
      for (let i = 0; i < length; i++) x = fg.matmul(x, w);
      return { x };
    }),
  },
} satisfies Adaptor;

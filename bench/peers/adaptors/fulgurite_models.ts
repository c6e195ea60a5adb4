// Fulgurite's training steps: models as functions of named parameters, gradients by `backward`, Adam from `optim`.

import type { Case } from "../adaptor.ts";
import { adam, batches, type Inputs, shapeOf, type Workload } from "../workloads.ts";
import { type Fulgurite, type Tensor, type Tensors, upload } from "./fulgurite_common.ts";

/** Logits, one row a label, from parameters and a batch. */
type Model = (parameters: Tensors, x: Tensor) => Tensor;

const dense = (fg: Fulgurite, p: Tensors, name: string, x: Tensor): Tensor =>
  fg.linear(x, p[`${name}.weight`], { bias: p[`${name}.bias`] });

export const mlp = (fg: Fulgurite): Model => (p, x) => {
  const hidden = fg.relu(dense(fg, p, "fc2", fg.relu(dense(fg, p, "fc1", x))));
  return dense(fg, p, "fc3", hidden);
};

export const lenet = (fg: Fulgurite): Model => (p, x) => {
  const stage = (x: Tensor, name: string, padding: number) => {
    const y = fg.conv2d(x, p[`${name}.weight`], { bias: p[`${name}.bias`], padding });
    return fg.maxPool2d(fg.relu(y), { kernelSize: 2 });
  };
  let h = fg.flatten(stage(stage(x, "conv1", 2), "conv2", 0), { startDim: 1 });
  for (const name of ["fc1", "fc2"]) h = fg.relu(dense(fg, p, name, h));
  return dense(fg, p, "fc3", h);
};

export const transformer = (fg: Fulgurite, { layers, d, heads, context, batch }: Record<string, number>): Model => {
  const norm = (p: Tensors, name: string, x: Tensor) =>
    fg.layerNorm(x, { normalizedShape: [d], weight: p[`${name}.weight`], bias: p[`${name}.bias`] });
  return (p, x) => {
    let h = fg.add(fg.embedding(x, p["tok.weight"]), p["pos.weight"]);
    for (let i = 0; i < layers; i++) {
      const qkv = dense(fg, p, `h${i}.qkv`, norm(p, `h${i}.ln1`, h));
      const mixed = fg.packedAttention(qkv, { numHeads: heads, isCausal: true });
      h = fg.add(h, dense(fg, p, `h${i}.proj`, mixed));
      const wide = fg.gelu(dense(fg, p, `h${i}.fc`, norm(p, `h${i}.ln2`, h)), { approximate: "tanh" });
      h = fg.add(h, dense(fg, p, `h${i}.out`, wide));
    }
    return fg.linear(fg.reshape(norm(p, "lnf", h), [batch * context, d]), p["head.weight"]);
  };
};

/** Forward, backward and update, one batch after another. */
export function training(
  fg: Fulgurite,
  w: Workload,
  inputs: Inputs,
  model: Model,
  rule: "Adam" | "AdamW" = "Adam",
): Case {
  const parameters = Object.fromEntries(
    w.parameters!.map((name) => [name, upload(fg, inputs[name], shapeOf(w, name), { requiresGrad: true })]),
  );
  const part = (name: string, batch: number, shape: number[]): Tensor => {
    const size = inputs[name].length / batches;
    return upload(fg, inputs[name].slice(batch * size, (batch + 1) * size), shape);
  };
  const data = Array.from({ length: batches }, (_, batch) => ({
    x: part("x", batch, shapeOf(w, "x").slice(1)),
    y: part("y", batch, [inputs.y.length / batches]),
  }));
  const optimizer = new fg.optim[rule](Object.values(parameters), {
    lr: adam.lr,
    betas: [adam.beta1, adam.beta2],
    eps: adam.eps,
    ...(rule === "AdamW" ? { weightDecay: adam.weightDecay } : {}),
  });
  const step = fg.capture((x: Tensor, y: Tensor) => {
    const loss = fg.crossEntropy(model(parameters, x), y);
    optimizer.zeroGrad();
    fg.backward(loss);
    optimizer.step();
    return loss;
  });
  let last: Tensor | null = null;
  return {
    run(index) {
      const { x, y } = data[index % batches];
      last?.dispose();
      last = step(x, y);
    },
    sync: () => fg.device().sync(),
    outputs: async () => ({ loss: Float32Array.from(await last!.data()) }),
  };
}

/**
 * Modules that were brought into another type compute with the new parameters and buffers, not with those from before.
 */
import { assert, assertEquals } from "@std/assert";
import { backward, randn, select, sum, type Tensor, to } from "../mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import {
  Embedding,
  GRU,
  LSTM,
  type Module,
  MultiheadAttention,
  RNNCell,
  RotaryEmbedding,
  SinusoidalPositions,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
} from "./mod.ts";

const LAYER = { dimFeedforward: 16, dropout: 0, batchFirst: true };

const MODULES: Record<string, () => { module: Module<never, unknown>; run: (x: Tensor) => Tensor }> = {
  attention: () => {
    const module = new MultiheadAttention(8, 2, { batchFirst: true });
    return { module, run: (x) => module.forward(x, x, x)[0] };
  },
  "attention without weights": () => {
    const module = new MultiheadAttention(8, 2, { batchFirst: true });
    return { module, run: (x) => module.forward(x, x, x, { needWeights: false })[0] };
  },
  "attention to others": () => {
    const module = new MultiheadAttention(8, 2, { kdim: 8, vdim: 8, batchFirst: true });
    return { module, run: (x) => module.forward(x, to(x, x.dtype).add(0), x, { needWeights: false })[0] };
  },
  encoder: () => {
    const module = new TransformerEncoderLayer(8, 2, LAYER);
    return { module, run: (x) => module.forward(x) };
  },
  decoder: () => {
    const module = new TransformerDecoderLayer(8, 2, LAYER);
    return { module, run: (x) => module.forward(x, x) };
  },
  LSTM: () => {
    const module = new LSTM(8, 5, { batchFirst: true, bidirectional: true, numLayers: 2 });
    return { module, run: (x) => module.forward(x)[0] };
  },
  GRU: () => {
    const module = new GRU(8, 5);
    return { module, run: (x) => module.forward(x, null, { lengths: [2, 1, 2, 2] })[0] };
  },
  RNNCell: () => {
    const module = new RNNCell(8, 5);
    return { module, run: (x) => module.forward(select(x, { dim: 0, index: 1 })) };
  },
  rotary: () => {
    const module = new RotaryEmbedding(8, { maxLength: 8 });
    return { module, run: (x) => module.forward(x) };
  },
  sinusoidal: () => {
    const module = new SinusoidalPositions(8, { maxLength: 8 });
    return { module, run: (x) => module.forward(x) };
  },
};

gpuTest("modules work after `to`, with gradients in the new type", async () => {
  for (const [name, make] of Object.entries(MODULES)) {
    const { module, run } = make();
    const x = to(randn([2, 4, 8]), "bf16");
    const want = await run(to(x, "f32")).data();
    module.to("bf16");
    const y = run(x);
    assertEquals(y.dtype, "bf16", name);
    const got = await y.data();
    want.forEach((v, i) => assert(Math.abs(got[i] - v) < 0.1, `${name}: ${got[i]} at ${i}, want ${v}`));
    if (y.requiresGrad) backward(sum(y));
    for (const [key, p] of module.namedParameters()) assertEquals(p.grad?.dtype, "bf16", `${name}.${key}`);
    for (const p of module.parameters()) p.grad!.dispose(), p.grad = null;
    module.dispose();
  }
  using table = new Embedding(4, 2);
  assertEquals(table.to("f16").weight.dtype, "f16");
});

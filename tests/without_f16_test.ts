/**
 * Adapters without `shader-f16`: no kernel asks for the feature, so a device that was opened without any feature, and
 * with the limits that every adapter has, gives the same bits as one with all of them.
 */
import { assert, assertEquals } from "@std/assert";
import { findAdapter } from "../device/adapter.ts";
import { Device, setDevice } from "../device/mod.ts";
import {
  add,
  backward,
  conv2d,
  crossEntropy,
  embedding,
  exp,
  layerNorm,
  matmul,
  maxPool2d,
  mul,
  scaledDotProductAttention,
  scope,
  slice,
  softmax,
  sum,
  type Tensor,
  tensor,
  to,
} from "../mod.ts";
import { autocast } from "../tensor/autocast.ts";
import { Adam, GradScaler } from "../optim/mod.ts";
import { gpuTest, leavesNothing } from "../testing/gpu.ts";
import { random } from "../testing/reference.ts";

const draw = (shape: number[], seed: number): Tensor => {
  const { normal } = random(seed);
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => normal());
  return to(tensor(values, { shape }), "f16");
};

const indices = (count: number, size: number) => tensor(Int32Array.from({ length: count }, (_, i) => i * 5 % size));

/** What is computed in f16, with gradients for the first operand. */
const OPS: Record<string, (x: Tensor, w: Tensor) => Tensor> = {
  chain: (x, w) => exp(mul(add(x, w), 0.25)),
  matmul: (x, w) => matmul(x, w.transpose(0, 1)),
  conv: (x, w) => conv2d(x.reshape([1, 2, 8, 4]), w.reshape([4, 2, 4, 2]), { padding: 1 }),
  softmax: (x) => softmax(x, { dim: 1 }),
  layerNorm: (x, w) => layerNorm(x, { normalizedShape: [8], weight: slice(w, { end: 1 }).reshape([8]) }),
  maxPool: (x) => maxPool2d(x.reshape([2, 8, 4]), { kernelSize: 2 }),
  attention: (x, w) =>
    scaledDotProductAttention(x.reshape([1, 1, 8, 8]), w.reshape([1, 1, 8, 8]), x.reshape([1, 1, 8, 8])),
  embedding: (x) => embedding(indices(6, 8), x),
  crossEntropy: (x) => crossEntropy(x, indices(8, 8)),
};

/** Bits of results and gradients of all ops, and of a step under autocast with a scaled loss. */
async function allBits(): Promise<Record<string, number[]>> {
  const found: Record<string, number[]> = {};
  const keep = async (name: string, t: Tensor) => found[name] = [...new Uint8Array(await t.bytes())];
  for (const [name, op] of Object.entries(OPS)) {
    const x = draw([8, 8], 1), w = draw([8, 8], 2);
    x.requiresGrad = true;
    const y = op(x, w);
    assertEquals(y.dtype, "f16", name);
    backward(sum(y));
    await keep(name, y);
    await keep(`${name}, gradient`, x.grad!);
    x.grad!.dispose();
    x.grad = null;
  }
  const w = to(draw([8, 8], 3), "f32");
  w.requiresGrad = true;
  using optimizer = new Adam([w], { lr: 0.1 });
  using scaler = new GradScaler();
  for (const seed of [4, 5]) {
    scope(() => {
      backward(scaler.scale(autocast("f16", () => crossEntropy(matmul(draw([8, 8], seed), w), indices(8, 8)))));
      scaler.step(optimizer);
      scaler.update();
      optimizer.zeroGrad();
    });
  }
  await keep("trained", w);
  return found;
}

gpuTest("f16 is stored and computed alike with and without shader-f16", async (first) => {
  const want = await allBits();
  assert(Object.values(want).every((bytes) => bytes.length > 0));
  const { adapter } = await findAdapter({ backend: first.info.backend });
  const gpu = await adapter.requestDevice({ label: "without features" });
  assertEquals(gpu.features.has("shader-f16"), false);
  const bare = new Device(gpu, first.info);
  setDevice(bare);
  try {
    await leavesNothing(bare, "f16 without shader-f16", async () => {
      const got = await allBits();
      for (const name in want) assertEquals(got[name], want[name], name);
    }, 4096);
  } finally {
    setDevice(first);
    bare.destroy();
  }
});

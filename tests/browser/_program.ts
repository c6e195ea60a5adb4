/**
 * What the browser tests run in two places: bundled in a page on `navigator.gpu`, and headless on this machine's
 * adapter. It names nothing of either host.
 */
import {
  add,
  backward,
  cat,
  conv2d,
  crossEntropy,
  cumsum,
  dropout,
  eq,
  gelu,
  init,
  layerNorm,
  manualSeed,
  matmul,
  max,
  mean,
  mul,
  pad,
  permute,
  randint,
  randn,
  relu,
  scope,
  slice,
  softmax,
  sum,
  type Tensor,
  tensor,
  to,
  variance,
  where,
} from "../../mod.ts";
import { parseSafetensors } from "../../tensor/safetensors.ts";

/** A tensor as plain numbers, which survive the way out of a page. */
export interface Numbers {
  shape: number[];
  dtype: string;
  data: number[];
}

/** What {@link runOps} gives: by case, its result and the gradients of its inputs. */
export type OpResults = Record<string, Numbers[]>;

/** Numbers in −1 … 1 that are the same on every engine: a multiplicative generator on 31 bits. */
function numbers(count: number, seed: number): Float32Array {
  let state = seed * 48_271 % 0x7fffffff;
  return Float32Array.from({ length: count }, () => {
    state = state * 48_271 % 0x7fffffff;
    return 2 * state / 0x7fffffff - 1;
  });
}

async function plain(x: Tensor): Promise<Numbers> {
  return { shape: [...x.shape], dtype: x.dtype, data: Array.from(await x.data(), Number) };
}

/** A case: the shapes of its inputs, and what is computed of them. Only results in f32 are differentiated. */
type Case = [shapes: number[][], fn: (...inputs: Tensor[]) => Tensor];

const CASES: Record<string, Case> = {
  "matmul, add, relu": [[[33, 50], [50, 17], [17]], (x, w, b) => relu(add(matmul(x, w), b))],
  "batched matmul": [[[3, 9, 20], [20, 5]], (x, w) => matmul(x, w)],
  "a fused chain with broadcasts": [[[4, 1, 65], [7, 1]], (x, y) => mul(gelu(add(x, y)), add(x, 2))],
  "softmax": [[[5, 129]], (x) => softmax(mul(x, 10), { dim: 1 })],
  "layerNorm": [[[6, 48], [48], [48]], (x, weight, bias) => layerNorm(x, { normalizedShape: [48], weight, bias })],
  "conv2d": [
    [[2, 3, 9, 11], [8, 3, 3, 3], [8]],
    (x, w, bias) => conv2d(x, w, { bias, stride: 2, padding: 1 }),
  ],
  "grouped conv2d": [[[1, 4, 7, 7], [4, 2, 3, 3]], (x, w) => conv2d(x, w, { groups: 2, dilation: 2, padding: 2 })],
  "crossEntropy": [[[7, 10]], (x) => crossEntropy(x, tensor([1, 9, 0, 3, 3, 7, 2]), { labelSmoothing: 0.1 })],
  "mean over two axes": [[[5, 6, 70]], (x) => mean(x, { dim: [0, 2] })],
  "variance": [[[3, 200]], (x) => variance(x, { dim: 1 })],
  "a sum of 100,000": [[[100_000]], (x) => sum(x)],
  "max with its place": [[[4, 33]], (x) => max(x, { dim: 1 })[0]],
  "cumsum": [[[3, 77]], (x) => cumsum(x, { dim: 1 })],
  "layout": [
    [[2, 3, 5], [2, 4, 5]],
    (x, y) =>
      pad(permute(slice(cat([x, y], { dim: 1 }), { dim: 1, start: 1, end: 6 }), [2, 0, 1]), [1, 2], { value: 3 }),
  ],
  "where": [[[65], [65]], (x, y) => where(eq(to(mul(x, 3), "i32"), 0), x, y)],
  "rounded to bf16": [[[131]], (x) => to(mul(to(x, "bf16"), 3), "f32")],
  "rounded to f16": [[[131]], (x) => to(mul(to(x, "f16"), 3), "f32")],
  "dropout": [[[300]], (x) => dropout(x, { p: 0.4 })],
  "normal numbers": [[[1]], (x) => add(mul(x, 0), randn([257]))],
  "whole numbers": [[[1]], (x) => add(mul(to(x, "i32"), 0), randint(-5, 1000, [257]))],
};

/** Computes every case and, where its result is f32, the gradients of its inputs. */
export async function runOps(): Promise<OpResults> {
  await init();
  manualSeed(7);
  const results: OpResults = {};
  for (const [index, [name, [shapes, fn]]] of Object.entries(CASES).entries()) {
    results[name] = await scope(async () => {
      const inputs = shapes.map((shape, i) =>
        tensor(numbers(shape.reduce((a, b) => a * b, 1), 10 * index + i + 1), { shape, requiresGrad: true })
      );
      const y = fn(...inputs);
      if (y.dtype !== "f32") return [await plain(y)];
      // Weighted, so that the gradient tells the elements of the result apart.
      backward(sum(mul(y, tensor(numbers(y.numel, index + 1000), { shape: y.shape }))));
      const gradients = inputs.map(({ grad }) => grad).filter((grad) => grad !== null);
      return await Promise.all([y, ...gradients].map(plain));
    });
  }
  return results;
}

/** Names, shapes and sums of the tensors in a safetensors file, added up on the device. */
export async function sumSafetensors(bytes: Uint8Array): Promise<Record<string, Numbers>> {
  await init();
  const sums: Record<string, Numbers> = {};
  for (const [name, host] of parseSafetensors(bytes).tensors) {
    if (host.dtype !== "f32") continue;
    const total = await scope(async () => await sum(tensor(host)).item());
    sums[name] = { shape: [...host.shape], dtype: host.dtype, data: [total] };
  }
  return sums;
}

import { assertThrows } from "@std/assert";
import {
  argmax,
  crossEntropy,
  dropout,
  flatten,
  matmul,
  mean,
  mseLoss,
  reshape,
  scaledDotProductAttention,
  softmax,
  type Tensor,
  tensor,
  transpose,
} from "../mod.ts";
import { BatchNorm1d, Conv2d, Embedding, LayerNorm, Linear, type Module } from "../nn/mod.ts";
import { gpuTest } from "../testing/gpu.ts";

gpuTest("a list in a tensor's place is named as one, by every function that a batch may reach first", () => {
  const x = tensor([[1, 2.5]]), list = [x, x, x, x] as unknown as Tensor;
  const through = (layer: Module<[Tensor], Tensor>) => {
    using made = layer;
    return made.forward(list);
  };
  const functions: Record<string, () => unknown> = {
    linear: () => through(new Linear(1, 1)),
    matmul: () => matmul(list, x),
    mean: () => mean(list),
    conv2d: () => through(new Conv2d(1, 1, 1)),
    layerNorm: () => through(new LayerNorm([1])),
    BatchNorm1d: () => through(new BatchNorm1d(1)),
    embedding: () => through(new Embedding(3, 2)),
    reshape: () => reshape(list, [4]),
    flatten: () => flatten(list),
    transpose: () => transpose(list, 0, 1),
    softmax: () => softmax(list, { dim: 0 }),
    crossEntropy: () => crossEntropy(list, x),
    mseLoss: () => mseLoss(list, x),
    scaledDotProductAttention: () => scaledDotProductAttention(list, x, x),
    argmax: () => argmax(list),
    dropout: () => dropout(list),
  };
  for (const [name, run] of Object.entries(functions)) {
    assertThrows(run, TypeError, `Cannot compute ${name}: operand 0 must be a tensor, got an array of 4 items`);
  }
  assertThrows(() => mseLoss(x, [1] as never), TypeError, "operand 1 must be a tensor, got an array of 1 item");
});

/**
 * A process that trains with dropout and prints a digest of every loss and of the final weights, for tests that runs
 * repeat: `deno run -A testing/repeat_training.ts eager|captured`.
 */
import {
  backward,
  capture,
  crossEntropy,
  flatten,
  init,
  manualSeed,
  randn,
  relu,
  type Tensor,
  tensor,
} from "../mod.ts";
import { BatchNorm2d, Conv2d, Dropout, Linear, Module } from "../nn/mod.ts";
import { AdamW, clipGradNorm } from "../optim/mod.ts";

class Net extends Module {
  conv: Conv2d = new Conv2d(1, 6, 3);
  norm: BatchNorm2d = new BatchNorm2d(6);
  dropout: Dropout = new Dropout(0.4);
  head: Linear = new Linear(6 * 36, 5);

  override forward(x: Tensor): Tensor {
    return this.head.forward(
      this.dropout.forward(flatten(relu(this.norm.forward(this.conv.forward(x))), { startDim: 1 })),
    );
  }
}

await init();
manualSeed(11);
const net = new Net(), optimizer = new AdamW(net.parameters(), { lr: 0.01 });
const train = (x: Tensor, y: Tensor) => {
  optimizer.zeroGrad();
  const loss = crossEntropy(net.forward(x), y);
  backward(loss);
  clipGradNorm(net.parameters(), 1);
  optimizer.step();
  return loss;
};
const step = Deno.args[0] === "captured" ? capture(train) : train;
const x = randn([24, 1, 8, 8]), y = tensor(Int32Array.from({ length: 24 }, (_, i) => i % 5));
const parts: Uint8Array[] = [];
for (let i = 0; i < 12; i++) parts.push(await step(x, y).bytes().then((bytes) => new Uint8Array(bytes)));
for (const value of net.stateDict().values()) parts.push(new Uint8Array(await value.bytes()));
const all = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
console.log(new Uint8Array(await crypto.subtle.digest("SHA-256", all)).toHex());

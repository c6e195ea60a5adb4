import { assertEquals, assertThrows } from "@std/assert";
import { LightningModule, showSummary, summarize, Trainer } from "../lightning.ts";
import { randn, randomState, scaledDotProductAttention, type Tensor, zeros } from "../mod.ts";
import {
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  Dropout,
  Flatten,
  Linear,
  Module,
  Parameter,
  ReLU,
  Sequential,
} from "../nn/mod.ts";
import { constantBatches, own, quiet, Slope, trainerTest } from "../testing/trainer.ts";
import { ModelSummary } from "./mod.ts";

class Pictures extends LightningModule {
  body: Sequential = new Sequential(new Conv2d(1, 4, 3), new BatchNorm2d(4), new ReLU(), new Flatten());
  drop: Dropout = new Dropout(0.5);
  head: Linear = new Linear(4 * 6 * 6, 10);
  override exampleInputArray: unknown = randn([2, 1, 8, 8]);
  constructor() {
    super();
    own(this);
  }
  override forward(x: Tensor): Tensor {
    return this.head.forward(this.drop.forward(this.body.forward(x)));
  }
}

trainerTest("parameters that belong to no layer have a row of their own, as in Lightning", () => {
  class Placed extends Pictures {
    positions: Parameter = new Parameter(zeros([3, 7]));
  }
  const summary = summarize(own(new Placed()));
  assertEquals(summary.other, { parameters: 21, bytes: 84 });
  const cells = showSummary(summary).split("\n")[5].split(" | ").map((cell) => cell.trim());
  assertEquals(cells, ["", "other params", "n/a", "21", "84 B", "n/a", "n/a", "n/a", "n/a"]);
  const none = summarize(own(new Pictures()));
  assertEquals([none.other.parameters, showSummary(none).includes("other params")], [0, false]);
});

trainerTest("layers are listed with parameters, bytes, shapes and operations", () => {
  const module = new Pictures(), before = randomState();
  module.body.eval();
  const summary = summarize(module);
  assertEquals(summary.layers.map(({ name, type, mode }) => [name, type, mode]), [
    ["body", "Sequential", "eval"],
    ["drop", "Dropout", "train"],
    ["head", "Linear", "train"],
  ]);
  const [body, drop, head] = summary.layers;
  assertEquals([body.parameters, body.inSizes, body.outSizes], [4 * 9 + 4 + 8, "[2, 1, 8, 8]", "[2, 144]"]);
  assertEquals([body.flops, drop.flops, head.flops], [2 * 2 * 4 * 36 * 9, 0, 2 * 2 * 10 * 144]);
  assertEquals(summary.totalFlops, body.flops! + head.flops!);
  assertEquals([summary.totalParameters, summary.trainableParameters], [48 + 1450, 48 + 1450]);
  assertEquals(summary.totalBytes, 4 * (48 + 1450) + 4 * (4 + 4 + 1)); // and the statistics
  assertEquals([randomState(), module.training], [before, true]);
  module.head.requiresGrad_(false);
  const deep = summarize(module, { maxDepth: -1 });
  assertEquals(deep.layers.map(({ name }) => name), ["body", "body.0", "body.1", "body.2", "body.3", "drop", "head"]);
  assertEquals([deep.trainableParameters, deep.modes], [48, { train: 2, eval: 5 }]);
  const lines = showSummary(deep).split("\n");
  assertEquals(lines[0].split(" | ").map((cell) => cell.trim()).slice(1), [
    "Name",
    "Type",
    "Params",
    "Bytes",
    "Mode",
    "FLOPs",
    "In sizes",
    "Out sizes",
  ]);
  assertEquals(lines[8].split(" | ").map((cell) => cell.trim()), [
    "6",
    "head",
    "Linear",
    "1.4 K",
    "5.7 KiB",
    "train",
    "5.8 K",
    "[2, 144]",
    "[2, 10]",
  ]);
});

trainerTest(
  "transposed convolutions, products and attention are counted, and layers that are not called show so",
  () => {
    class Mixed extends Module<[x: Tensor], Tensor> {
      up: ConvTranspose2d = new ConvTranspose2d(2, 3, 2, { stride: 2 });
      idle: Linear = new Linear(2, 2);
      forward(x: Tensor): Tensor {
        this.up.forward(x);
        const rows = x.reshape([1, 2, 4, 4]);
        scaledDotProductAttention(rows, rows, rows);
        return rows.matmul(rows.transpose(2, 3));
      }
    }
    const module = own(new Mixed());
    const summary = summarize(module, { example: randn([1, 2, 4, 4]) });
    const up = 2 * (2 * 16) * (3 * 4), attention = 4 * (2 * 4 * 4) * 4, product = 2 * (2 * 4 * 4) * 4;
    assertEquals(summary.layers.map(({ flops }) => flops), [up, null]);
    assertEquals(summary.totalFlops, up + attention + product);
    assertEquals(summarize(module).totalFlops, null);
  },
);

trainerTest("the trainer shows it by itself, once", async () => {
  const names = (options: object) => new Trainer(options).callbacks.map((callback) => callback.constructor.name);
  assertEquals(names({ ...quiet, enableModelSummary: true }), ["ModelSummary"]);
  assertEquals(names({ ...quiet, enableModelSummary: true, callbacks: new ModelSummary() }), ["ModelSummary"]);
  const shown = new ModelSummary({ maxDepth: 0 });
  await new Trainer({ ...quiet, maxEpochs: 1, callbacks: shown }).fit(new Slope(), constantBatches([1]));
  assertEquals(shown.summary, null);
  assertThrows(() => new ModelSummary({ maxDepth: -2 }), TypeError, "maxDepth must be a whole number from 0 on, or -1");
});

/** A line fitted by the trainer, which tests run under several hosts: the seed decides every number. */
import { init, mseLoss, mul, sub, type Tensor, tensor } from "../mod.ts";
import { LightningModule, seedEverything, Trainer } from "../lightning.ts";
import { Linear } from "../nn/mod.ts";
import { type Optimizer, SGD } from "../optim/mod.ts";

class Line extends LightningModule<Tensor> {
  layer: Linear = new Linear(1, 1);

  override trainingStep(x: Tensor): Tensor {
    const loss = mseLoss(this.layer.forward(x), sub(mul(x, 3), 1));
    this.log("loss", loss);
    return loss;
  }

  override configureOptimizers(): Optimizer {
    return new SGD(this.parameters(), { lr: 0.1, momentum: 0.5 });
  }
}

/** The loss of each of twenty steps, and the line that they lead to. */
export async function fitLine(): Promise<{ losses: number[]; line: (number | undefined)[] }> {
  await init();
  seedEverything(4);
  const losses: number[] = [];
  const trainer = new Trainer({
    maxEpochs: 1,
    logEveryNSteps: 1,
    logger: { name: "losses", version: "0", logDir: null, logMetrics: ({ loss }) => void losses.push(loss) },
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
  });
  const line = new Line();
  await trainer.fit(line, {
    train: Array.from({ length: 20 }, (_, i) => tensor([[i % 3], [-1], [i % 5 - 2]], { dtype: "f32" })),
  });
  return { losses, line: await Promise.all([line.layer.weight.item(), line.layer.bias?.item()]) };
}

import { argmax, crossEntropy, eq, flatten, maxPool2d, mean, relu, type Tensor, to } from "../../mod.ts";
import { LightningModule, type OptimizerConfig } from "../../lightning.ts";
import type { ImageBatch } from "../../data/mod.ts";
import { Conv2d, Dropout, Linear } from "../../nn/mod.ts";
import { AdamW, OneCycleLR } from "../../optim/mod.ts";

/** How {@link LitConvNet} is trained. */
export interface ConvNetOptions {
  /** Highest learning rate of the one-cycle schedule. */
  lr?: number;
}

/** A LeNet-like network for 28×28 images in ten classes: two convolutions, two dense layers, 56,000 parameters. */
export class LitConvNet extends LightningModule<ImageBatch> {
  conv1: Conv2d = new Conv2d(1, 8, 5, { padding: 2 });
  conv2: Conv2d = new Conv2d(8, 16, 5);
  fc1: Linear = new Linear(16 * 5 * 5, 128);
  dropout: Dropout = new Dropout(0.25);
  fc2: Linear = new Linear(128, 10);
  readonly #lr: number;

  constructor({ lr = 0.003 }: ConvNetOptions = {}) {
    super();
    this.#lr = lr;
  }

  override forward(image: Tensor): Tensor {
    let x = maxPool2d(relu(this.conv1.forward(image)), { kernelSize: 2 });
    x = maxPool2d(relu(this.conv2.forward(x)), { kernelSize: 2 });
    x = this.dropout.forward(relu(this.fc1.forward(flatten(x, { startDim: 1 }))));
    return this.fc2.forward(x);
  }

  override trainingStep({ image, label }: ImageBatch): Tensor {
    const loss = crossEntropy(this.forward(image), label);
    this.log("train_loss", loss, { progBar: true });
    return loss;
  }

  override validationStep(batch: ImageBatch): void {
    this.#evaluate("val", batch);
  }

  override testStep(batch: ImageBatch): void {
    this.#evaluate("test", batch);
  }

  override predictStep({ image }: ImageBatch): Tensor {
    return argmax(this.forward(image), { dim: 1 });
  }

  override configureOptimizers(): OptimizerConfig {
    const optimizer = new AdamW(this.parameters(), { lr: this.#lr });
    // A run without a step, as `--max-steps 0` asks for, has a schedule all the same.
    const totalSteps = Math.max(1, this.trainer.estimatedSteppingBatches);
    const scheduler = new OneCycleLR(optimizer, { maxLr: this.#lr, totalSteps });
    return { optimizer, lrScheduler: { scheduler, interval: "step" } };
  }

  #evaluate(stage: string, { image, label }: ImageBatch): void {
    const logits = this.forward(image);
    const accuracy = mean(to(eq(argmax(logits, { dim: 1 }), label), "f32"));
    this.logDict({ [`${stage}_loss`]: crossEntropy(logits, label), [`${stage}_accuracy`]: accuracy }, {
      progBar: true,
    });
  }
}

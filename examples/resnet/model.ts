import { add, argmax, crossEntropy, eq, mean, relu, type Tensor, to } from "../../mod.ts";
import type { ImageBatch } from "../../data/mod.ts";
import { LightningModule, type OptimizerConfig } from "../../lightning.ts";
import { BatchNorm2d, Conv2d, Identity, Linear, Module, Sequential } from "../../nn/mod.ts";
import { OneCycleLR, SGD } from "../../optim/mod.ts";

const conv3x3 = (inputs: number, outputs: number, stride = 1) =>
  new Conv2d(inputs, outputs, 3, { stride, padding: 1, bias: false });

/** relu(F(x) + x) with two convolutions F; the shortcut is a 1×1 convolution where the shape changes. */
class BasicBlock extends Module<[x: Tensor], Tensor> {
  conv1: Conv2d;
  bn1: BatchNorm2d;
  conv2: Conv2d;
  bn2: BatchNorm2d;
  downsample: Sequential | Identity;

  constructor(inputs: number, outputs: number, stride: number) {
    super();
    this.conv1 = conv3x3(inputs, outputs, stride);
    this.bn1 = new BatchNorm2d(outputs);
    this.conv2 = conv3x3(outputs, outputs);
    this.bn2 = new BatchNorm2d(outputs);
    this.downsample = inputs === outputs && stride === 1
      ? new Identity()
      : new Sequential(new Conv2d(inputs, outputs, 1, { stride, bias: false }), new BatchNorm2d(outputs));
  }

  forward(x: Tensor): Tensor {
    const y = relu(this.bn1.forward(this.conv1.forward(x)));
    return relu(add(this.bn2.forward(this.conv2.forward(y)), this.downsample.forward(x)));
  }
}

/** How {@link LitResNet} is made and trained. */
export interface ResNetOptions {
  /** Channels of each stage; every stage but the first halves the image. Default [16, 32, 64]. */
  widths?: readonly number[];
  /** Blocks in a stage; default 1. */
  blocks?: number;
  /** Highest learning rate of the one-cycle schedule; default 0.1. */
  lr?: number;
}

/** A residual network (He, Zhang, Ren and Sun, 2016) for images of one channel in ten classes; 78,000 parameters. */
export class LitResNet extends LightningModule<ImageBatch> {
  conv1: Conv2d;
  bn1: BatchNorm2d;
  layers: Sequential;
  fc: Linear;
  readonly #lr: number;

  constructor({ widths = [16, 32, 64], blocks = 1, lr = 0.1 }: ResNetOptions = {}) {
    super();
    this.conv1 = conv3x3(1, widths[0]);
    this.bn1 = new BatchNorm2d(widths[0]);
    this.layers = new Sequential(
      ...widths.flatMap((width, stage) =>
        Array.from({ length: blocks }, (_, i) => {
          const first = stage > 0 && i === 0;
          return new BasicBlock(first ? widths[stage - 1] : width, width, first ? 2 : 1);
        })
      ),
    );
    this.fc = new Linear(widths[widths.length - 1], 10);
    this.#lr = lr;
  }

  override forward(image: Tensor): Tensor {
    const x = this.layers.forward(relu(this.bn1.forward(this.conv1.forward(image))));
    return this.fc.forward(mean(x, { dim: [2, 3] }));
  }

  override trainingStep({ image, label }: ImageBatch): Tensor {
    const loss = crossEntropy(this.forward(image), label);
    this.log("train_loss", loss, { progBar: true });
    return loss;
  }

  override testStep({ image, label }: ImageBatch): void {
    const logits = this.forward(image);
    const accuracy = mean(to(eq(argmax(logits, { dim: 1 }), label), "f32"));
    this.logDict({ test_loss: crossEntropy(logits, label), test_accuracy: accuracy });
  }

  override configureOptimizers(): OptimizerConfig {
    const optimizer = new SGD(this.parameters(), { lr: this.#lr, momentum: 0.9, weightDecay: 5e-4, nesterov: true });
    const scheduler = new OneCycleLR(optimizer, { maxLr: this.#lr, totalSteps: this.trainer.estimatedSteppingBatches });
    return { optimizer, lrScheduler: { scheduler, interval: "step" } };
  }
}

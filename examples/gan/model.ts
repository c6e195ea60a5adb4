import { type ImageBatch, mnistMean, mnistStd } from "../../data/mod.ts";
import { LightningModule, type OptimizerConfig } from "../../lightning.ts";
import {
  binaryCrossEntropyWithLogits,
  div,
  leakyRelu,
  noGrad,
  onesLike,
  randn,
  reshape,
  sigmoid,
  sub,
  type Tensor,
  zerosLike,
} from "../../mod.ts";
import { Dropout, Linear } from "../../nn/mod.ts";
import { Adam } from "../../optim/mod.ts";

const PIXELS = 28 * 28;

/** How {@link LitGan} is made and trained. */
export interface GanOptions {
  /** Numbers that an image is made of; default 64. */
  latentSize?: number;
  /** Features of the hidden layers; default 256. */
  hiddenSize?: number;
  /** Learning rate of both; default 0.0002. */
  lr?: number;
}

/**
 * Two networks against each other: one makes images of random numbers, the other tells them from those of the data.
 * Each has its optimizer and the step that it trains by; on every batch they take turns.
 */
export class LitGan extends LightningModule<ImageBatch> {
  generator: [Linear, Linear, Linear];
  discriminator: [Linear, Linear, Linear];
  /** Keeps the discriminator from being sure too early, which would leave the generator nothing to learn. */
  dropout: Dropout = new Dropout(0.3);
  readonly #latentSize: number;
  readonly #lr: number;

  constructor({ latentSize = 64, hiddenSize = 256, lr = 2e-4 }: GanOptions = {}) {
    super();
    this.saveHyperparameters({ latentSize, hiddenSize, lr });
    const layers = (inputs: number, outputs: number): [Linear, Linear, Linear] => [
      new Linear(inputs, hiddenSize),
      new Linear(hiddenSize, hiddenSize),
      new Linear(hiddenSize, outputs),
    ];
    this.generator = layers(latentSize, PIXELS);
    this.discriminator = layers(PIXELS, 1);
    this.#latentSize = latentSize;
    this.#lr = lr;
  }

  /** Images [N, 784], as the data module scales them, of random numbers [N, latentSize]. */
  override forward(z: Tensor): Tensor {
    return div(sub(sigmoid(through(this.generator, z)), mnistMean), mnistStd);
  }

  /** `count` new images. */
  sample(count: number): Tensor {
    return this.forward(randn([count, this.#latentSize]));
  }

  #judge(images: Tensor): Tensor {
    return through(this.discriminator, images, (x) => this.dropout.forward(x));
  }

  /** The generator's step: its images shall pass for real. */
  #generate({ image }: ImageBatch): Tensor {
    const verdict = this.#judge(this.sample(image.shape[0]));
    const loss = binaryCrossEntropyWithLogits(verdict, onesLike(verdict));
    this.log("g_loss", loss, { progBar: true });
    return loss;
  }

  /** The discriminator's step: real images are 1, made ones 0. */
  #discriminate({ image }: ImageBatch): Tensor {
    const real = this.#judge(reshape(image, [image.shape[0], PIXELS]));
    const made = this.#judge(noGrad(() => this.sample(image.shape[0])));
    const onReal = binaryCrossEntropyWithLogits(real, onesLike(real));
    const loss = div(onReal.add(binaryCrossEntropyWithLogits(made, zerosLike(made))), 2);
    this.log("d_loss", loss, { progBar: true });
    return loss;
  }

  override configureOptimizers(): OptimizerConfig<ImageBatch>[] {
    const adam = (layers: readonly Linear[]) =>
      new Adam(layers.flatMap((layer) => [...layer.parameters()]), { lr: this.#lr, betas: [0.5, 0.999] });
    return [
      { optimizer: adam(this.generator), step: (batch) => this.#generate(batch) },
      { optimizer: adam(this.discriminator), step: (batch) => this.#discriminate(batch) },
    ];
  }
}

function through(layers: readonly Linear[], x: Tensor, between: (x: Tensor) => Tensor = (x) => x): Tensor {
  const [first, ...others] = layers;
  return others.reduce((x, layer) => layer.forward(between(leakyRelu(x, { negativeSlope: 0.2 }))), first.forward(x));
}

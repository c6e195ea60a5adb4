import { crossEntropy, reshape, type Tensor } from "../../mod.ts";
import { LightningModule, type OptimizerConfig } from "../../lightning.ts";
import { AdamW, OneCycleLR } from "../../optim/mod.ts";
import type { TextBatch } from "./data.ts";
import { CharGpt, type GptSizes } from "./gpt.ts";

/** How {@link LitCharGpt} is made and trained. */
export interface LitCharGptOptions extends GptSizes {
  /** Highest learning rate of the one-cycle schedule; default 0.003. */
  lr?: number;
}

/** Trains a {@link CharGpt} to foresee the next character. */
export class LitCharGpt extends LightningModule<TextBatch> {
  gpt: CharGpt;
  readonly #lr: number;

  constructor({ lr = 0.003, ...sizes }: LitCharGptOptions) {
    super();
    this.gpt = new CharGpt(sizes);
    this.#lr = lr;
  }

  override forward(ids: Tensor): Tensor {
    return this.gpt.forward(ids);
  }

  override trainingStep(batch: TextBatch): Tensor {
    const loss = this.#loss(batch);
    this.log("train_loss", loss, { progBar: true });
    return loss;
  }

  override testStep(batch: TextBatch): void {
    this.log("test_loss", this.#loss(batch));
  }

  /** Matrices are decayed, vectors are not. */
  override configureOptimizers(): OptimizerConfig {
    const parameters = [...this.parameters()];
    const optimizer = new AdamW([
      { params: parameters.filter((p) => p.ndim >= 2), weightDecay: 0.1 },
      { params: parameters.filter((p) => p.ndim < 2), weightDecay: 0 },
    ], { lr: this.#lr, betas: [0.9, 0.95] });
    const scheduler = new OneCycleLR(optimizer, { maxLr: this.#lr, totalSteps: this.trainer.estimatedSteppingBatches });
    return { optimizer, lrScheduler: { scheduler, interval: "step" } };
  }

  #loss({ x, y }: TextBatch): Tensor {
    const logits = this.forward(x);
    return crossEntropy(reshape(logits, [-1, logits.shape[2]]), reshape(y, [-1]));
  }
}

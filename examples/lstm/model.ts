import { argmax, crossEntropy, eq, mean, select, squeeze, type Tensor, to } from "../../mod.ts";
import type { ImageBatch } from "../../data/mod.ts";
import { LightningModule, type OptimizerConfig } from "../../lightning.ts";
import { Dropout, Linear, LSTM } from "../../nn/mod.ts";
import { AdamW, OneCycleLR } from "../../optim/mod.ts";

/** How {@link LitRowLstm} is made and trained. */
export interface RowLstmOptions {
  /** Features of a state; default 128. */
  hiddenSize?: number;
  /** Highest learning rate of the one-cycle schedule; default 0.005. */
  lr?: number;
}

/** Reads an image of 28×28 row by row, as a sequence of 28 times with 28 features, and says what it shows. */
export class LitRowLstm extends LightningModule<ImageBatch> {
  lstm: LSTM;
  dropout: Dropout = new Dropout(0.1);
  head: Linear;
  readonly #lr: number;

  constructor({ hiddenSize = 128, lr = 0.005 }: RowLstmOptions = {}) {
    super();
    this.lstm = new LSTM(28, hiddenSize, { batchFirst: true });
    this.head = new Linear(hiddenSize, 10);
    this.#lr = lr;
  }

  override forward(image: Tensor): Tensor {
    const [, [state]] = this.lstm.forward(squeeze(image, { dim: 1 }));
    return this.head.forward(this.dropout.forward(select(state, { dim: 0, index: -1 })));
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
    const optimizer = new AdamW(this.parameters(), { lr: this.#lr });
    const scheduler = new OneCycleLR(optimizer, { maxLr: this.#lr, totalSteps: this.trainer.estimatedSteppingBatches });
    return { optimizer, lrScheduler: { scheduler, interval: "step" } };
  }
}

/** A small training program with a command line, as a user writes one; `cli/cli_test.ts` runs it. */
import * as z from "zod";
import {
  LightningCLI,
  registered,
  standardCallbacks,
  standardLoggers,
  standardOptimizers,
  standardSchedulers,
} from "../cli.ts";
import { type DataLoader, LightningDataModule } from "../data/mod.ts";
import { LightningModule } from "../lightning.ts";
import { crossEntropy, relu, type Tensor } from "../mod.ts";
import { Linear } from "../nn/mod.ts";
import { Adam, type Optimizer } from "../optim/mod.ts";
import { cloudLoader, type HostPoints, type Points } from "./trainer.ts";

class Mlp extends LightningModule<Points> {
  first: Linear;
  second: Linear;
  readonly #lr: number;

  constructor(options: { width: number; lr: number; classes: number; batchSize: number }) {
    super();
    this.saveHyperparameters(options);
    this.first = new Linear(4, options.width);
    this.second = new Linear(options.width, options.classes);
    this.#lr = options.lr;
  }

  override forward(x: Tensor): Tensor {
    return this.second.forward(relu(this.first.forward(x)));
  }

  override trainingStep({ x, y }: Points): Tensor {
    const loss = crossEntropy(this.forward(x), y);
    this.log("train_loss", loss);
    return loss;
  }

  override validationStep({ x, y }: Points): void {
    this.log("val_loss", crossEntropy(this.forward(x), y));
  }

  override testStep({ x, y }: Points): void {
    this.log("test_loss", crossEntropy(this.forward(x), y));
  }

  override predictStep({ x }: Points): Tensor {
    return this.forward(x);
  }

  override configureOptimizers(): Optimizer {
    return new Adam(this.parameters(), { lr: this.#lr });
  }
}

class Line extends Mlp {
  override forward(x: Tensor): Tensor {
    return this.second.forward(this.first.forward(x));
  }
}

class Clouds extends LightningDataModule<Points> {
  readonly classes = 3;
  readonly #batchSize: number;

  constructor({ batchSize }: { batchSize: number }) {
    super();
    this.#batchSize = batchSize;
  }

  #loader(count: number): DataLoader<HostPoints, HostPoints> {
    return cloudLoader(count, { batchSize: this.#batchSize });
  }

  override trainDataloader = () => this.#loader(24);
  override valDataloader = () => this.#loader(8);
  override testDataloader = () => this.#loader(8);
  override predictDataloader = () => this.#loader(8);
}

const options = z.object({
  width: z.number().int().min(1).default(8).describe("features of the hidden layer"),
  lr: z.number().positive().default(0.01).describe("learning rate"),
  classes: z.number().int().min(2).default(2),
  batchSize: z.number().int().default(0),
});

const cli = new LightningCLI({
  name: "clouds",
  description: "Sorts points into clouds.",
  models: {
    Mlp: registered(options, (given) => new Mlp(given)),
    Line: registered(options, (given) => new Line(given)),
  },
  data: {
    Clouds: registered(
      z.object({ batchSize: z.number().int().min(1).max(64).default(4) }),
      (given) => new Clouds(given),
    ),
  },
  optimizers: standardOptimizers,
  lrSchedulers: standardSchedulers,
  callbacks: standardCallbacks,
  loggers: standardLoggers,
  links: [
    { from: "data.batchSize", to: "model.batchSize" },
    { from: (data) => (data as Clouds).classes, to: "model.classes" },
  ],
});

if (import.meta.main) Deno.exit(await cli.run());

/** Trains a residual network on Fashion-MNIST: `deno run -A examples/resnet/train.ts`. `--help` lists the flags. */
import { FashionMnistDataModule } from "../../data/mod.ts";
import { type ImageExample, trainImages } from "../_image_training.ts";
import { LitResNet } from "./model.ts";

const example: ImageExample = {
  name: "resnet",
  title: "ResNet on Fashion-MNIST",
  batchSize: 64,
  lr: 0.1,
  model: (options) => new LitResNet(options),
  data: (options) => new FashionMnistDataModule(options),
};

if (import.meta.main) Deno.exit(await trainImages(example, Deno.args));

/**
 * Trains an LSTM that reads the digits of MNIST row by row: `deno run -A examples/lstm/train.ts`. `--help` lists the
 * flags.
 */
import { MnistDataModule } from "../../data/mod.ts";
import { type ImageExample, trainImages } from "../_image_training.ts";
import { LitRowLstm } from "./model.ts";

const example: ImageExample = {
  name: "lstm",
  title: "LSTM over the rows of MNIST",
  batchSize: 128,
  lr: 0.005,
  model: (options) => new LitRowLstm(options),
  data: (options) => new MnistDataModule(options),
};

if (import.meta.main) Deno.exit(await trainImages(example, Deno.args));

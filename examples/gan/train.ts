/**
 * Trains a GAN on MNIST's digits and draws what it has learned to make: `deno run -A examples/gan/train.ts fit`.
 * `fit --help` lists the options.
 */
import { encode } from "fast-png";
import * as z from "zod";
import { LightningCLI, registered, standardCallbacks, standardLoggers } from "../../cli.ts";
import { MnistDataModule, mnistMean, mnistStd } from "../../data/mod.ts";
import { Callback, type LightningModule, type Trainer } from "../../lightning.ts";
import { noGrad } from "../../mod.ts";
import { joinPath, writeFile } from "../../platform/mod.ts";
import { LitGan } from "./model.ts";

const SIDE = 28, ACROSS = 8;

/** Draws 64 images when training ends, as `samples.png` beside the logs. */
class DrawSamples extends Callback {
  override async onTrainEnd(trainer: Trainer, module: LightningModule): Promise<void> {
    if (trainer.options.fastDevRun !== false) return;
    const pixels = await noGrad(() => (module as LitGan).sample(ACROSS * ACROSS)).data();
    const size = ACROSS * SIDE, data = new Uint8Array(size * size);
    for (let i = 0; i < pixels.length; i++) {
      const image = Math.floor(i / SIDE ** 2), y = Math.floor(i / SIDE) % SIDE, x = i % SIDE;
      const at = (Math.floor(image / ACROSS) * SIDE + y) * size + (image % ACROSS) * SIDE + x;
      data[at] = Math.round(255 * Math.min(1, Math.max(0, Number(pixels[i]) * mnistStd + mnistMean)));
    }
    await writeFile(joinPath(trainer.logDir, "samples.png"), encode({ width: size, height: size, data, channels: 1 }));
  }
}

const whole = z.number().int().min(1);

const cli = new LightningCLI({
  name: "deno run -A examples/gan/train.ts",
  description: "Trains a GAN on MNIST.",
  models: {
    LitGan: registered(
      z.object({
        latentSize: whole.default(64).describe("numbers that an image is made of"),
        hiddenSize: whole.default(256).describe("features of the hidden layers"),
        lr: z.number().positive().default(2e-4).describe("learning rate"),
      }),
      (options) => new LitGan(options),
    ),
  },
  data: {
    Mnist: registered(
      z.object({
        batchSize: whole.default(64),
        seed: z.number().int().min(0).default(0),
        dataDir: z.string().optional().describe("folder for the data; default: in the user's cache folder"),
      }),
      (options) => new MnistDataModule(options),
    ),
  },
  callbacks: { ...standardCallbacks, DrawSamples: registered(z.object({}), () => new DrawSamples()) },
  loggers: standardLoggers,
});

const presets = ["--trainer.callbacks=[DrawSamples]", "--trainer.maxEpochs=5", "--trainer.limitValBatches=0"];

if (import.meta.main) {
  const [subcommand = "--help", ...words] = Deno.args;
  Deno.exit(await cli.run([subcommand, ...subcommand === "--help" ? [] : presets, ...words]));
}

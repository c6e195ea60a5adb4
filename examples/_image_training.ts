/** What the examples that sort images have in common: flags, fit, test, and the curve of the loss. */
import { parseArgs } from "@std/cli";
import type { ImageBatch, ImageDataModule, ImageDataModuleOptions } from "../data/mod.ts";
import { init } from "../device/mod.ts";
import { type LightningModule, seedEverything, Trainer } from "../lightning.ts";
import { CSVLogger } from "../loggers/mod.ts";
import { plotMetrics } from "./_plot.ts";

/** An example: its name, and how model and data are made. */
export interface ImageExample {
  name: string;
  title: string;
  batchSize: number;
  lr: number;
  model(options: { lr: number }): LightningModule<ImageBatch>;
  data(options: ImageDataModuleOptions): ImageDataModule;
}

const NUMBERS = ["epochs", "max-steps", "batch-size", "lr", "seed"] as const;

function usage({ name, batchSize, lr }: ImageExample): string {
  return `deno run -A examples/${name}/train.ts [flags]

  --epochs N        passes over the training images [1]
  --max-steps N     stop after so many optimizer steps [-1: none]
  --batch-size N    images in a batch [${batchSize}]
  --lr RATE         highest learning rate of the one-cycle schedule [${lr}]
  --seed N          what all random numbers depend on [0]
  --data-dir DIR    folder for the data [in the user's cache folder]
  --out-dir DIR     folder for logs and the curve [runs]
  --fast-dev-run    one batch of everything, to see that it runs
  --json            print the result as one line of JSON
  --help            show this`;
}

/** Trains and tests as the command line says; gives the exit code. */
export async function trainImages(example: ImageExample, words: string[]): Promise<number> {
  const wrong: string[] = [];
  const flags = parseArgs(words, {
    boolean: ["fast-dev-run", "json", "help"],
    string: [...NUMBERS, "data-dir", "out-dir"],
    unknown: (word: string) => {
      wrong.push(word);
      return false;
    },
  });
  const number = (name: typeof NUMBERS[number], preset: number) => {
    const value = flags[name] === undefined ? preset : Number(flags[name]);
    if (flags[name] === "" || !Number.isFinite(value)) wrong.push(`--${name} ${flags[name]}`);
    return value;
  };
  const [epochs, maxSteps] = [number("epochs", 1), number("max-steps", -1)];
  const [batchSize, lr, seed] = [number("batch-size", example.batchSize), number("lr", example.lr), number("seed", 0)];
  if (flags.help || wrong.length > 0) {
    console.error(`${wrong.length > 0 ? `Cannot understand ${wrong.join(", ")}\n\n` : ""}${usage(example)}`);
    return wrong.length > 0 ? 2 : 0;
  }
  const device = await init();
  seedEverything(seed);
  const logger = new CSVLogger({ name: example.name });
  const model = example.model({ lr });
  const data = example.data({ batchSize, seed, dataDir: flags["data-dir"] });
  const trainer = new Trainer({
    maxEpochs: epochs,
    maxSteps,
    // Nothing is chosen by the test images: they are looked at once, at the end.
    limitValBatches: 0,
    logEveryNSteps: 10,
    fastDevRun: flags["fast-dev-run"],
    enableCheckpointing: false,
    defaultRootDir: flags["out-dir"] ?? "runs",
    logger,
  });
  const start = performance.now();
  await trainer.fit(model, data);
  const seconds = Math.round((performance.now() - start) / 100) / 10;
  const [metrics] = await trainer.test(model, data, { verbose: false });
  const curve = flags["fast-dev-run"] ? null : `${logger.logDir}/loss.svg`;
  if (curve !== null) {
    await plotMetrics(`${logger.logDir}/metrics.csv`, curve, ["train_loss"], {
      title: `${example.title}: training loss`,
    });
  }
  const { adapter } = device.info, steps = trainer.globalStep;
  const result = { testAccuracy: metrics.test_accuracy, testLoss: metrics.test_loss, steps, seconds, adapter, curve };
  if (flags.json) console.log(JSON.stringify(result));
  else {
    console.log(
      `Test accuracy ${(100 * result.testAccuracy).toFixed(2)} %, ${steps} steps in ${seconds} s on ${adapter}`,
    );
    if (curve !== null) console.log(`Curve: ${curve}`);
  }
  return 0;
}

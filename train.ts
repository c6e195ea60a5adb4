/**
 * Trains a convolutional network on MNIST and tests it: `deno task train`, or `deno run -A train.ts` once an adapter is
 * there. `--help` lists the flags.
 */
import { parseArgs } from "@std/cli";
import { z } from "zod";
import { ModelCheckpoint } from "./callbacks/mod.ts";
import { MnistDataModule } from "./data/mod.ts";
import { type Backend, init } from "./device/mod.ts";
import { LitConvNet } from "./examples/mnist/model.ts";
import { CSVLogger } from "./loggers/mod.ts";
import { seedEverything, Trainer } from "./lightning.ts";

/** A flag: what it means, and what it accepts. Text from the command line is turned into numbers here. */
const flags = {
  "epochs": [z.coerce.number().int().min(1).default(1), "passes over the 60,000 training images"],
  "batch-size": [z.coerce.number().int().min(1).max(60_000).default(64), "images in a batch"],
  "lr": [z.coerce.number().positive().default(0.003), "highest learning rate of the one-cycle schedule"],
  "precision": [z.enum(["32-true", "bf16-mixed"]).default("32-true"), "what to compute in: 32-true or bf16-mixed"],
  "max-steps": [z.coerce.number().int().min(-1).default(-1), "stop after so many optimizer steps (-1: no limit)"],
  "limit-train-batches": [
    z.coerce.number().min(0).optional(),
    "batches an epoch: a count from 1 on, or a share below 1",
  ],
  "fast-dev-run": [z.boolean().default(false), "one batch of everything, to see that it runs"],
  "backend": [z.enum(["auto", "dawn", "deno"]).default("auto"), "WebGPU implementation: auto, dawn or deno"],
  "seed": [z.coerce.number().int().min(0).default(0), "what all random numbers depend on"],
  "data-dir": [z.string().min(1).optional(), "folder for the data (default: in the user's cache folder)"],
  "out-dir": [z.string().min(1).default("runs"), "folder for logs and checkpoints"],
  "resume": [z.string().min(1).optional(), "checkpoint folder to go on from"],
  "json": [z.boolean().default(false), "print the result as one line of JSON at the end"],
  "help": [z.boolean().default(false), "show this"],
} as const;

function usage(): string {
  const lines = Object.entries(flags).map(([name, [schema, meaning]]) => {
    const fallback = schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined;
    const shown = fallback === undefined || fallback === false ? "" : ` [${fallback}]`;
    return `  --${name.padEnd(22)}${meaning}${shown}`;
  });
  return ["Trains a convolutional network on MNIST.", "", "  deno task train [flags]", "", ...lines].join("\n");
}

function parseFlags(args: string[]) {
  const schema = z.strictObject({
    epochs: flags.epochs[0],
    "batch-size": flags["batch-size"][0],
    lr: flags.lr[0],
    precision: flags.precision[0],
    "max-steps": flags["max-steps"][0],
    "limit-train-batches": flags["limit-train-batches"][0],
    "fast-dev-run": flags["fast-dev-run"][0],
    backend: flags.backend[0],
    seed: flags.seed[0],
    "data-dir": flags["data-dir"][0],
    "out-dir": flags["out-dir"][0],
    resume: flags.resume[0],
    json: flags.json[0],
    help: flags.help[0],
  });
  const booleans = Object.entries(flags).filter(([name]) => ["fast-dev-run", "json", "help"].includes(name)).map((
    [name],
  ) => name);
  const { _: rest, ...given } = parseArgs(args.filter((arg) => arg !== "--"), {
    boolean: booleans,
    string: Object.keys(flags).filter((name) => !booleans.includes(name)),
  });
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const result = schema.safeParse(set);
  const problems = rest.map((word) => `${word}: there is no such argument`);
  if (!result.success) {
    for (const issue of result.error.issues) {
      if (issue.code === "unrecognized_keys") {
        problems.push(...issue.keys.map((key) => `--${key}: there is no such flag`));
      } else {problems.push(
          `--${issue.path.join(".")}: ${issue.message}, got ${JSON.stringify(set[String(issue.path[0])])}`,
        );}
    }
  }
  if (result.success && problems.length === 0) return result.data;
  console.error(`${problems.join("\n")}\n\n${usage()}`);
  Deno.exit(2);
}

async function main(): Promise<void> {
  const options = parseFlags(Deno.args);
  if (options.help) return console.log(usage());
  const device = await init({ backend: options.backend as Backend | "auto" });
  seedEverything(options.seed);

  const data = new MnistDataModule({
    batchSize: options["batch-size"],
    seed: options.seed,
    dataDir: options["data-dir"],
  });
  const model = new LitConvNet({ lr: options.lr });
  const checkpoint = new ModelCheckpoint({ monitor: "val_accuracy", mode: "max", saveLast: true });
  const trainer = new Trainer({
    maxEpochs: options.epochs,
    maxSteps: options["max-steps"],
    limitTrainBatches: options["limit-train-batches"],
    fastDevRun: options["fast-dev-run"],
    precision: options.precision,
    defaultRootDir: options["out-dir"],
    logger: new CSVLogger({ saveDir: options["out-dir"], name: "mnist" }),
    callbacks: checkpoint,
  });

  const start = performance.now();
  await trainer.fit(model, data, { ckptPath: options.resume });
  const seconds = (performance.now() - start) / 1000;
  if (trainer.state === "interrupted") Deno.exit(130);
  const [metrics] = await trainer.test(model, data);

  const result = {
    testAccuracy: round(metrics.test_accuracy, 4),
    testLoss: round(metrics.test_loss, 5),
    epochs: trainer.currentEpoch,
    steps: trainer.globalStep,
    seconds: round(seconds, 1),
    backend: device.info.backend,
    adapter: device.info.adapter,
    precision: options.precision,
    checkpoint: checkpoint.bestModelPath || null,
  };
  if (options.json) console.log(JSON.stringify(result));
  else {
    console.log(`Test accuracy ${(100 * result.testAccuracy).toFixed(2)} %, test loss ${result.testLoss}`);
    console.log(
      `${result.steps} steps in ${result.seconds} s on ${result.adapter} (${result.backend}, ${result.precision})`,
    );
    if (result.checkpoint) console.log(`Best checkpoint: ${result.checkpoint}`);
  }
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

if (import.meta.main) await main();

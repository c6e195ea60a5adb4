/**
 * Trains a convolutional network on MNIST and tests it: `deno task train`, or `deno run -A train.ts` once an adapter is
 * there. `--help` lists the flags.
 */
import { parseArgs } from "@std/cli";
import * as z from "zod";
import { ModelCheckpoint } from "./callbacks/mod.ts";
import { DataError, MnistDataModule } from "./data/mod.ts";
import { init, NoAdapterError } from "./device/mod.ts";
import { LitConvNet } from "./examples/mnist/model.ts";
import { CheckpointError, seedEverything, Trainer } from "./lightning.ts";
import { CSVLogger } from "./loggers/mod.ts";
import { args, FileError, writeErr, writeOut } from "./platform/mod.ts";

/** What shells say of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/** Text that is a number, checked as one. */
const number = (schema: z.ZodNumber) =>
  z.string().regex(/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i).transform(Number).pipe(schema);

/** Batches: text can tell what numbers cannot, 1 is one batch and 1.0 all of them. */
const amount = z.string().regex(/^(\d+|[01]?\.\d+|[01]\.)$/)
  .transform((text) => text.includes(".") ? { fraction: Number(text) } : Number(text))
  .refine((amount) => typeof amount === "number" || amount.fraction <= 1);

const WHOLE = "a whole number from 1 on";
const path = z.string().min(1);

/** For each flag: what it is checked by, what it is where it is not given, what it must be, what it means. */
const flags = {
  "epochs": [number(z.number().int().min(1)), 1, WHOLE, "passes over the 60,000 training images"],
  "batch-size": [number(z.number().int().min(1).max(60_000)), 64, `${WHOLE}, up to 60000`, "images in a batch"],
  "lr": [number(z.number().positive()), 0.003, "a number above 0", "highest learning rate of the one-cycle schedule"],
  "precision": [
    z.enum(["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true"]),
    "32-true",
    "32-true, 16-mixed, bf16-mixed, 16-true or bf16-true",
    "arithmetic: 32-true, 16-mixed, bf16-mixed, 16-true or bf16-true",
  ],
  "max-steps": [
    number(z.number().int().min(-1)),
    -1,
    "a whole number from 0 on, or -1 for no limit",
    "stop after so many optimizer steps",
  ],
  "limit-train-batches": [
    amount,
    { fraction: 1 },
    "a count of batches, or a share with a decimal point up to 1.0",
    "batches of an epoch: a count, or a share such as 0.1",
  ],
  "fast-dev-run": [z.boolean(), false, "given or not", "one batch of everything, to see that it runs"],
  "backend": [z.enum(["auto", "dawn", "deno"]), "auto", "auto, dawn or deno", "WebGPU implementation: dawn or deno"],
  "seed": [number(z.number().int().min(0)), 0, "a whole number from 0 on", "what all random numbers depend on"],
  "data-dir": [path, undefined, "a folder", "folder for the data; default: in the user's cache folder"],
  "out-dir": [path, "runs", "a folder", "folder for logs and checkpoints"],
  "resume": [path, undefined, "a checkpoint's folder", "checkpoint to go on from"],
  "json": [z.boolean(), false, "given or not", "print the result as one line of JSON at the end"],
  "help": [z.boolean(), false, "given or not", "show this"],
} as const;

type Flags = typeof flags;
type Options = { [K in keyof Flags]: z.output<Flags[K][0]> | (undefined extends Flags[K][1] ? undefined : never) };

function usage(): string {
  const lines = Object.entries(flags).map(([name, [, preset, , meaning]]) => {
    const shown = ["string", "number"].includes(typeof preset) ? ` [${preset}]` : "";
    return `  --${name.padEnd(22)}${meaning}${shown}`;
  });
  return ["Trains a convolutional network on MNIST.", "", "  deno task train [flags]", "", ...lines, ""].join("\n");
}

/** The flags with their presets, or all that is wrong with them. */
function parseFlags(words: string[]): { options: Options; problems: string[] } {
  const names = Object.keys(flags) as (keyof Flags)[];
  const boolean = names.filter((name) => flags[name][0] instanceof z.ZodBoolean);
  const problems: string[] = [];
  const given: Record<string, unknown> = parseArgs(words.filter((word) => word !== "--"), {
    boolean,
    string: names.filter((name) => !boolean.includes(name)),
    unknown: (word: string) => {
      problems.push(`${word}: there is no such ${word.startsWith("-") ? "flag" : "argument"}`);
      return false;
    },
  });
  for (const name of boolean) {
    const word = words.find((word) => word.startsWith(`--${name}=`));
    if (word !== undefined) problems.push(`--${name} must be ${flags[name][2]}, got ${JSON.stringify(word)}`);
  }
  const options: Record<string, unknown> = {};
  for (const [name, [schema, preset, allowed]] of Object.entries(flags)) {
    const result = schema.optional().safeParse(given[name]);
    if (result.success) options[name] = result.data ?? preset;
    else problems.push(`--${name} must be ${allowed}, got ${JSON.stringify(given[name])}`);
  }
  // Each value came out of the schema of its own flag.
  return { options: options as Options, problems };
}

async function main(): Promise<number> {
  const { options, problems } = parseFlags(args());
  if (problems.length > 0) {
    writeErr(`${problems.join("\n")}\n\n${usage()}`);
    return 2;
  }
  if (options.help) {
    writeOut(usage());
    return 0;
  }
  const device = await init({ backend: options.backend });
  seedEverything(options.seed);

  const data = new MnistDataModule({
    batchSize: options["batch-size"],
    seed: options.seed,
    dataDir: options["data-dir"],
  });
  const model = new LitConvNet({ lr: options.lr });
  const checkpoint = new ModelCheckpoint({ saveLast: true, saveTopK: 0 });
  const trainer = new Trainer({
    maxEpochs: options.epochs,
    maxSteps: options["max-steps"],
    limitTrainBatches: options["limit-train-batches"],
    // All 60,000 images are trained on. The test images are looked at once, at the end, and nothing is chosen by them.
    limitValBatches: 0,
    fastDevRun: options["fast-dev-run"],
    precision: options.precision,
    defaultRootDir: options["out-dir"],
    logger: new CSVLogger({ name: "mnist" }),
    callbacks: checkpoint,
  });

  const start = performance.now();
  await trainer.fit(model, data, { ckptPath: options.resume });
  const seconds = (performance.now() - start) / 1000;
  if (stopped(trainer, checkpoint)) return INTERRUPTED;
  const [metrics] = await trainer.test(model, data, { verbose: false });
  if (stopped(trainer, checkpoint)) return INTERRUPTED;

  const saved = checkpoint.lastModelPath || null;
  const result = {
    testAccuracy: round(metrics.test_accuracy, 4),
    testLoss: round(metrics.test_loss, 5),
    epochs: trainer.currentEpoch,
    steps: trainer.globalStep,
    seconds: round(seconds, 1),
    firstStepSeconds: trainer.firstStepMs === null ? null : round(trainer.firstStepMs / 1000, 3),
    backend: device.info.backend,
    adapter: device.info.adapter,
    precision: options.precision,
    checkpoint: saved,
  };
  if (options.json) writeOut(`${JSON.stringify(result)}\n`);
  else {
    const { steps, adapter, backend, precision, firstStepSeconds } = result;
    const first = firstStepSeconds === null ? "" : ` (${firstStepSeconds} s the first)`;
    writeOut(`Test accuracy ${(100 * result.testAccuracy).toFixed(2)} %, test loss ${result.testLoss}\n`);
    writeOut(
      `${steps} ${
        steps === 1 ? "step" : "steps"
      } in ${result.seconds} s${first} on ${adapter} (${backend}, ${precision})\n`,
    );
    if (saved !== null) writeOut(`Checkpoint: ${saved}\n`);
  }
  return 0;
}

/** Whether Ctrl-C ended a run; says how to go on. */
function stopped(trainer: Trainer, { lastModelPath }: ModelCheckpoint): boolean {
  if (trainer.state !== "interrupted") return false;
  const how = lastModelPath === "" ? "" : `; go on with --resume ${lastModelPath}`;
  const steps = trainer.globalStep;
  writeErr(`Interrupted after ${steps} ${steps === 1 ? "step" : "steps"}${how}\n`);
  return true;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    const known = error instanceof DataError || error instanceof CheckpointError ||
      error instanceof NoAdapterError || error instanceof FileError;
    if (!known) throw error;
    writeErr(`${error.message}\n`);
    Deno.exit(1);
  }
}

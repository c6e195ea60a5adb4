/**
 * Trains a small GPT on characters and has it write: `deno run -A examples/char_gpt/train.ts`. `--help` lists the
 * flags.
 *
 * It learns this library's own sources, or the text of `--text`.
 */
import { parseArgs } from "@std/cli";
import { init } from "../../mod.ts";
import { seedEverything, Trainer } from "../../lightning.ts";
import { CSVLogger } from "../../loggers/mod.ts";
import { joinPath, makeDir, readText } from "../../platform/mod.ts";
import { plotMetrics } from "../_plot.ts";
import { readSafetensors } from "../../tensor/safetensors.ts";
import { ownText, TextDataModule, Vocabulary } from "./data.ts";
import type { GptSizes } from "./gpt.ts";
import { LitCharGpt } from "./model.ts";
import { sample } from "./sample.ts";

/** Flags that take a number: what they are when not given, and what they mean. */
const NUMBERS: Record<string, readonly [number, string]> = {
  "epochs": [1, "passes over the text"],
  "max-steps": [400, "stop after so many optimizer steps; -1: no limit"],
  "batch-size": [16, "pieces of text in a batch"],
  "lr": [0.003, "highest learning rate of the one-cycle schedule"],
  "context": [64, "characters of a piece"],
  "width": [64, "features of a character"],
  "layers": [2, "blocks"],
  "heads": [4, "heads of attention"],
  "dropout": [0, "share of values that is dropped in training"],
  "sample": [300, "characters to write at the end"],
  "seed": [0, "what all random numbers depend on"],
};
const TEXTS: Record<string, string> = {
  "text": "a text file to learn [this library's sources]",
  "load": "a safetensors file, PyTorch's or ours, to go on from; sizes but the heads come from it",
  "out-dir": "folder for logs, weights and the curve [runs]",
};

function usage(): string {
  const line = (name: string, meaning: string) => `  --${name.padEnd(14)}${meaning}`;
  return [
    "deno run -A examples/char_gpt/train.ts [flags]",
    "",
    ...Object.entries(NUMBERS).map(([name, [preset, meaning]]) => line(name, `${meaning} [${preset}]`)),
    ...Object.entries(TEXTS).map(([name, meaning]) => line(name, meaning)),
    line("fast-dev-run", "one batch of everything, to see that it runs"),
    line("json", "print the result as one line of JSON"),
    line("help", "show this"),
  ].join("\n");
}

/** Sizes that a state dict tells. */
function sizesOf(state: ReadonlyMap<string, { readonly shape: readonly number[] }>): Omit<GptSizes, "heads"> {
  const shape = (name: string) => {
    const found = state.get(name);
    if (found === undefined) throw new Error(`Cannot go on from this file: it has no ${name}`);
    return found.shape;
  };
  const [[vocab, width], [context]] = [shape("tok.weight"), shape("pos.weight")];
  const blocks = [...state.keys()].map((name) => /^blocks\.(\d+)\./.exec(name)?.[1]).filter((n) => n !== undefined);
  return { vocab, width, context, layers: new Set(blocks).size };
}

async function main(words: string[]): Promise<number> {
  const wrong: string[] = [];
  const flags: Record<string, unknown> = parseArgs(words, {
    boolean: ["fast-dev-run", "json", "help"],
    string: [...Object.keys(NUMBERS), ...Object.keys(TEXTS)],
    unknown: (word: string) => {
      wrong.push(word);
      return false;
    },
  });
  const number = Object.fromEntries(
    Object.entries(NUMBERS).map(([name, [preset]]) => {
      const value = flags[name] === undefined ? preset : Number(flags[name]);
      if (flags[name] === "" || !Number.isFinite(value)) wrong.push(`--${name} ${flags[name]}`);
      return [name, value];
    }),
  );
  if (flags.help || wrong.length > 0) {
    console.error(`${wrong.length > 0 ? `Cannot understand ${wrong.join(", ")}\n\n` : ""}${usage()}`);
    return wrong.length > 0 ? 2 : 0;
  }

  const device = await init();
  seedEverything(number.seed);
  const text = flags.text === undefined ? await ownText() : await readText(String(flags.text));
  const vocabulary = new Vocabulary(text);
  const state = flags.load === undefined ? null : (await readSafetensors(String(flags.load))).tensors;
  const { context, width, layers, heads, dropout, lr } = number;
  const sizes = state === null ? { vocab: vocabulary.size, context, width, layers } : sizesOf(state);
  const model = new LitCharGpt({ ...sizes, heads, dropout, lr });
  if (state !== null) model.gpt.loadStateDict(state);
  const data = new TextDataModule({
    text,
    vocabulary,
    context: sizes.context,
    batchSize: number["batch-size"],
    seed: number.seed,
  });

  const fast = Boolean(flags["fast-dev-run"]);
  const logger = new CSVLogger({ name: "char_gpt" });
  const trainer = new Trainer({
    maxEpochs: number.epochs,
    maxSteps: number["max-steps"],
    // Nothing is chosen by the end of the text: it is looked at once, at the end.
    limitValBatches: 0,
    logEveryNSteps: 10,
    gradientClipVal: 1,
    fastDevRun: fast,
    enableCheckpointing: false,
    defaultRootDir: String(flags["out-dir"] ?? "runs"),
    logger,
  });
  const start = performance.now();
  await trainer.fit(model, data);
  const seconds = Math.round((performance.now() - start) / 100) / 10;
  const [{ test_loss: testLoss }] = await trainer.test(model, data, { verbose: false });
  const written = vocabulary.decode(
    await sample(model.gpt, vocabulary.encode("\n"), fast ? 3 : number.sample),
  );

  let weights: string | null = null, curve: string | null = null;
  if (!fast) {
    await makeDir(logger.logDir);
    weights = joinPath(logger.logDir, "char_gpt.safetensors");
    await model.gpt.saveSafetensors(weights, { vocabulary: vocabulary.characters });
    curve = joinPath(logger.logDir, "loss.svg");
    await plotMetrics(joinPath(logger.logDir, "metrics.csv"), curve, ["train_loss"], {
      title: "Character GPT: training loss",
    });
  }
  const { adapter } = device.info, steps = trainer.globalStep;
  if (flags.json) console.log(JSON.stringify({ testLoss, steps, seconds, adapter, weights, curve, written }));
  else {
    const bits = (testLoss / Math.LN2).toFixed(2);
    console.log(`${written}\n\nTest loss ${testLoss.toFixed(3)} (${bits} bits a character)`);
    console.log(`${steps} steps in ${seconds} s on ${adapter}`);
    if (weights !== null) console.log(`Weights: ${weights}\nCurve: ${curve}`);
  }
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));

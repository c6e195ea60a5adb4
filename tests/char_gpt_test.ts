// The character GPT: as a user starts it, with the weights of PyTorch's run of the same model, and how it writes.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Vocabulary } from "../examples/char_gpt/data.ts";
import { CharGpt } from "../examples/char_gpt/gpt.ts";
import { sample } from "../examples/char_gpt/sample.ts";
import { crossEntropy, manualSeed, noGrad, reshape, tensor } from "../mod.ts";
import { readSafetensors, writeSafetensors } from "../tensor/safetensors.ts";
import { joinPath, readText, runCommand } from "../platform/mod.ts";
import { gpuTest } from "../testing/gpu.ts";
import { inFolder } from "../testing/trainer.ts";

const GOLDEN = new URL("./golden/training/", import.meta.url).pathname;
const SIZES = { vocab: 51, context: 32, width: 64, layers: 2, heads: 4 };

const run = (...flags: string[]) => {
  const program = new URL("../examples/char_gpt/train.ts", import.meta.url).pathname;
  return runCommand(Deno.execPath(), ["run", "-A", "--no-check", program, ...flags]);
};

/** What PyTorch's run of the model says of itself. */
async function pytorchRun(): Promise<{ text: string; vocab: string; evalLoss: number }> {
  const { runs } = JSON.parse(await readText(joinPath(GOLDEN, "training.json")));
  return runs.find(({ id }: { id: string }) => id === "chargpt");
}

/** The weights at the beginning or the end of that run, by their names in PyTorch. */
async function pytorchWeights(when: "init" | "final") {
  const { tensors } = await readSafetensors(joinPath(GOLDEN, "chargpt.safetensors"));
  return new Map(
    [...tensors].filter(([name]) => name.startsWith(`${when}/`)).map((
      [name, value],
    ) => [name.slice(when.length + 1), value]),
  );
}

gpuTest("PyTorch's trained weights give PyTorch's loss", async () => {
  const { text, vocab, evalLoss } = await pytorchRun();
  using model = new CharGpt(SIZES);
  model.loadStateDict(await pytorchWeights("final"));
  model.eval();
  // Windows at every seventh character, as the run was judged.
  const ids = new Vocabulary(vocab).encode(text), starts: number[] = [];
  for (let at = 0; at + 33 <= ids.length; at += 7) starts.push(at);
  const windows = (shift: number) =>
    tensor(Int32Array.from(starts.flatMap((at) => [...ids.slice(at + shift, at + shift + 32)])), {
      shape: [starts.length, 32],
    });
  const loss = noGrad(() => crossEntropy(reshape(model.forward(windows(0)), [-1, 51]), reshape(windows(1), [-1])));
  assert(Math.abs(await loss.item() - evalLoss) < 1e-3, `${await loss.item()}, PyTorch's is ${evalLoss}`);
});

gpuTest("what is kept changes nothing of what is written, also beyond the context", async () => {
  const { vocab } = await pytorchRun();
  using model = new CharGpt(SIZES);
  model.loadStateDict(await pytorchWeights("final"));
  const vocabulary = new Vocabulary(vocab), start = vocabulary.encode("Shall I ");
  const cached = await sample(model, start, 20, { temperature: 0 });
  assertEquals(cached, await sample(model, start, 20, { temperature: 0, cached: false }));
  manualSeed(1);
  const longer = await sample(model, start, 60);
  manualSeed(1);
  assertEquals([longer.length, await sample(model, start, 60)], [60, longer]);
});

Deno.test("examples/char_gpt trains, tests and writes on a batch, and goes on from PyTorch's weights", async () => {
  await inFolder(async (folder) => {
    const fast = await run("--fast-dev-run", "--json", "--out-dir", folder);
    assertEquals(fast.code, 0, fast.stderr);
    const first = JSON.parse(fast.stdout.trimEnd().split("\n").at(-1)!);
    assertEquals([first.steps, first.weights, first.written.length], [1, null, 3]);
    assert(first.testLoss > 3 && first.testLoss < 6);

    const { text } = await pytorchRun();
    const weights = joinPath(folder, "pytorch.safetensors"), words = joinPath(folder, "text.txt");
    await writeSafetensors(weights, await pytorchWeights("init"));
    await Deno.writeTextFile(words, text);
    const flags = ["--load", weights, "--text", words, "--epochs", "4", "--batch-size", "4", "--sample", "20"];
    const more = await run("--json", "--out-dir", folder, ...flags);
    assertEquals(more.code, 0, more.stderr);
    const second = JSON.parse(more.stdout.trimEnd().split("\n").at(-1)!);
    assert(second.testLoss < 3.6, `loss ${second.testLoss}`);
    assertStringIncludes(await readText(second.curve), "</svg>");
    // What is written has PyTorch's names, shapes and types.
    const [got, want] = [(await readSafetensors(second.weights)).tensors, await pytorchWeights("final")];
    const shown = (state: typeof want) =>
      [...state].map(([name, { shape, dtype }]) => `${name} ${shape} ${dtype}`).sort();
    assertEquals(shown(got), shown(want));
  });
});

Deno.test("examples/char_gpt lists its flags, and refuses others", async () => {
  const help = await run("--help");
  assertEquals(help.code, 0);
  assertStringIncludes(help.stderr, "--context");
  const wrong = await run("--colour", "blue", "--lr", "many");
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.stderr, "Cannot understand --colour");
});

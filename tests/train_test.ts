// The main job as a user starts it: flags, the last line, interruption, resuming. Needs the data in the cache folder,
// or a way to fetch it.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { exists, joinPath, listDir, readText, runCommand } from "../platform/mod.ts";
import { inFolder } from "../testing/trainer.ts";

const TRAIN = new URL("../train.ts", import.meta.url).pathname;
const command = (flags: readonly string[]) => ["run", "-A", "--no-check", TRAIN, ...flags];
const train = (...flags: string[]) => runCommand(Deno.execPath(), command(flags));

/** The object in the last line. */
function resultOf(stdout: string): Record<string, unknown> {
  return JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
}

const FLAGS = [
  "--epochs --batch-size --lr --precision --max-steps --limit-train-batches --fast-dev-run --backend --seed --data-dir",
  "--out-dir --resume --json --help",
].join(" ").split(" ");

Deno.test("train.ts --help lists every flag", async () => {
  const { code, stdout, stderr } = await train("--help");
  assertEquals([code, stderr], [0, ""]);
  for (const flag of FLAGS) assertStringIncludes(stdout, `  ${flag} `);
});

Deno.test("train.ts lists all wrong flags in one go, before it does anything", async () => {
  const { code, stdout, stderr } = await train(
    ...[
      "--epochs",
      "0",
      "--batch-size",
      "many",
      "--lr=-1",
      "--precision",
      "8",
      "--max-steps",
      "1.5",
      "--backend",
      "cpu",
    ],
    ...["--limit-train-batches", "1.5", "--seed=x", "--colour", "blue", "now", "--json=maybe"],
  );
  assertEquals([code, stdout], [2, ""]);
  const wanted = [
    '--epochs must be a whole number from 1 on, got "0"',
    '--batch-size must be a whole number from 1 on, up to 60000, got "many"',
    '--lr must be a number above 0, got "-1"',
    '--precision must be 32-true, 16-mixed, bf16-mixed, 16-true or bf16-true, got "8"',
    '--max-steps must be a whole number from 0 on, or -1 for no limit, got "1.5"',
    '--backend must be auto, dawn or deno, got "cpu"',
    '--limit-train-batches must be a count of batches, or a share with a decimal point up to 1.0, got "1.5"',
    '--seed must be a whole number from 0 on, got "x"',
    '--json must be given or not, got "--json=maybe"',
    "--colour: there is no such flag",
    "now: there is no such argument",
  ];
  for (const line of wanted) assertStringIncludes(stderr, `${line}\n`);
});

Deno.test("train.ts names a folder that cannot be used, without a stack", async () => {
  const { code, stdout, stderr } = await train("--out-dir", "/dev/null/x", "--max-steps", "0");
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "Cannot make a folder in makeDir");
  assertEquals(stderr.includes("    at "), false, stderr);
});

Deno.test("train.ts --fast-dev-run touches everything and leaves no files; --json ends with one object", async () => {
  await inFolder(async (folder) => {
    const { code, stdout, stderr } = await train("--fast-dev-run", "--json", "--out-dir", folder, "--backend", "auto");
    assertEquals(code, 0, stderr);
    const { seconds, firstStepSeconds, backend, adapter, testAccuracy, testLoss, ...rest } = resultOf(stdout);
    assertEquals(rest, { epochs: 1, steps: 1, precision: "32-true", checkpoint: null });
    assertEquals([typeof seconds, typeof firstStepSeconds, typeof backend, typeof adapter], [
      "number",
      "number",
      "string",
      "string",
    ]);
    assert((testAccuracy as number) >= 0 && (testAccuracy as number) <= 1 && (testLoss as number) > 0);
    assertMatch(stderr, /Epoch 0: 100% /);
    assertEquals(await listDir(folder), []);
  });
});

Deno.test("train.ts ends with 130 after Ctrl-C, says how to go on, and goes on to the same result", async () => {
  await inFolder(async (folder) => {
    const flags = ["--batch-size", "8", "--limit-train-batches", "200", "--seed", "3", "--json", "--out-dir", folder];
    const child = new Deno.Command(Deno.execPath(), { args: command(flags), stdout: "piped", stderr: "piped" }).spawn();
    const run = joinPath(folder, "mnist", "version_0");
    for (let i = 0; i < 600 && !await exists(joinPath(run, "metrics.csv")); i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    child.kill("SIGINT");
    const { code, stdout, stderr } = await child.output();
    const text = new TextDecoder().decode(stderr);
    assertEquals([code, new TextDecoder().decode(stdout)], [130, ""], text);
    const last = joinPath(run, "checkpoints", "last.ckpt");
    assertMatch(text, new RegExp(`Interrupted after \\d+ steps; go on with --resume ${last}\n$`));

    const resumed = await train(...flags, "--resume", last), whole = await train(...flags);
    assertEquals([resumed.code, whole.code], [0, 0], resumed.stderr + whole.stderr);
    const { seconds: _s, firstStepSeconds: _f, checkpoint, ...got } = resultOf(resumed.stdout);
    const { seconds: _t, firstStepSeconds: _g, checkpoint: _c, ...wanted } = resultOf(whole.stdout);
    assertEquals(got, wanted);
    assertEquals([got.steps, got.epochs], [200, 1]);
    assert((got.testAccuracy as number) > 0.8, `accuracy ${got.testAccuracy}`);
    assertEquals(await listDir(joinPath(folder, "mnist")), ["version_0", "version_1", "version_2"]);
    assert(await exists(String(checkpoint)));
    const rows = async (version: number) =>
      (await readText(joinPath(folder, "mnist", `version_${version}`, "metrics.csv"))).trimEnd().split("\n").map((
        row,
      ) => row.split(",").filter((_, i) => i !== 3).join(",") // without the seconds
      );
    const [[heading, ...first], [, ...rest], [, ...all]] = await Promise.all([0, 1, 2].map(rows));
    assertEquals(heading, "step,batch,epoch,train_loss");
    // Columns of the test came later: the rows of training are compared.
    const training = (lines: string[]) => lines.map((line) => line.split(",").slice(0, 4).join()).slice(0, 4);
    assertEquals(training([...first, ...rest]), training(all));
  });
});

Deno.test("train.ts says in one line what is wrong with a checkpoint", async () => {
  await inFolder(async (folder) => {
    const { code, stderr } = await train("--out-dir", folder, "--resume", joinPath(folder, "nothing"));
    assertEquals(code, 1);
    assertStringIncludes(stderr, `Cannot load the checkpoint ${joinPath(folder, "nothing")}: it does not exist\n`);
    assert(!stderr.includes("    at "), stderr);
  });
});

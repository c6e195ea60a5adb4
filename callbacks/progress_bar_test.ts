import { assert, assertEquals, assertMatch } from "@std/assert";
import { runCommand } from "../platform/mod.ts";
import { columnsOf, fitted } from "../trainer/_columns.ts";
import { drawTable } from "../trainer/_table.ts";

const CHILD = new URL("../testing/small_training.ts", import.meta.url).pathname;

/**
 * Trains in a process of its own, with or without a terminal of that width. Returns what it printed to the error
 * stream.
 */
async function shown(options: object, columns: number | null): Promise<string> {
  const argument = JSON.stringify({ batches: 20, sleep: 10, ...options });
  // Colours are what one of the tests looks for.
  const command = `env -u NO_COLOR '${Deno.execPath()}' run -A --no-check '${CHILD}' '${argument}'`;
  const { code, stdout, stderr } = columns === null
    ? await runCommand("sh", ["-c", command])
    // A terminal shows both streams; what the process says of itself is not of interest here.
    : await runCommand("script", ["-qec", `stty cols ${columns}; ${command} > /dev/null`, "/dev/null"]);
  assertEquals(code, 0, stderr);
  const text = columns === null ? stderr : stdout.replaceAll("\r\n", "\n");
  return text.split("\n").filter((line) => !line.startsWith("Warning:")).join("\n");
}

Deno.test("in a log file each epoch leaves a line at most, without control characters", async () => {
  const text = await shown({ batches: 5, trainer: { enableProgressBar: true, maxEpochs: 8 } }, null);
  assertEquals(["\r", "\x1b", "\b"].filter((control) => text.includes(control)), []);
  const lines = text.trimEnd().split("\n");
  assert(lines.length >= 2 && lines.length <= 4, text);
  assertMatch(
    lines[0],
    /^Epoch 0: 100% \|█{20}\| 5\/5 \[00:0\d<00:00, \d+\.\d it\/s\] train_loss=-\d\S+ val_loss=1$/,
  );
  assertMatch(lines.at(-1)!, /^Epoch 7: 100% /);
});

// `script`, which lends a terminal, takes other arguments on other systems.
const ignore = Deno.build.os !== "linux";

Deno.test("in a terminal one line is drawn over and over, never wider than the terminal", { ignore }, async () => {
  const columns = 60;
  const text = await shown({ trainer: { enableProgressBar: true, maxEpochs: 2, numSanityValSteps: 2 } }, columns);
  const lines = text.trimEnd().split("\n");
  assertEquals(lines.length, 2, text);
  for (const [epoch, line] of lines.entries()) {
    const drawings = line.split("\r");
    assert(drawings.every((drawing) => [...drawing].length < columns), line);
    assertMatch(drawings.at(-1)!, new RegExp(`^Epoch ${epoch}: 100% `));
    assert(drawings.filter((drawing) => drawing.startsWith(`Epoch ${epoch}: `)).length >= 2, line);
  }
  assertMatch(lines[0], /\rSanity check: /);
});

Deno.test("refreshRate says after how many batches it is drawn; 0 shows nothing", { ignore }, async () => {
  const drawn = async (refreshRate: number) => {
    const options = { batches: 20, rich: { refreshRate, refreshMilliseconds: 0 }, trainer: { maxEpochs: 1 } };
    const text = await shown({ ...options, sleep: 1 }, 100);
    return new Set([...text.matchAll(/ (\d+)\/20/g)].map(([, done]) => Number(done)));
  };
  assertEquals(await drawn(8), new Set([8, 16, 20]));
  assertEquals((await drawn(1)).size, 20);
  assertEquals(await drawn(0), new Set());
});

Deno.test("what is said meanwhile has a line of its own, and the bar goes on below it", { ignore }, async () => {
  const text = await shown({ says: "a word", trainer: { enableProgressBar: true, maxEpochs: 1 } }, 60);
  const [said, bar, ...more] = text.trimEnd().split("\n").map((line) => line.split("\r"));
  assertEquals([said.at(-1), more], ["a word", []], text);
  assertEquals(said.at(-2)!.trim(), "", text);
  assert(said.some((drawing) => drawing.startsWith("Epoch 0: ")), text);
  assertMatch(bar.at(-1)!, /^Epoch 0: 100% /);
});

Deno.test("the rich bar has colours in a terminal, no wider than it, and none in a log file", { ignore }, async () => {
  const columns = 70, trainer = { enableProgressBar: true, maxEpochs: 1 };
  const text = await shown({ rich: true, trainer }, columns);
  // deno-lint-ignore no-control-regex -- the codes are what is looked for
  const plain = text.replace(/\x1b\[\d+m/g, "");
  assert(text.includes("\x1b[32m█") && text.includes("\x1b[1mEpoch 0\x1b[0m"), text);
  assert(plain.trimEnd().split(/[\r\n]/).every((drawing) => [...drawing].length < columns), plain);
  assertMatch(plain.trimEnd().split("\r").at(-1)!, /^Epoch 0: 100% \|█{20}\| 20\/20 \[00:0\d<00:00, /);
  assert(!(await shown({ rich: true, trainer }, null)).includes("\x1b"));
});

Deno.test("enableProgressBar: false shows nothing", async () => {
  assertEquals(await shown({ trainer: { maxEpochs: 1 } }, null), "");
});

Deno.test("test and prediction show what they logged, not what training did", async () => {
  const text = await shown({ batches: 5, after: true, trainer: { enableProgressBar: true, maxEpochs: 1 } }, null);
  const [epoch, validation, test, prediction] = text.split("\n").filter((line) => line.includes("100%"));
  assertMatch(epoch, /^Epoch 0: 100% .* train_loss=\S+ val_loss=1$/);
  assertMatch(validation, /^Validation: 100% [^=]*\] val_loss=1$/);
  assertMatch(test, /^Test: 100% [^=]*\] test_loss=1$/);
  assertMatch(prediction, /^Prediction: 100% [^=]*\]$/);
});

Deno.test("columns of a terminal are counted, not letters: wide ones take two, marks none, and a line stays one", () => {
  assertEquals(["loss", "損失", "ロス🚀", "e\u0301", "👍"].map(columnsOf), [4, 4, 6, 1, 2]);
  assertEquals([fitted("損失=1", 3), fitted("損失=1", 4), fitted("a\nb\x1b", 9)], ["損", "損失", "a b "]);
  assertEquals(drawTable(["name", "x"], [["損失", "1"], ["a", "2"]]), ["name | x", "--------", "損失 | 1", "a    | 2"]);
});

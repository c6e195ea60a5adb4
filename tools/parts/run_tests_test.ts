import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { joinPath, makeTempDir, remove, runCommand, writeFile } from "../../platform/mod.ts";
import type { Outcome } from "./part.ts";
import { parseJunit } from "./run_tests.ts";

/** Runs a test file of this text through `denoTest`. */
const outcomeOf = (source: string) =>
  outcomeIn("sample_test.ts", source, (file) => `denoTest(["--no-check", "--no-config", ${file}])`);

/** What a call makes of a file of this text, in a process of its own so that its output stays apart. */
async function outcomeIn(
  name: string,
  source: string,
  call: (file: string) => string,
): Promise<{ outcome: Outcome; printed: string }> {
  const folder = await makeTempDir();
  try {
    const file = joinPath(folder, name);
    await writeFile(file, source);
    const code = `
      import { denoTest, examplesOf } from "${new URL("./run_tests.ts", import.meta.url)}";
      console.log("\\n" + JSON.stringify(await ${call(JSON.stringify(file))}));`;
    const { stdout, stderr } = await runCommand(Deno.execPath(), ["run", "-A", "-"], {
      stdin: code,
      env: { NO_COLOR: "1" },
    });
    const line = stdout.trim().split("\n").at(-1) ?? "";
    assert(line.startsWith("{"), stdout + stderr);
    return { outcome: JSON.parse(line), printed: stdout + stderr };
  } finally {
    await remove(folder, { recursive: true });
  }
}

Deno.test("parseJunit tells passed, failed and skipped cases apart and unescapes names", () => {
  const xml = `<testsuite name="f"><testcase name="a &lt;b&gt; &amp;amp; &quot;c&quot;" classname="f" time="0">
    </testcase><testcase name="d" classname="f"><failure message="x">y</failure></testcase>
    <testcase name="e" classname="f"><skipped/></testcase></testsuite>`;
  assertEquals(parseJunit(xml), [
    { name: `a <b> &amp; "c"`, file: "f", state: "passed" },
    { name: "d", file: "f", state: "failed" },
    { name: "e", file: "f", state: "skipped" },
  ]);
});

Deno.test("denoTest counts tests and names what failed and what was skipped", async () => {
  const { outcome, printed } = await outcomeOf(`
    Deno.test("good", () => {});
    Deno.test("bad", () => { throw new Error("the reason"); });
    Deno.test({ name: "not here: no browser", ignore: true, fn() {} });`);
  assertEquals([outcome.passed, outcome.failed, outcome.skipped], [1, 1, 1]);
  assertEquals(outcome.notes.length, 2);
  assertStringIncludes(outcome.notes[0], "failed: ");
  assertStringIncludes(outcome.notes[1], "not here: no browser");
  assertStringIncludes(printed, "the reason");
});

Deno.test("denoTest counts a run that ends without a failed test as one failure", async () => {
  const crash = await outcomeOf(`Deno.test("ends the process", () => { Deno.kill(Deno.pid, "SIGKILL"); });`);
  assertEquals([crash.outcome.passed, crash.outcome.failed], [0, 1]);
  const broken = await outcomeOf(`import "./missing.ts";`);
  assertEquals([broken.outcome.passed, broken.outcome.failed], [0, 1]);
});

Deno.test("an example whose assertion does not hold has failed", async () => {
  const page =
    "```ts\nconsole.assert(Number(`1`) === 1);\n```\n\n```ts\nconsole.assert(Number(`1`) === 2, `why`);\n```\n";
  const { outcome, printed } = await outcomeIn("page.md", page, (file) => `examplesOf([${file}])`);
  assertEquals([outcome.passed, outcome.failed], [1, 1]);
  assertStringIncludes(printed, "does not hold why");
});

import { assert, assertEquals, assertRejects } from "@std/assert";
import { execPath, runCommand } from "./mod.ts";
import { testIf } from "../testing/test_if.ts";

Deno.test("runCommand returns code and output and passes input and variables", async () => {
  const code = `
    const text = await new Response(Deno.stdin.readable).text();
    console.log(text.toUpperCase() + Deno.env.get("FULGURITE_TEST"));
    console.error("é");
    Deno.exit(3);`;
  const result = await runCommand(Deno.execPath(), ["eval", code], { stdin: "in", env: { FULGURITE_TEST: "value" } });
  assertEquals(result, { code: 3, stdout: "INvalue\n", stderr: "é\n" });
});

Deno.test("runCommand without input gives the command an empty one", async () => {
  const code = `console.log((await new Response(Deno.stdin.readable).text()).length)`;
  assertEquals((await runCommand(Deno.execPath(), ["eval", code])).stdout, "0\n");
});

Deno.test("runCommand survives a command that does not read its input", async () => {
  const result = await runCommand(Deno.execPath(), ["eval", "Deno.exit(0)"], { stdin: new Uint8Array(1 << 20) });
  assertEquals(result.code, 0);
});

Deno.test("runCommand rejects when there is no such command", async () => {
  await assertRejects(
    () => runCommand("fulgurite-no-such-command", []),
    Error,
    "Cannot run fulgurite-no-such-command in runCommand",
  );
});

testIf(
  Deno.build.os !== "windows",
  "Windows has no such signals",
  "runCommand counts a signal as shells do",
  async () => {
    const result = await runCommand(Deno.execPath(), ["eval", `Deno.kill(Deno.pid, "SIGKILL")`]);
    assertEquals(result.code, 137);
  },
);

testIf(
  Deno.build.os !== "windows",
  "Windows has no such signals",
  "onInterrupt receives Ctrl-C until it is ended, and keeps no process alive",
  async () => {
    const module = new URL("./mod.ts", import.meta.url).href;
    const code = `
      import { onInterrupt, writeOut } from "${module}";
      const restore = onInterrupt(() => { writeOut("caught "); restore(); });
      onInterrupt(() => {})();
      const wait = () => new Promise((done) => setTimeout(done, 50));
      Deno.kill(Deno.pid, "SIGINT");
      await wait();
      writeOut("after ");
      Deno.kill(Deno.pid, "SIGINT");
      await wait();
      writeOut("never");`;
    const result = await runCommand(Deno.execPath(), ["eval", code]);
    assertEquals([result.stdout, result.code], ["caught after ", 130], result.stderr);
    const idle = `import { onInterrupt } from "${module}"; onInterrupt(() => {});`;
    assertEquals((await runCommand(Deno.execPath(), ["eval", idle])).code, 0);
  },
);

Deno.test("a command that outlives its signal is ended", async () => {
  const started = performance.now();
  const slow = () =>
    runCommand(Deno.execPath(), ["eval", "setTimeout(() => {}, 60_000)"], { signal: AbortSignal.timeout(300) });
  await assertRejects(slow, Error, "Cannot run");
  assert(performance.now() - started < 20_000);
});

Deno.test("execPath is the program that runs this", () => {
  assertEquals(execPath(), Deno.execPath());
});

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  args,
  basename,
  dirname,
  env,
  hostMemory,
  isTerminal,
  joinPath,
  runCommand,
  runtime,
  setEnv,
  sha256,
  systemInfo,
  tempDir,
  terminalColumns,
} from "./mod.ts";
import { testIf } from "../testing/test_if.ts";

const module = new URL("./mod.ts", import.meta.url).href;

/** Runs code in a Deno of its own and returns what it prints. */
async function evaluate(code: string, flags: string[] = ["-A"], scriptArgs: string[] = []): Promise<string> {
  const result = await runCommand(Deno.execPath(), ["run", ...flags, "--no-lock", "-", ...scriptArgs], { stdin: code });
  assertEquals(result.code, 0, result.stderr);
  return result.stdout;
}

Deno.test("env reads what setEnv sets, and what is not set is undefined", () => {
  assertEquals(runtime, "deno");
  setEnv("FULGURITE_TEST_VARIABLE", "1");
  assertEquals(env("FULGURITE_TEST_VARIABLE"), "1");
  assertEquals(Deno.env.get("FULGURITE_TEST_VARIABLE"), "1");
  setEnv("FULGURITE_TEST_VARIABLE", undefined);
  assertEquals(env("FULGURITE_TEST_VARIABLE"), undefined);
});

Deno.test("env asks no question where reading is not permitted", async () => {
  const code = `import { env } from "${module}"; console.log(env("HOME"))`;
  assertEquals(await evaluate(code, ["--no-prompt", "--allow-read"]), "undefined\n");
});

Deno.test("args are those of the command line", async () => {
  assert(Array.isArray(args()));
  const code = `import { args } from "${module}"; console.log(JSON.stringify(args()))`;
  assertEquals(await evaluate(code, ["-A"], ["--lr", "0.1"]), `["--lr","0.1"]\n`);
});

Deno.test("the host's facts are plausible", () => {
  const { total, available } = hostMemory();
  assert(total > 2 ** 28 && available > 0 && available <= total, `${available} of ${total}`);
  const info = systemInfo();
  assertEquals(info.arch, ({ x86_64: "x64", aarch64: "arm64" } as const)[Deno.build.arch]);
  assertEquals(info.isRoot, Deno.uid() === 0);
  assert(info.cores >= 1 && info.release.length > 0);
});

Deno.test("paths are joined, resolved and split", () => {
  assertEquals(joinPath("a", "..", "b", "./c"), "b/c".replaceAll("/", joinPath("x", "y")[1]));
  assertEquals(basename(joinPath("a", "b.txt")), "b.txt");
  assertEquals(dirname(joinPath("a", "b.txt")), "a");
  assertEquals(dirname("b.txt"), ".");
  assert(tempDir().length > 0);
});

testIf(
  Deno.build.os === "linux",
  "other systems have other habits",
  "cacheDir follows FULGURITE_CACHE and the system's habit",
  async () => {
    const code = `import { cacheDir } from "${module}"; console.log(cacheDir())`;
    const at = async (variables: Record<string, string | undefined>) =>
      (await runCommand(Deno.execPath(), ["eval", code], { env: variables })).stdout.trim();
    const unset = { FULGURITE_CACHE: undefined, XDG_CACHE_HOME: undefined, DENO_DIR: undefined };
    assertEquals(await at({ ...unset, HOME: "/h" }), "/h/.cache/fulgurite");
    assertEquals(await at({ ...unset, HOME: "/h", XDG_CACHE_HOME: "/x" }), "/x/fulgurite");
    assertEquals(await at({ ...unset, FULGURITE_CACHE: "/c" }), "/c");
  },
);

Deno.test("a piped stream is no terminal, and its width comes from COLUMNS", async () => {
  const code = `import { isTerminal, terminalColumns } from "${module}";
    console.log(isTerminal("stdin"), isTerminal(), isTerminal("stderr"), terminalColumns())`;
  const run = (COLUMNS: string | undefined) => runCommand(Deno.execPath(), ["eval", code], { env: { COLUMNS } });
  assertEquals((await run("33")).stdout, "false false false 33\n");
  assertEquals((await run("wide")).stdout, "false false false 80\n");
  assertEquals(typeof isTerminal(), "boolean");
  assert(terminalColumns() > 0);
});

Deno.test("writeOut and writeErr write everything before an exit", async () => {
  const code = `import { writeErr, writeOut } from "${module}";
    writeOut("x".repeat(1 << 20)); writeErr("e"); Deno.exit(0);`;
  const result = await runCommand(Deno.execPath(), ["eval", code]);
  assertEquals([result.stdout.length, result.stderr], [1 << 20, "e"]);
});

Deno.test("sha256 agrees with the published test vectors", async () => {
  const sum = (text: string) => sha256(new TextEncoder().encode(text));
  assertEquals(await sum("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assertEquals(await sum(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const shared = new Uint8Array(new SharedArrayBuffer(3));
  shared.set(new TextEncoder().encode("abc"));
  assertEquals(await sha256(shared.subarray(0, 3)), await sum("abc"));
});

Deno.test("without Deno and process the module still loads, and file calls say why they fail", async () => {
  const code = `
    const { Deno: deno, process } = globalThis;
    delete globalThis.Deno; delete globalThis.process;
    const platform = await import("${module}");
    const lines = [platform.runtime, platform.args().length, platform.env("HOME"), platform.joinPath("a", "../b", "./c"),
      platform.joinPath("/a", "..", "..", "b"), platform.dirname("/a"), platform.basename("x/y/")];
    for (const call of [() => platform.readFile("x"), () => platform.exists("x"), () => platform.runCommand("x", [])]) {
      try { await call(); } catch (error) { lines.push(error.message); }
    }
    globalThis.Deno = deno; globalThis.process = process;
    console.log(lines.join("\\n"));`;
  const lines = (await evaluate(code)).trim().split("\n");
  assertEquals(lines.slice(0, 7), ["browser", "0", "", "b/c", "/b", "/", "y"]);
  assertEquals(lines.length, 10, lines.join("\n"));
  for (const message of lines.slice(7)) assertMatch(message, /^Cannot .*: a browser offers no such access/);
});

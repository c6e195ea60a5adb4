// platform/ as other hosts see it: bundled for browsers, and run by Node.
import { assertEquals } from "@std/assert";
import { joinPath, makeTempDir, readText, remove, runCommand } from "../platform/mod.ts";

const node = await runCommand("node", ["--version"]).then(({ stdout }) => stdout.trim(), () => "");

/** Bundles platform/mod.ts and hands the bundle's path over. */
async function withBundle(test: (bundle: string, folder: string) => Promise<void>): Promise<void> {
  const folder = await makeTempDir();
  try {
    const bundle = joinPath(folder, "platform.mjs");
    const source = new URL("../platform/mod.ts", import.meta.url).pathname;
    const { code, stderr } = await runCommand(Deno.execPath(), ["bundle", "--quiet", "-o", bundle, source]);
    assertEquals(code, 0, stderr);
    await test(bundle, folder);
  } finally {
    await remove(folder, { recursive: true });
  }
}

Deno.test("a bundle of platform/ imports nothing from its host", () =>
  withBundle(async (bundle) => {
    const imports = (await readText(bundle)).split("\n").filter((line) =>
      /^\s*(import\b|.*\b(import|require)\()/.test(line)
    );
    assertEquals(imports, []);
  }));

Deno.test({
  name: `platform/ works under Node${node ? "" : " (no node on the PATH)"}`,
  ignore: !node,
  fn: () =>
    withBundle(async (bundle, folder) => {
      const program = `
        import * as p from ${JSON.stringify(bundle)};
        const file = p.joinPath(${JSON.stringify(folder)}, "file");
        await p.writeFileAtomic(file, ["a", new Uint8Array([98])]);
        await p.appendFile(file, "c");
        const { stdout } = await p.runCommand(process.execPath, ["-e", "process.stdout.write(process.env.X)"], { env: { X: "y" } });
        const missing = await p.readFile(file + "2").catch((error) => error.name + " " + error.code);
        p.writeOut(JSON.stringify([p.runtime, p.args(), await p.readText(file), stdout, missing,
          p.hostMemory().total > 0, (await p.sha256(await p.readFile(file))).slice(0, 8)]) + "\\n");`;
      const { stdout, stderr } = await runCommand("node", ["--input-type=module", "-", "--flag"], { stdin: program });
      assertEquals(
        stdout.trim(),
        JSON.stringify(["node", ["--flag"], "abc", "y", "FileError ENOENT", true, "ba7816bf"]),
        stderr,
      );
    }),
});

// The library under plain Node: bundled, with Dawn from npm, it trains to the same numbers.
import { assert, assertEquals } from "@std/assert";
import { bundle } from "../examples/browser/serve.ts";
import { openDevice } from "../device/mod.ts";
import { joinPath, makeTempDir, readText, remove, runCommand, writeFile } from "../platform/mod.ts";
import { fitLine } from "./_line.ts";

// Where there is no Node, Deno puts itself under that name on the PATH.
const node =
  await runCommand("node", ["-p", "typeof Deno"]).then(({ stdout }) => stdout.trim(), () => "") === "undefined";
/** Under Node there is no other WebGPU than Dawn. */
const dawn = node && await openDevice({ backend: "dawn" }).then((device) => {
  device.destroy();
  return true;
}, () => false);
const missing = !node ? " (no node on the PATH)" : !dawn ? " (Dawn finds no adapter here)" : "";

/** A folder in which Node finds the npm package `webgpu`, of the version that deno.json asks for. */
async function withDawn(test: (folder: string) => Promise<void>): Promise<void> {
  const config = JSON.parse(await readText(new URL("../deno.json", import.meta.url).pathname)) as {
    imports: Record<string, string>;
  };
  const folder = await makeTempDir();
  try {
    const dependencies = { webgpu: config.imports.webgpu.replace("npm:webgpu@", "") };
    await writeFile(joinPath(folder, "package.json"), JSON.stringify({ type: "module", dependencies }));
    const { code, stderr } = await runCommand(Deno.execPath(), ["install", "--quiet"], { cwd: folder });
    assertEquals(code, 0, stderr);
    await test(folder);
  } finally {
    await remove(folder, { recursive: true });
  }
}

Deno.test({
  name: `a bundled training runs under Node as it does under Deno${missing}`,
  ignore: missing !== "",
  fn: () =>
    withDawn(async (folder) => {
      await writeFile(joinPath(folder, "line.js"), await bundle(new URL("_line.ts", import.meta.url)));
      await writeFile(
        joinPath(folder, "main.js"),
        `import { fitLine } from "./line.js";
        console.log("\\n" + JSON.stringify(await fitLine()));`,
      );
      const { code, stdout, stderr } = await runCommand("node", ["main.js"], { cwd: folder });
      assertEquals(code, 0, stderr);
      const underNode = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Awaited<ReturnType<typeof fitLine>>;
      const here = await fitLine();
      // The same Dawn on the same adapter: every bit.
      assertEquals(underNode, here);
      assertEquals(here.losses.length, 20);
      assert(here.losses[19] < 0.05 * here.losses[0], `the losses fall, they are ${here.losses}`);
    }),
});

/**
 * Every folder of kernels/ is complete: the operation, its WGSL, its test, and a gradient or an explicit `null`.
 *
 * A folder without WGSL must lean on the table of pointwise operations, whose entries hold expressions instead.
 */
import { assert, assertEquals } from "@std/assert";

const KERNELS = new URL("../kernels/", import.meta.url);

/** Source files of a folder, by name. */
async function filesOf(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const entry of Deno.readDir(new URL(`${folder}/`, KERNELS))) {
    if (entry.isFile) files.set(entry.name, await Deno.readTextFile(new URL(`${folder}/${entry.name}`, KERNELS)));
  }
  return files;
}

/** What is missing in a folder. */
function missing(folder: string, files: ReadonlyMap<string, string>): string[] {
  const names = [...files.keys()];
  const code = names.filter((name) => name.endsWith(".ts") && !name.endsWith("_test.ts"));
  const found: string[] = [];
  if (code.length === 0) found.push("an operation (.ts)");
  if (!names.some((name) => name.endsWith("_test.ts"))) found.push("a test (_test.ts)");
  const pointwise = folder === "elementwise" || code.some((name) => files.get(name)!.includes("/elementwise/"));
  if (!names.some((name) => name.endsWith(".wgsl")) && !pointwise) found.push("WGSL (.wgsl)");
  for (const name of code) {
    // An operation record is `const nameOp: Op<…> = {` at the start of a line; it ends at the next closing brace there.
    for (const [record, op] of files.get(name)!.matchAll(/^(?:export )?const (\w+): Op<[^\n]*= \{$[\s\S]*?^\};?$/gm)) {
      if (!/^ {2}grad(?::|\()/m.test(record)) found.push(`a gradient, or null, of ${op} in ${name}`);
    }
  }
  return found;
}

Deno.test("every folder of kernels/ holds an operation, WGSL, a test, and a gradient or null", async () => {
  const wrong: string[] = [];
  let folders = 0;
  for await (const entry of Deno.readDir(KERNELS)) {
    if (!entry.isDirectory || entry.name === "_shared") continue;
    folders++;
    const found = missing(entry.name, await filesOf(entry.name));
    if (found.length > 0) wrong.push(`kernels/${entry.name} lacks ${found.join(", ")}`);
  }
  assert(folders > 0, "kernels/ must have folders");
  assertEquals(wrong, []);
});

Deno.test("the check sees what is missing", () => {
  const op = (body: string) => `export const aOp: Op<null> = {\n  name: "a",\n${body}\n};\n`;
  const complete = new Map([["a.ts", op("  grad: null,")], ["a.wgsl", ""], ["a_test.ts", ""]]);
  assertEquals(missing("a", complete), []);
  assertEquals(missing("a", new Map([["a_test.ts", ""]])), ["an operation (.ts)", "WGSL (.wgsl)"]);
  assertEquals(missing("a", new Map([["a.ts", `import "../elementwise/mod.ts";`]])), ["a test (_test.ts)"]);
  const without = new Map([...complete, ["a.ts", op("  forward() {\n    if (grad) {\n    }\n  },")]]);
  assertEquals(missing("a", without), ["a gradient, or null, of aOp in a.ts"]);
});

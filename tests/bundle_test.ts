// What a page loads: one module without imports, and how large it is.
import { assert, assertEquals } from "@std/assert";
import { bundle } from "../examples/browser/serve.ts";

/** Specifiers of everything that a module imports, read by Deno's own parser. */
function importsOf(source: string): string[] {
  const found: string[] = [];
  const take = (node: Deno.lint.Node | null) => {
    if (node !== null) found.push(node.type === "Literal" ? String(node.value) : "(computed)");
  };
  Deno.lint.runPlugin(
    {
      name: "imports",
      rules: {
        imports: {
          create: () => ({
            ImportDeclaration: (node) => take(node.source),
            ExportAllDeclaration: (node) => take(node.source),
            ExportNamedDeclaration: (node) => take(node.source),
            ImportExpression: (node) => take(node.source),
            CallExpression(node) {
              if (node.callee.type === "Identifier" && node.callee.name === "require") take(node.arguments[0] ?? null);
            },
          }),
        },
      },
    },
    "bundle.js",
    source,
  );
  return found;
}

async function compressed(text: string): Promise<number> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).bytes()).length;
}

const kib = (bytes: number) => `${(bytes / 1024).toFixed(0)} KiB`;

Deno.test("the page's bundle imports nothing that a browser lacks", async () => {
  const entry = new URL("../examples/browser/main.ts", import.meta.url);
  const [plain, minified] = await Promise.all([bundle(entry), bundle(entry, { minify: true })]);
  // Dawn, which is asked for outside of browsers only.
  assertEquals(importsOf(plain), ["webgpu"]);
  assertEquals(importsOf(minified), ["webgpu"]);
  const sizes = [plain, minified].map((text) => kib(text.length));
  console.log(
    `Bundle of the page: ${sizes[0]}, minified ${sizes[1]}, and compressed ${kib(await compressed(minified))}`,
  );
  assert(minified.length < plain.length);
});

Deno.test("importsOf sees every way to import", () => {
  const source = `import a from "a"; export * from "b"; export { c } from "node:c"; await import("d"); require("e");
    await import(\`node:\${a}\`); // import "f"
    export const g = 'import "h"';`;
  assertEquals(importsOf(source), ["a", "b", "node:c", "d", "e", "(computed)"]);
});

// What a page loads: one module without imports, and how large it is.
import { assert, assertEquals } from "@std/assert";
import { bundle, handler } from "../examples/browser/serve.ts";
import { joinPath, makeTempDir, remove, writeFile } from "../platform/mod.ts";

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

Deno.test("the server answers with page, program and digits, compressed ones too, and with nothing else", async () => {
  const folder = await makeTempDir();
  try {
    const idx = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 5, 7);
    const packed = await new Response(new Blob([idx]).stream().pipeThrough(new CompressionStream("gzip"))).bytes();
    await writeFile(joinPath(folder, "train-labels-idx1-ubyte"), idx);
    await writeFile(joinPath(folder, "t10k-labels-idx1-ubyte.gz"), packed);
    await writeFile(joinPath(folder, "secret"), "none of it");
    const answer = handler({ page: "<h1>", program: "1;", dataFolder: folder });
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${server.addr.port}${path}`);
      return [response.status, response.headers.get("content-type"), [...await response.bytes()]];
    };
    const bytes = (text: string) => [...new TextEncoder().encode(text)];
    assertEquals(await get("/"), [200, "text/html; charset=utf-8", bytes("<h1>")]);
    assertEquals(await get("/main.js"), [200, "text/javascript; charset=utf-8", bytes("1;")]);
    assertEquals(await get("/data/train-labels-idx1-ubyte"), [200, "application/octet-stream", [...idx]]);
    assertEquals(await get("/data/t10k-labels-idx1-ubyte"), [200, "application/octet-stream", [...idx]]);
    for (const path of ["/data/secret", "/data/t10k-labels-idx1-ubyte.gz", "/data/train-images-idx3-ubyte", "/x"]) {
      assertEquals((await get(path))[0], 404, path);
    }
    await server.shutdown();
  } finally {
    await remove(folder, { recursive: true });
  }
});

/**
 * Bundles the page with `deno bundle`, prepares MNIST, and serves both on this machine: `deno task browser`, then open the
 * address that it prints. `--port` chooses the port.
 */
import { parseArgs } from "@std/cli";
import { fileURLToPath } from "node:url";
import { gunzip, prepareMnist } from "../../data/mod.ts";
import { exists, joinPath, readFile } from "../../platform/mod.ts";

const PARTS = [
  "train-images-idx3-ubyte",
  "train-labels-idx1-ubyte",
  "t10k-images-idx3-ubyte",
  "t10k-labels-idx1-ubyte",
];

/** The JavaScript of a browser program. */
export async function bundle(entry: URL): Promise<string> {
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const flags = ["--quiet", "--platform", "browser", "--external", "webgpu", "--config", config];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", ...flags, fileURLToPath(entry)],
  }).output();
  if (!success) throw new Error(`Cannot bundle ${entry.pathname}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** A file of MNIST as IDX, whether it is kept compressed or not. */
async function idxFile(folder: string, name: string): Promise<Uint8Array<ArrayBuffer>> {
  const path = joinPath(folder, name);
  return await exists(path) ? await readFile(path) : await gunzip(await readFile(`${path}.gz`), `${name}.gz`);
}

/** Answers requests for the page, its program and its data. */
export function handler(page: string, program: string, dataFolder: string): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname } = new URL(request.url);
    const reply = (body: BodyInit, type: string) => new Response(body, { headers: { "content-type": type } });
    if (pathname === "/") return reply(page, "text/html; charset=utf-8");
    if (pathname === "/main.js") return reply(program, "text/javascript; charset=utf-8");
    const part = PARTS.find((name) => pathname === `/data/${name}`);
    if (part !== undefined) return reply(await idxFile(dataFolder, part), "application/octet-stream");
    return new Response("There is no such file here", { status: 404 });
  };
}

if (import.meta.main) {
  const port = Number(parseArgs(Deno.args, { string: ["port"] }).port ?? 8000);
  const [page, program, folder] = await Promise.all([
    Deno.readTextFile(new URL("index.html", import.meta.url)),
    bundle(new URL("main.ts", import.meta.url)),
    prepareMnist(),
  ]);
  Deno.serve({
    hostname: "127.0.0.1",
    port,
    onListen: ({ port }) => console.log(`Open http://localhost:${port} in a browser with WebGPU; Ctrl-C ends it`),
  }, handler(page, program, folder));
}

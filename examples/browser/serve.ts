/**
 * Bundles the page with `deno bundle`, prepares MNIST, and serves both to this machine: `deno task browser`, then open
 * the address that it prints. `--port` chooses the port.
 */
import { parseArgs } from "@std/cli";
import { fileURLToPath } from "node:url";
import { prepareMnist } from "../../data/mod.ts";
import { exists, joinPath, makeTempDir, readFile, readText, remove, runCommand } from "../../platform/mod.ts";

const here = (name: string) => new URL(name, import.meta.url);

/** The files of MNIST, as the page asks for them. */
const PARTS = [
  "train-images-idx3-ubyte",
  "train-labels-idx1-ubyte",
  "t10k-images-idx3-ubyte",
  "t10k-labels-idx1-ubyte",
];

/** The JavaScript of a program for browsers: one module, which imports nothing that a browser lacks. */
export async function bundle(entry: URL, { minify = false }: { minify?: boolean } = {}): Promise<string> {
  const folder = await makeTempDir();
  try {
    const output = joinPath(folder, "program.js");
    const { code, stderr } = await runCommand(Deno.execPath(), [
      "bundle",
      "--quiet",
      "--platform",
      "browser",
      // Dawn, which a browser has no use for: its import is reached outside of browsers only.
      "--external",
      "webgpu",
      ...minify ? ["--minify"] : [],
      "--config",
      fileURLToPath(here("../../deno.json")),
      "--output",
      output,
      fileURLToPath(entry),
    ]);
    if (code !== 0) throw new Error(`Cannot bundle ${fileURLToPath(entry)}: ${stderr.trim()}`);
    return await readText(output);
  } finally {
    await remove(folder, { recursive: true });
  }
}

/** What the page is made of. */
export interface Site {
  /** The page's HTML. */
  page: string;
  /** Its program. */
  program: string;
  /** The folder that holds the files of MNIST. */
  dataFolder: string;
}

/** Bundles the page's program and prepares its data. */
export async function buildSite(): Promise<Site> {
  const [page, program, dataFolder] = await Promise.all([
    Deno.readTextFile(here("index.html")),
    bundle(here("main.ts")),
    prepareMnist(),
  ]);
  return { page, program, dataFolder };
}

/** Answers requests for the page, its program and its data. */
export function handler({ page, program, dataFolder }: Site): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname } = new URL(request.url);
    const reply = (body: BodyInit, type: string, more: HeadersInit = {}) =>
      new Response(body, { headers: { "content-type": type, "cache-control": "no-cache", ...more } });
    if (pathname === "/") return reply(page, "text/html; charset=utf-8");
    if (pathname === "/main.js") return reply(program, "text/javascript; charset=utf-8");
    const part = PARTS.find((name) => pathname === `/data/${name}`);
    const type = "application/octet-stream";
    if (part !== undefined) {
      const path = joinPath(dataFolder, part), packed = `${path}.gz`;
      if (await exists(path)) return reply(await readFile(path), type);
      if (await exists(packed)) return reply(await readFile(packed), type, { "content-encoding": "gzip" });
    }
    return new Response("There is no such file here", { status: 404 });
  };
}

async function main(): Promise<void> {
  const { port: given, _: rest, ...others } = parseArgs(Deno.args.filter((arg) => arg !== "--"), { string: ["port"] });
  const port = Number(given ?? 8000);
  if (
    rest.length > 0 || Object.keys(others).length > 0 || given === "" || !Number.isInteger(port) || port < 0 ||
    port > 65_535
  ) {
    console.error("Serves a page that trains on MNIST in your browser.\n\n  deno task browser [--port 8000]");
    Deno.exit(2);
  }
  const site = await buildSite();
  try {
    Deno.serve({
      hostname: "127.0.0.1",
      port,
      onListen: ({ port }) =>
        console.log(`Open http://localhost:${port} in a browser with WebGPU; Ctrl-C ends the server`),
    }, handler(site));
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    console.error(`Cannot serve on port ${port}: it is taken, choose another one with --port`);
    Deno.exit(1);
  }
}

if (import.meta.main) await main();

import { exists, joinPath, readText } from "../../platform/mod.ts";
import type { Outcome, Part } from "./part.ts";
import { root, streamDeno } from "./stream.ts";

/** A part that passes when a Deno command ends with 0. */
function command(name: string, args: () => Promise<string[]> | string[]): Part {
  return {
    name,
    async run(): Promise<Outcome> {
      const all = await args();
      const { code } = await streamDeno(all);
      if (code === 0) return { passed: 1, failed: 0, skipped: 0, notes: [] };
      return { passed: 0, failed: 1, skipped: 0, notes: [`failed: deno ${all.join(" ")} ended with code ${code}`] };
    },
  };
}

/** The modules that the package exports, from deno.json. */
async function exportedModules(): Promise<string[]> {
  const { exports } = JSON.parse(await readText(joinPath(root, "deno.json"))) as {
    exports: string | Record<string, string>;
  };
  const paths = typeof exports === "string" ? [exports] : Object.values(exports);
  for (const path of paths) {
    if (!await exists(joinPath(root, path))) throw new Error(`deno.json exports ${path}, which does not exist`);
  }
  return paths;
}

/** What can be checked without running the library. */
export const checks: readonly Part[] = [
  command("fmt", () => ["fmt", "--check"]),
  command("lint", () => ["lint"]),
  // --frozen: a dependency that is not in deno.lock is somebody's unfinished commit.
  command("check", () => ["check", "--frozen"]),
  // A project of its own; its types need the peers' packages, but for those that tests/peers_test.ts takes in.
  command("fmt peers", () => ["fmt", "--check", "--config", "bench/peers/deno.json", "bench/peers"]),
  command("lint peers", () => ["lint", "--config", "bench/peers/deno.json", "bench/peers"]),
  command("doc lint", async () => ["doc", "--lint", ...await exportedModules()]),
  command("wgsl", () => ["run", "-A", "tools/embed_wgsl.ts", "--check"]),
  command("methods", () => ["run", "-A", "tools/methods.ts", "--check"]),
  command("publish", () => ["publish", "--dry-run", "--allow-dirty"]),
];

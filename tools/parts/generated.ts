import { exists, joinPath, readText, writeFile } from "../../platform/mod.ts";
import { root } from "./stream.ts";

/**
 * Writes a generated file where it has changed; with `--check` on the command line a stale one ends the process with 1.
 *
 * @param path The file, from the root
 * @param task The task that writes it
 * @param text What it must hold
 */
export async function keepGenerated(path: string, task: string, text: string): Promise<void> {
  const target = joinPath(root, path);
  if (await exists(target) && await readText(target) === text) return;
  if (Deno.args.includes("--check")) {
    console.error(`${path} is stale: run \`deno task ${task}\``);
    Deno.exit(1);
  }
  await writeFile(target, text);
  console.log(`wrote ${path}`);
}

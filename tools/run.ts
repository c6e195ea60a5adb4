/**
 * Runs a script after the set-up, in a process that sees the adapter which the set-up found:
 * `deno run -A tools/run.ts SCRIPT ARGUMENTS…`.
 *
 * @module
 */
import { onInterrupt, runCommand, writeErr } from "../platform/mod.ts";
import { setUpAdapter, SetupError } from "./setup.ts";

/**
 * Runs a Deno script with this process' streams and hands its exit code on.
 *
 * @param script Its path
 * @param args Its arguments
 * @param environment Variables on top of this process' own
 * @returns The exit code
 */
export async function runScript(script: string, args: string[], environment: Record<string, string>): Promise<number> {
  // Ctrl-C reaches every process of the terminal: the script decides what it means, and this one waits for its answer.
  const restore = onInterrupt(() => {});
  try {
    const { code } = await runCommand(Deno.execPath(), ["run", "-A", script, ...args], {
      env: environment,
      streams: "inherit",
    });
    return code;
  } finally {
    restore();
  }
}

if (import.meta.main) {
  const [script, ...rest] = Deno.args;
  // `deno task train -- --epochs 2`, as npm wants it, and `deno task train --epochs 2` mean the same.
  const args = rest[0] === "--" ? rest.slice(1) : rest;
  try {
    Deno.exit(await runScript(script, args, await setUpAdapter()));
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    writeErr(`${error.message}\n`);
    Deno.exit(1);
  }
}

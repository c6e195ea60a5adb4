/**
 * Runs a Deno command after the set-up, in a process that sees the adapter which the set-up found:
 * `deno run -A tools/run.ts run -A train.ts --epochs 2`.
 *
 * @module
 */
import { onInterrupt, runCommand, writeErr } from "../platform/mod.ts";
import { setUpAdapter, SetupError } from "./setup.ts";

/**
 * Runs a Deno command with this process' streams and hands its exit code on.
 *
 * @param args The command and its arguments
 * @param environment Variables on top of this process' own
 * @returns The exit code
 */
async function runDeno(args: readonly string[], environment: Record<string, string>): Promise<number> {
  // Ctrl-C reaches every process of the terminal: the command decides what it means, and this one waits for its answer.
  const restore = onInterrupt(() => {});
  try {
    return (await runCommand(Deno.execPath(), args, { env: environment, streams: "inherit" })).code;
  } finally {
    restore();
  }
}

/** Arguments without a first `--`: `deno task train -- --epochs 2`, npm's habit, means what it means without. */
export function withoutDashes(args: readonly string[]): string[] {
  const at = args.indexOf("--");
  return at < 0 ? [...args] : [...args.slice(0, at), ...args.slice(at + 1)];
}

if (import.meta.main) {
  try {
    Deno.exit(await runDeno(withoutDashes(Deno.args), await setUpAdapter()));
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    writeErr(`${error.message}\n`);
    Deno.exit(1);
  }
}

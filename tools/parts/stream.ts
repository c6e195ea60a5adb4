import { fileURLToPath } from "node:url";

/** The project's folder, without a separator at its end. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

/** What Dawn prints about limits that no kernel comes near; it has no switch. */
const NOISE = /^Warning: maxDynamic\w+ artificially reduced from \d+ to \d+ to fit dynamic offset allocation limit\.$/;

/** Passes a child's stream on line by line, without noise, and returns what it held. */
async function pass(from: ReadableStream<Uint8Array>, to: { writeSync(bytes: Uint8Array): number }): Promise<string> {
  const encoder = new TextEncoder();
  let whole = "";
  let pending = "";
  let dropped = false;
  const write = (text: string) => {
    const bytes = encoder.encode(text);
    for (let done = 0; done < bytes.length;) done += to.writeSync(bytes.subarray(done));
  };
  for await (const text of from.pipeThrough(new TextDecoderStream())) {
    whole += text;
    const lines = (pending + text).split("\n");
    pending = lines.pop()!;
    for (const line of lines) {
      const isNoise = NOISE.test(line);
      // Dawn follows each warning with an empty line.
      if (!isNoise && !(dropped && line === "")) write(line + "\n");
      dropped = isNoise;
    }
  }
  if (pending) write(pending);
  return whole;
}

/**
 * Runs a Deno command in the project's folder, shows what it prints as it comes, and returns it.
 *
 * @param args The command and its arguments
 * @param environment Variables on top of this process' own
 * @returns The exit code and what it printed to standard output
 */
export async function streamDeno(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<{ code: number; stdout: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: root,
    env: { DENO_NO_UPDATE_CHECK: "1", ...environment },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [stdout, , { code }] = await Promise.all([
    pass(child.stdout, Deno.stdout),
    pass(child.stderr, Deno.stderr),
    child.status,
  ]);
  return { code, stdout };
}

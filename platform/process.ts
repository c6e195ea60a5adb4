/**
 * This process and its children: signals and commands.
 *
 * @module
 */
import { hostProcess, nodeModule } from "./runtime.ts";

/**
 * Calls a handler when the user presses Ctrl-C, instead of ending the process.
 *
 * @param handler What to do; it may be called several times
 * @returns A function that ends this; the next Ctrl-C ends the process again
 *
 * @example Stop at the next good moment
 * ```ts
 * import { onInterrupt } from "./mod.ts";
 *
 * let stop = false;
 * const restore = onInterrupt(() => stop = true);
 * // … a loop that looks at `stop` …
 * restore();
 * ```
 */
export function onInterrupt(handler: () => void): () => void {
  return onSignal("SIGINT", handler);
}

/**
 * Calls a handler when the process is asked to end, as `kill` and batch systems do.
 *
 * @param handler What to do
 * @returns A function that ends this
 */
export function onTerminate(handler: () => void): () => void {
  return onSignal("SIGTERM", handler);
}

function onSignal(name: "SIGINT" | "SIGTERM", handler: () => void): () => void {
  if (!hostProcess) return () => {};
  const listener = () => handler();
  hostProcess.on(name, listener);
  return () => void hostProcess?.off(name, listener);
}

/** The number of this process; 0 in a browser. */
export function processId(): number {
  return hostProcess?.pid ?? 0;
}

/**
 * Whether a process runs on this machine.
 *
 * @param id Its number
 * @returns `true` also for one of another user, and where it cannot be told, for want of a permission
 */
export function isAlive(id: number): boolean {
  try {
    return hostProcess?.kill(id, 0) ?? false;
  } catch (error) {
    return (error as { code?: string }).code !== "ESRCH";
  }
}

/** How {@link runCommand} runs a command. */
export interface CommandOptions {
  /** What the command reads from standard input; nothing by default, or what this process reads, see `streams`. */
  stdin?: string | Uint8Array;
  /** Variables set on top of this process' environment; `undefined` removes one. */
  env?: Record<string, string | undefined>;
  /** The folder it runs in; this process' by default. */
  cwd?: string;
  /**
   * `"collect"` (default) returns what it prints; `"inherit"` lets it use this process' own streams, standard input too
   * where `stdin` is not given.
   */
  streams?: "collect" | "inherit";
  /** Ends the command, and rejects, when it aborts; `AbortSignal.timeout(ms)` bounds the time. */
  signal?: AbortSignal;
}

/** How a command ended. */
export interface CommandResult {
  /** The exit code; 128 plus the signal's number where a signal ended it, as shells count. */
  code: number;
  /** What it printed to standard output, as UTF-8. */
  stdout: string;
  /** What it printed to standard error, as UTF-8. */
  stderr: string;
}

/**
 * Runs a command without a shell and waits for its end.
 *
 * @param command Its name, looked for on the `PATH`, or its path
 * @param args Its arguments
 * @param options Input, environment, folder, and whose streams it uses
 * @returns The exit code and the output; a code other than 0 is no error here
 * @throws {Error} When the command cannot be started, or the signal ended it
 *
 * @example Ask a command
 * ```ts
 * import { runCommand } from "./mod.ts";
 *
 * const { code, stdout } = await runCommand("uname", ["-s"]);
 * console.assert(code === 0 && stdout.length > 0);
 * ```
 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const task = `run ${command} in runCommand`;
  const { spawn } = nodeModule("child_process", task);
  const { signals } = nodeModule("os", task).constants;
  const environment: Record<string, string | undefined> = { ...hostProcess!.env, ...options.env };
  for (const [name, value] of Object.entries(environment)) if (value === undefined) delete environment[name];
  const inherit = options.streams === "inherit";
  const print = inherit ? "inherit" : "pipe";
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) =>
      reject(new Error(`Cannot ${task}: ${error instanceof Error ? error.message : String(error)}`, { cause: error }));
    const child = spawn(command, [...args], {
      env: environment,
      cwd: options.cwd,
      signal: options.signal,
      stdio: [options.stdin !== undefined ? "pipe" : inherit ? "inherit" : "ignore", print, print],
    });
    const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
    const output = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name]?.on("data", (chunk: Uint8Array) => output[name] += decoders[name].decode(chunk, { stream: true }));
    }
    child.on("error", fail);
    child.on("close", (code: number | null, signal: NodeJS.Signals | null) => {
      resolve({ code: code ?? 128 + (signal ? signals[signal] : 0), ...output });
    });
    if (options.stdin !== undefined && child.stdin) {
      // A command may end before it has read everything: its exit code tells the story, not the broken pipe.
      child.stdin.on("error", (error: { code?: string }) => error.code === "EPIPE" || fail(error));
      child.stdin.end(options.stdin);
    }
  });
}

/**
 * Which runtime this is, and the few things that differ between runtimes: arguments, environment, host facts.
 *
 * Node's modules are reached through `process.getBuiltinModule`, never imported, so a bundle for browsers holds no
 * `node:` import.
 *
 * @module
 */

/** The parts of Deno's namespace that this folder uses. */
type DenoNamespace = typeof Deno;

/** The parts of Node's modules that this folder uses, by name. */
interface NodeModules {
  "async_hooks": typeof import("node:async_hooks");
  "child_process": typeof import("node:child_process");
  "fs": typeof import("node:fs");
  "fs/promises": typeof import("node:fs/promises");
  "inspector": typeof import("node:inspector");
  "os": typeof import("node:os");
  "path": typeof import("node:path");
  "worker_threads": typeof import("node:worker_threads");
}

type NodeProcess = typeof import("node:process");

const globals = globalThis as { Deno?: DenoNamespace; process?: NodeProcess };

/** Deno's namespace, or `undefined` in another runtime. */
export const denoNamespace: DenoNamespace | undefined = globals.Deno;

/** The process object of Deno and Node, or `undefined` in a browser. */
export const hostProcess: NodeProcess | undefined = typeof globals.process?.getBuiltinModule === "function"
  ? globals.process
  : undefined;

/**
 * The runtime that executes this module; a worker in a browser counts as one.
 *
 * @example Choose by runtime
 * ```ts
 * import { runtime } from "./mod.ts";
 *
 * console.log(runtime === "browser" ? "no files here" : "files");
 * ```
 */
export const runtime: "deno" | "node" | "browser" = denoNamespace ? "deno" : hostProcess ? "node" : "browser";

/**
 * One of Node's own modules.
 *
 * @param name The module's name without `node:`
 * @param task What needs it, for the error's text, for example `"read a file in readFile"`
 * @returns The module
 * @throws {Error} In a browser, which has none
 */
export function nodeModule<K extends keyof NodeModules>(name: K, task: string): NodeModules[K] {
  if (!hostProcess) throw new Error(`Cannot ${task}: a browser offers no such access, runtime is ${runtime}`);
  return hostProcess.getBuiltinModule(`node:${name}`) as unknown as NodeModules[K];
}

/**
 * An environment variable.
 *
 * Under Deno a variable that the program has no permission to read counts as not set: the library's variables are all
 * optional, and none is worth a question to the user.
 *
 * @param name The variable's name
 * @returns Its value, or `undefined` where it is not set, not readable, or the runtime is a browser
 *
 * @example Read a variable
 * ```ts
 * import { env } from "./mod.ts";
 *
 * console.log(env("HOME") ?? "no home");
 * ```
 */
export function env(name: string): string | undefined {
  if (denoNamespace) {
    const { state } = denoNamespace.permissions.querySync({ name: "env", variable: name });
    return state === "granted" ? denoNamespace.env.get(name) : undefined;
  }
  return hostProcess?.env[name];
}

/**
 * Sets or removes an environment variable of this process, for native libraries that it loads later and for children.
 *
 * @param name The variable's name
 * @param value Its value, `undefined` to remove it
 * @throws {Error} In a browser
 */
export function setEnv(name: string, value: string | undefined): void {
  if (!hostProcess) throw new Error(`Cannot set ${name} in setEnv: a browser has no environment`);
  if (value === undefined) delete hostProcess.env[name];
  else hostProcess.env[name] = value;
}

/**
 * The command line arguments after the script's name.
 *
 * @returns The arguments; none in a browser
 */
export function args(): string[] {
  return denoNamespace ? [...denoNamespace.args] : hostProcess?.argv.slice(2) ?? [];
}

/**
 * The program that executes this process: `deno` or `node`, wherever it was started from.
 *
 * @returns Its absolute path
 * @throws {Error} In a browser
 */
export function execPath(): string {
  if (!hostProcess) throw new Error("Cannot find the program in execPath: a browser offers no such access");
  return hostProcess.execPath;
}

/** What {@link systemInfo} tells. */
export interface SystemInfo {
  /** The operating system, as Node's `process.platform` names it; `"browser"` in a browser. */
  os: "linux" | "darwin" | "win32" | "browser" | string;
  /** The processor's architecture, as Node's `process.arch` names it; empty in a browser. */
  arch: "x64" | "arm64" | string;
  /** The kernel's release; in a browser its user agent. */
  release: string;
  /** Logical processor cores that this process may use. */
  cores: number;
  /** Whether the user is `root`. */
  isRoot: boolean;
}

/**
 * Facts of the system that this process runs on.
 *
 * @returns The facts
 */
export function systemInfo(): SystemInfo {
  if (!hostProcess) {
    const { userAgent, hardwareConcurrency } = globalThis.navigator;
    return { os: "browser", arch: "", release: userAgent, cores: hardwareConcurrency, isRoot: false };
  }
  const os = nodeModule("os", "read the system's facts in systemInfo");
  return {
    os: hostProcess.platform,
    arch: hostProcess.arch,
    release: os.release(),
    cores: os.availableParallelism(),
    isRoot: hostProcess.getuid?.() === 0,
  };
}

/** Bytes of the host's memory that this process holds; `NaN` in a browser. */
export function processMemory(): number {
  return hostProcess?.memoryUsage().rss ?? NaN;
}

/**
 * What the host's processor cores have done since it started; the load of a while is the share of the difference of
 * two.
 *
 * @returns Milliseconds of all cores together, busy and in all; `NaN` in a browser
 */
export function processorTimes(): { busy: number; total: number } {
  if (!hostProcess) return { busy: NaN, total: NaN };
  const cores = nodeModule("os", "read what the processor does in processorTimes").cpus();
  let busy = 0, idle = 0;
  for (const { times } of cores) {
    busy += times.user + times.nice + times.sys + times.irq;
    idle += times.idle;
  }
  return { busy, total: busy + idle };
}

/**
 * The memory of the host (not of the GPU), as the process' control group limits it.
 *
 * @returns Bytes in all, and bytes that can be had without swapping; `NaN` where a browser does not tell
 */
export function hostMemory(): { total: number; available: number } {
  if (!hostProcess) {
    const { deviceMemory } = globalThis.navigator as { deviceMemory?: number };
    const total = deviceMemory === undefined ? NaN : deviceMemory * 2 ** 30;
    return { total, available: NaN };
  }
  const os = nodeModule("os", "read the memory's size in hostMemory");
  const limit = hostProcess.constrainedMemory?.() || Infinity;
  const total = Math.min(os.totalmem(), limit);
  const available = denoNamespace?.systemMemoryInfo().available ?? hostProcess.availableMemory?.() ?? os.freemem();
  return { total, available: Math.min(available, total) };
}

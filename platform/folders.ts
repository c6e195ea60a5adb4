/** What stands where: files and folders by name, whatever they hold. In a browser every function here rejects, too. */
import type { FileHandle } from "node:fs/promises";
import { attempt, fs } from "./file_error.ts";
import { joinPath } from "./paths.ts";
import { nodeModule } from "./runtime.ts";

/** What {@link stat} tells of a path. */
export interface FileInfo {
  /** Size in bytes. */
  size: number;
  /** Whether it is a folder. */
  isDirectory: boolean;
  /** When it was last changed, in milliseconds since 1970. */
  modified: number;
}

/** Asks the disk to keep what was written; a file system without that notion says so, which is no failure. */
export async function sync(file: FileHandle): Promise<void> {
  try {
    await file.sync();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== "EINVAL" && code !== "ENOTSUP" && code !== "EISDIR" && code !== "EPERM") throw error;
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
 * @param task What the user asked for, for the error's text
 * @returns What is known of it
 * @throws {FileError} When there is none
 */
export async function stat(path: string, task: string = "look at a file in stat"): Promise<FileInfo> {
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
 * Makes a folder that nobody has made before: of several processes that want it at once, one gets it.
 *
 * @param path The folder; the one above it must exist
 * @returns Whether it is new; false if there is something of this name already
 * @throws {FileError} When it cannot be made
 */
export async function claimDir(path: string): Promise<boolean> {
  const task = "make a folder in claimDir";
  const { mkdir } = fs(task);
  return await attempt(task, path, async () => {
    try {
      await mkdir(path);
      return true;
    } catch (error) {
      if ((error as { code?: string }).code === "EEXIST") return false;
      throw error;
    }
  });
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

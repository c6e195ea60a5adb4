/** How work with files fails: with what was attempted, in words, and the system's own error. */
import { nodeModule } from "./runtime.ts";

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

/** Does something with a file; what fails is told with what was attempted. */
export async function attempt<T>(task: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw error instanceof RangeError || error instanceof FileError ? error : new FileError(task, path, error);
  }
}

/** The system's files, where there are some. */
export const fs: (task: string) => typeof import("node:fs/promises") = (task: string) =>
  nodeModule("fs/promises", task);

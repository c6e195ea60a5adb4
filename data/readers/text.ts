import { readFile, stat } from "../../platform/mod.ts";
import { DataError } from "../errors.ts";
import { readUnpacked } from "../gzip.ts";

/**
 * Decodes UTF-8, strictly.
 *
 * @throws {DataError} if a byte is no UTF-8
 */
export function decodeUtf8(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new DataError(file, `Cannot read text file ${file}: it must be UTF-8`, { cause: error });
  }
}

/**
 * Reads a text file in UTF-8, compressed by gzip or not.
 *
 * @param path The file
 * @throws {DataError} if it is not UTF-8, or its gzip is damaged
 * @throws {FileError} if it cannot be read
 *
 * @example
 * ```ts ignore
 * import { readTextFile } from "@fulgurite/core/data";
 *
 * const text = await readTextFile("book.txt.gz");
 * ```
 */
export async function readTextFile(path: string): Promise<string> {
  return decodeUtf8(await readUnpacked(path, "read a text file in readTextFile"), path);
}

/** How much of a file is read at once, unless the caller says otherwise. */
const CHUNK = 2 ** 18;

/**
 * The lines of a text file in UTF-8, without their ends, read piece by piece: for files that do not fit in memory. Each
 * iteration reads it anew, so it can be the records of a data set.
 *
 * @param path The file
 * @param options `chunk`: bytes that are read at once (default 262,144)
 * @throws {DataError} if it is not UTF-8
 * @throws {FileError} if it cannot be read
 *
 * @example
 * ```ts ignore
 * import { DataLoader, fileLines, type RecordDataset } from "@fulgurite/core/data";
 *
 * const lines: RecordDataset<number[], string> = {
 *   records: () => fileLines("numbers.txt"),
 *   prepare: (line) => line.split(" ").map(Number),
 * };
 * for await (const batch of new DataLoader(lines, { batchSize: 32 })) console.log(batch.length);
 * ```
 */
export function fileLines(path: string, options: { chunk?: number } = {}): AsyncIterable<string> {
  const { chunk = CHUNK } = options;
  if (!Number.isSafeInteger(chunk) || chunk < 1) {
    throw new RangeError(`Cannot read lines in fileLines: chunk must be a whole number from 1 on, is ${chunk}`);
  }
  return { [Symbol.asyncIterator]: () => linesOf(path, chunk) };
}

async function* linesOf(path: string, chunk: number): AsyncGenerator<string, void> {
  const task = "read lines in fileLines", { size } = await stat(path, task);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for (let offset = 0; offset < size; offset += chunk) {
    const bytes = await readFile(path, { offset, length: Math.min(chunk, size - offset), task });
    let text: string;
    try {
      text = decoder.decode(bytes, { stream: offset + chunk < size });
    } catch (error) {
      throw new DataError(path, `Cannot read text file ${path}: it must be UTF-8`, { cause: error });
    }
    const lines = (rest + text).split("\n");
    rest = lines.pop()!; // split gives one piece at least
    for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
  if (rest !== "") yield rest.endsWith("\r") ? rest.slice(0, -1) : rest;
}

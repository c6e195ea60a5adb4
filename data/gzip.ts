import { readFile } from "../platform/mod.ts";
import { DataError } from "./errors.ts";

/** Whether bytes begin as gzip does (RFC 1952). */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Decompresses gzip, with its check sum verified, into at most `limit` bytes: a small file can claim to hold terabytes.
 *
 * @param bytes The compressed bytes
 * @param file What errors call the file
 * @param limit The most bytes that may come out
 * @throws {DataError} if the bytes are damaged, cut off, followed by others, or hold more than the limit
 *
 * @example
 * ```ts
 * import { gunzip } from "./gzip.ts";
 *
 * const packed = new Response(new Blob(["hello"]).stream().pipeThrough(new CompressionStream("gzip")));
 * const bytes = await gunzip(new Uint8Array(await packed.arrayBuffer()), "hello.gz", 5);
 * console.assert(new TextDecoder().decode(bytes) === "hello");
 * ```
 */
export async function gunzip(
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
  limit: number = 2 ** 31,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > limit) {
        await reader.cancel();
        throw new DataError(file, `Cannot decompress ${file}: it must hold at most ${limit} bytes, it holds more`);
      }
      parts.push(value);
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new DataError(file, `Cannot decompress ${file}: it must be whole gzip, after ${length} bytes: ${reason}`, {
      cause: error,
    });
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Reads a file, compressed by gzip or not: its first bytes tell.
 *
 * @param path The file
 * @param task What the user asked for, for the error's text
 * @throws {DataError} if its gzip is damaged
 * @throws {FileError} if it cannot be read
 */
export async function readUnpacked(path: string, task: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readFile(path, { task });
  return isGzip(bytes) ? await gunzip(bytes, path) : bytes;
}

import { readFile } from "../../platform/mod.ts";
import type { HostTensor } from "../../tensor/host.ts";
import { DataError } from "../errors.ts";
import { parseNpy } from "./npy.ts";

/**
 * The most bytes that all arrays of a file may have, unless the caller says otherwise: a small zip can claim terabytes.
 */
const MOST_BYTES = 2 ** 31;

/**
 * Parses a file of NumPy arrays by name, as `numpy.savez` and `savez_compressed` write it. The zip is read by `fflate`,
 * which is loaded when this is first called.
 *
 * @param bytes The whole file
 * @param options `file`: what errors call it; `limit`: the most bytes that come out (default 2³¹)
 * @throws {DataError} if it is no whole zip of NumPy arrays, or holds more than the limit
 *
 * @example
 * ```ts ignore
 * import { ArrayDataset, readNpz } from "@fulgurite/core/data";
 *
 * const { x, y } = await readNpz("train.npz");
 * const data = new ArrayDataset({ x, y });
 * ```
 */
export async function parseNpz(
  bytes: Uint8Array<ArrayBuffer>,
  options: { file?: string; limit?: number } = {},
): Promise<Record<string, HostTensor>> {
  const { file = "<bytes>", limit = MOST_BYTES } = options;
  const { unzipSync } = await import("fflate");
  let total = 0;
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes, {
      filter({ name, originalSize }) {
        total += originalSize;
        if (total <= limit) return name.endsWith(".npy");
        throw new DataError(
          file,
          `Cannot read NumPy file ${file}: its arrays must have at most ${limit} bytes, have more`,
        );
      },
    });
  } catch (error) {
    if (error instanceof DataError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new DataError(file, `Cannot read NumPy file ${file}: it must be a whole zip file: ${why}`, { cause: error });
  }
  const named = Object.entries(entries).map(([name, content]): [string, HostTensor] => [
    name.slice(0, -".npy".length),
    parseNpy(new Uint8Array(content), `${name} in ${file}`), // in a buffer of its own
  ]);
  return Object.fromEntries(named);
}

/**
 * Reads a file of NumPy arrays by name, see {@link parseNpz}.
 *
 * @param path The file
 * @param options `limit`: the most bytes that come out (default 2³¹)
 * @throws {DataError} if it is no whole zip of NumPy arrays, or holds more than the limit
 * @throws {FileError} if it cannot be read
 *
 * @example
 * ```ts ignore
 * import { readNpz } from "@fulgurite/core/data";
 *
 * const { x, y } = await readNpz("train.npz");
 * ```
 */
export async function readNpz(path: string, options: { limit?: number } = {}): Promise<Record<string, HostTensor>> {
  return await parseNpz(await readFile(path, { task: "read NumPy arrays in readNpz" }), { ...options, file: path });
}

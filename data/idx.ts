import { showShape } from "../tensor/errors.ts";
import { type HostTensor, hostTensor } from "../tensor/host.ts";
import { DataError } from "./errors.ts";
import { readUnpacked } from "./gzip.ts";

/** Element types of the format by their code, with the width of an element. */
const TYPES: Readonly<Record<number, { name: string; width: number }>> = {
  0x08: { name: "unsigned byte", width: 1 },
  0x09: { name: "signed byte", width: 1 },
  0x0b: { name: "short", width: 2 },
  0x0c: { name: "int", width: 4 },
  0x0d: { name: "float", width: 4 },
  0x0e: { name: "double", width: 8 },
};

/** What IDX files are read as. */
export type IdxTensor = HostTensor<"u8" | "i32" | "f32">;

/**
 * Parses an IDX file, the format of MNIST: two zero bytes, a type code, the number of axes, their sizes and the
 * elements, all big-endian.
 *
 * Unsigned bytes stay bytes (a view of `bytes`); signed bytes, shorts and ints become i32; floats and doubles f32.
 *
 * @param bytes The whole file, decompressed
 * @param file What errors call the file
 * @throws {DataError} if the header is not IDX's, or the elements are not exactly as many as it says
 *
 * @example
 * ```ts
 * import { parseIdx } from "@fulgurite/core/data";
 *
 * const labels = parseIdx(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4));
 * console.assert(labels.shape[0] === 3 && labels.data[2] === 4);
 * ```
 */
export function parseIdx(bytes: Uint8Array<ArrayBuffer>, file: string = "<bytes>"): IdxTensor {
  const fail = (rule: string): never => {
    throw new DataError(file, `Cannot read IDX file ${file}: ${rule}`);
  };
  if (bytes.length < 4) fail(`it must begin with 4 bytes of type and rank, it has ${bytes.length} bytes`);
  const [zero0, zero1, code, rank] = bytes;
  if (zero0 !== 0 || zero1 !== 0) fail(`it must begin with two zero bytes, it begins with ${zero0} and ${zero1}`);
  if (!Object.hasOwn(TYPES, code)) fail(`its type must be one of 8, 9, 11, 12, 13 and 14, it is ${code}`);
  const { name, width } = TYPES[code];
  const start = 4 + 4 * rank;
  if (bytes.length < start) fail(`${rank} sizes must follow, it has ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const numel = shape.reduce((product, size) => product * size, 1);
  const expected = start + numel * width;
  if (bytes.length !== expected) {
    fail(
      `${showShape(shape)} elements of type ${name} need ${expected} bytes with the header, it has ${bytes.length}` +
        (bytes.length < expected ? "; it is cut off" : ""),
    );
  }
  const read = <T extends Int32Array | Float32Array>(into: T, get: (offset: number) => number): T => {
    for (let i = 0; i < numel; i++) into[i] = get(start + i * width);
    return into;
  };
  const ints = (get: (offset: number) => number) =>
    hostTensor(read(new Int32Array(numel), get), { dtype: "i32", shape });
  const floats = (get: (offset: number) => number) =>
    hostTensor(read(new Float32Array(numel), get), { dtype: "f32", shape });
  switch (code) {
    case 0x08:
      return hostTensor(bytes.subarray(start), { dtype: "u8", shape });
    case 0x09:
      return ints((at) => view.getInt8(at));
    case 0x0b:
      return ints((at) => view.getInt16(at));
    case 0x0c:
      return ints((at) => view.getInt32(at));
    case 0x0d:
      return floats((at) => view.getFloat32(at));
    default:
      return floats((at) => view.getFloat64(at));
  }
}

/**
 * Reads an IDX file, compressed by gzip or not (its first bytes tell).
 *
 * @param path The file
 * @throws {DataError} if it is not whole and exactly IDX
 * @throws {FileError} if it cannot be read
 *
 * @example
 * ```ts ignore
 * import { readIdx } from "@fulgurite/core/data";
 *
 * const images = await readIdx("t10k-images-idx3-ubyte.gz");
 * console.log(images.shape); // [10000, 28, 28]
 * ```
 */
export async function readIdx(path: string): Promise<IdxTensor> {
  return parseIdx(await readUnpacked(path, "read an IDX file in readIdx"), path);
}

import { readFile } from "../../platform/mod.ts";
import { f16ArrayOf } from "../../tensor/half.ts";
import { type HostDType, type HostTensor, hostTensor } from "../../tensor/host.ts";
import { DataError } from "../errors.ts";

/** Element types by their code in a header: bytes of an element, ours, and how one is read where a copy is needed. */
const TYPES: Readonly<
  Record<string, { width: number; dtype: HostDType; read: (view: DataView, at: number, little: boolean) => number }>
> = {
  f4: { width: 4, dtype: "f32", read: (view, at, little) => view.getFloat32(at, little) },
  f8: { width: 8, dtype: "f32", read: (view, at, little) => view.getFloat64(at, little) },
  f2: { width: 2, dtype: "f16", read: (view, at, little) => view.getUint16(at, little) }, // its bits
  i1: { width: 1, dtype: "i32", read: (view, at) => view.getInt8(at) },
  i2: { width: 2, dtype: "i32", read: (view, at, little) => view.getInt16(at, little) },
  i4: { width: 4, dtype: "i32", read: (view, at, little) => view.getInt32(at, little) },
  i8: { width: 8, dtype: "i32", read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  u1: { width: 1, dtype: "u8", read: (view, at) => view.getUint8(at) },
  u2: { width: 2, dtype: "u32", read: (view, at, little) => view.getUint16(at, little) },
  u4: { width: 4, dtype: "u32", read: (view, at, little) => view.getUint32(at, little) },
  u8: { width: 8, dtype: "u32", read: (view, at, little) => Number(view.getBigUint64(at, little)) },
  b1: { width: 1, dtype: "bool", read: (view, at) => view.getUint8(at) === 0 ? 0 : 1 },
};

const LIMITS: Partial<Record<HostDType, readonly [number, number]>> = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
};

/**
 * Parses a NumPy array file (versions 1 to 3 of the format, either byte order, C or Fortran order).
 *
 * Doubles become f32, integers i32 or u32 (what does not fit is an error), unsigned bytes stay bytes. Arrays of objects
 * are refused: they hold pickled Python.
 *
 * @param bytes The whole file
 * @param file What errors call the file
 * @throws {DataError} if the header is not NumPy's, the type is none of these, or the elements are not exactly as many
 *   as it says
 *
 * @example
 * ```ts
 * import { parseNpy } from "@fulgurite/core/data";
 *
 * const header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }".padEnd(117) + "\n";
 * const text = new TextEncoder();
 * const bytes = Uint8Array.of(0x93, ...text.encode("NUMPY"), 1, 0, 118, 0, ...text.encode(header), 7, 8, 9);
 * console.assert(parseNpy(bytes).data.join() === "7,8,9");
 * ```
 */
export function parseNpy(bytes: Uint8Array<ArrayBuffer>, file: string = "<bytes>"): HostTensor {
  const fail = (rule: string): never => {
    throw new DataError(file, `Cannot read NumPy file ${file}: ${rule}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || bytes[0] !== 0x93 || String.fromCharCode(...bytes.subarray(1, 6)) !== "NUMPY") {
    fail("it must begin with \\x93NUMPY and a header");
  }
  const version = bytes[6];
  if (version < 1 || version > 3) fail(`its version must be from 1 to 3, is ${version}`);
  const start = version === 1 ? 10 : 12;
  const headerLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const data = start + headerLength;
  if (data > bytes.length) fail(`its header needs ${data} bytes, it has ${bytes.length}; it is cut off`);
  const header = new TextDecoder(version === 3 ? "utf-8" : "latin1").decode(bytes.subarray(start, data));
  const descr = /'descr':\s*'([<>|=])([a-zA-Z]\d+)'/.exec(header);
  const order = /'fortran_order':\s*(True|False)/.exec(header);
  const shapeText = /'shape':\s*\(([\d\s,L]*)\)/.exec(header);
  if (order === null || shapeText === null) {
    fail(`its header must name descr, fortran_order and shape, is ${header.trim()}`);
  }
  const kind = descr?.[2] ?? "";
  if (!Object.hasOwn(TYPES, kind)) {
    const got = /'descr':\s*(\[.*?\]|'[^']*')/.exec(header)?.[1] ?? "none";
    fail(`its type must be one of ${Object.keys(TYPES).join(", ")}, is ${got}`);
  }
  const type = TYPES[kind];
  const shape = (shapeText![1].match(/\d+/g) ?? []).map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  const expected = data + count * type.width;
  if (expected !== bytes.length) {
    fail(
      `${count} elements of ${kind} need ${expected} bytes with the header, it has ${bytes.length}` +
        (bytes.length < expected ? "; it is cut off" : ""),
    );
  }
  const fortran = order![1] === "True" && shape.length > 1;
  const little = descr![1] !== ">";
  if (type.dtype === "u8" && !fortran) return hostTensor(bytes.slice(data), { dtype: "u8", shape });
  const place = fortran ? rowMajorPlaces(shape) : null;
  const limits = LIMITS[type.dtype];
  const out = type.dtype === "f32"
    ? new Float32Array(count)
    : type.dtype === "f16"
    ? new Uint16Array(count)
    : type.dtype === "i32"
    ? new Int32Array(count)
    : type.dtype === "u32"
    ? new Uint32Array(count)
    : new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const value = type.read(view, data + i * type.width, little);
    if (limits !== undefined && (value < limits[0] || value > limits[1])) {
      fail(`elements of ${kind} must fit in ${type.dtype}, element ${i} is ${value}`);
    }
    out[place === null ? i : place(i)] = value;
  }
  // The table ties the typed array to the type.
  return hostTensor<HostDType>((out instanceof Uint16Array ? f16ArrayOf(out) : out) as HostTensor["data"], {
    dtype: type.dtype,
    shape,
  });
}

/** Where an element of a Fortran-ordered array stands in row-major order. */
function rowMajorPlaces(shape: readonly number[]): (i: number) => number {
  return (i) => {
    const index = shape.map((size) => {
      const at = i % size;
      i = Math.floor(i / size);
      return at;
    });
    return index.reduce((place, at, axis) => place * shape[axis] + at, 0);
  };
}

/**
 * Reads a NumPy array file, see {@link parseNpy}.
 *
 * @param path The file
 * @throws {DataError} if it is not whole and exactly a NumPy array
 * @throws {FileError} if it cannot be read
 *
 * @example
 * ```ts ignore
 * import { readNpy } from "@fulgurite/core/data";
 *
 * const x = await readNpy("x.npy");
 * ```
 */
export async function readNpy(path: string): Promise<HostTensor> {
  return parseNpy(await readFile(path, { task: "read a NumPy array in readNpy" }), path);
}

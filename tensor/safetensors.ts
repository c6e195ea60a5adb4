/**
 * Reads and writes safetensors files: an 8-byte header length, JSON that names element type, shape and place of each
 * tensor, and the tensors' bytes, little-endian and row-major.
 *
 * Files come from strangers, so nothing in them is believed: the header's size is bounded before it is read, every
 * range is checked against type and shape, and ranges must tile the file without holes or overlaps. What is wrong is a
 * {@link SafetensorsError} with the file, the rule and the values.
 *
 * Element types of the file and what they are read as:
 *
 * | file | host |
 * | --- | --- |
 * | F32 F16 BF16 I32 U32 | the same, bit for bit |
 * | BOOL | bool, one byte an element, which must be 0 or 1 |
 * | I64 | i32, each element checked to be in range |
 * | U64 | u32, each element checked to be in range |
 * | I16 I8 U16 U8 | i32 |
 * | F64 | f32, rounded to nearest; a finite number that only f64 can hold is an error |
 * | C64 F8_… F6_… F4 | refused when such a tensor is read; others of the file can be read by name |
 *
 * @module
 */

import { show } from "../device/option_names.ts";
import { readFile, stat, writeFileAtomic } from "../platform/mod.ts";
import {
  headerLength,
  MAX_HEADER_BYTES,
  parseHeader,
  quote,
  type SafetensorsEntry,
  SafetensorsError,
  type SafetensorsHeader,
  type SafetensorsRule,
} from "./_safetensors_header.ts";
import { decodeTensor } from "./_safetensors_decode.ts";
import type { DType } from "./dtype.ts";
import { type HostTensor, isHostArray } from "./host.ts";

export { SafetensorsError };
export type { SafetensorsDType } from "./_safetensors_header.ts";
export type { SafetensorsEntry, SafetensorsHeader, SafetensorsRule };

/** The content of a safetensors file. */
export interface SafetensorsContent {
  /** By name, in the order in which the header lists them. */
  readonly tensors: Map<string, HostTensor<DType>>;
  /** The strings under `__metadata__`, which are for the writer to choose (`format: "pt"`, …). */
  readonly metadata: Map<string, string>;
}

/** Tensors to write, by name. */
export type NamedTensors = ReadonlyMap<string, HostTensor<DType>> | Readonly<Record<string, HostTensor<DType>>>;

/** Strings to write under `__metadata__`. */
export type SafetensorsMetadata = ReadonlyMap<string, string> | Readonly<Record<string, string>>;

/** Tensors that lie side by side are read in one go up to this many bytes; larger ones by themselves. */
const READ_TOGETHER = 16 * 1024 * 1024;

/**
 * Parses the bytes of a safetensors file.
 *
 * Tensors are views of `bytes` where their place allows it, and copies otherwise; do not change `bytes` afterwards.
 *
 * @param bytes The whole file
 * @param file What errors call the file
 * @throws {SafetensorsError} naming the first rule that is broken
 *
 * @example
 * ```ts
 * import { encodeSafetensors, parseSafetensors } from "@fulgurite/core";
 * const bytes = encodeSafetensors({ w: { dtype: "f32", shape: [2], data: Float32Array.of(1, 2) } });
 * console.assert(parseSafetensors(bytes).tensors.get("w")?.data[1] === 2);
 * ```
 */
export function parseSafetensors(bytes: Uint8Array, file: string = "<bytes>"): SafetensorsContent {
  const jsonBytes = headerLength(file, bytes, bytes.length);
  const header = parseHeader(file, bytes.subarray(8, 8 + jsonBytes), bytes.length - 8 - jsonBytes);
  const tensors = new Map<string, HostTensor<DType>>();
  for (const [name, entry] of header.entries) {
    const { begin, end } = entry;
    tensors.set(name, decodeTensor(file, entry, bytes.subarray(header.dataStart + begin, header.dataStart + end)));
  }
  return { tensors, metadata: new Map(header.metadata) };
}

/**
 * Reads the header of a file: names, element types and shapes, without the tensors.
 *
 * @param source A path, or in a browser a `Blob` or `File`
 * @throws {SafetensorsError} naming the first rule that is broken
 *
 * @example
 * ```ts
 * import { encodeSafetensors, readSafetensorsHeader } from "@fulgurite/core";
 * const file = new Blob([encodeSafetensors({ w: { dtype: "i32", shape: [1], data: Int32Array.of(3) } })]);
 * console.assert((await readSafetensorsHeader(file)).entries.get("w")?.dtype === "i32");
 * ```
 */
export async function readSafetensorsHeader(source: string | Blob): Promise<SafetensorsHeader> {
  return await readHeader(await openSource(source));
}

/**
 * Reads the tensors of a file, piece by piece: never more than the tensors themselves and 16 MiB are in memory.
 *
 * @param source A path, or in a browser a `Blob` or `File`
 * @throws {SafetensorsError} naming the first rule that is broken, or a wanted tensor that the file does not hold
 *
 * @example
 * ```ts
 * import { encodeSafetensors, readSafetensors } from "@fulgurite/core";
 * const file = new Blob([encodeSafetensors({ w: { dtype: "u32", shape: [], data: Uint32Array.of(3) } })]);
 * const { tensors } = await readSafetensors(file, { names: ["w"] });
 * console.assert(tensors.get("w")?.data[0] === 3);
 * ```
 */
export async function readSafetensors(
  source: string | Blob,
  options: {
    /** Tensors to read; all by default. */
    names?: Iterable<string>;
  } = {},
): Promise<SafetensorsContent> {
  const reader = await openSource(source);
  const header = await readHeader(reader);
  const wanted = options.names === undefined
    ? [...header.entries.values()]
    : choose(reader.file, header, options.names);
  const tensors = new Map<string, HostTensor<DType>>();
  for (const { name } of wanted) tensors.set(name, EMPTY); // fixes the order; every one is replaced below
  for (const group of groupByPlace(wanted)) {
    const start = group[0].begin;
    const bytes = await reader.read(header.dataStart + start, group[group.length - 1].end - start);
    for (const entry of group) {
      tensors.set(entry.name, decodeTensor(reader.file, entry, bytes.subarray(entry.begin - start, entry.end - start)));
    }
  }
  return { tensors, metadata: new Map(header.metadata) };
}

const EMPTY: HostTensor<DType> = { dtype: "f32", shape: [0], data: new Float32Array(0) };

/**
 * The bytes of a safetensors file with these tensors: those with the widest elements first, otherwise in the given
 * order, each aligned to its element, so that readers can use them in place.
 *
 * @throws {SafetensorsError} for a name, shape, array or metadata that the format does not allow
 *
 * @example
 * ```ts
 * import { encodeSafetensors } from "@fulgurite/core";
 * const bias = { dtype: "f32", shape: [2], data: Float32Array.of(0, 1) } as const;
 * const bytes = encodeSafetensors({ bias }, { format: "pt" });
 * console.assert(bytes[8] === "{".charCodeAt(0));
 * ```
 */
export function encodeSafetensors(
  tensors: NamedTensors,
  metadata: SafetensorsMetadata = {},
): Uint8Array<ArrayBuffer> {
  const parts = encode("<bytes>", tensors, metadata);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * Writes tensors to a file; the file is complete or not there at all, never half written.
 *
 * @param path The file, whose folder must exist
 * @throws {SafetensorsError} for a name, shape, array or metadata that the format does not allow
 *
 * @example
 * ```ts ignore
 * import { writeSafetensors } from "@fulgurite/core";
 * await writeSafetensors("model.safetensors", { w: { dtype: "f32", shape: [2], data: Float32Array.of(1, 2) } });
 * ```
 */
export async function writeSafetensors(
  path: string,
  tensors: NamedTensors,
  metadata: SafetensorsMetadata = {},
): Promise<void> {
  await writeFileAtomic(path, encode(path, tensors, metadata));
}

/** A file that is read in pieces. */
interface Reader {
  readonly file: string;
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

async function openSource(source: string | Blob): Promise<Reader> {
  const file = typeof source === "string" ? source : source instanceof File ? source.name : "<blob>";
  const task = "read the safetensors file";
  const size = typeof source === "string" ? (await stat(source, task)).size : source.size;
  return {
    file,
    size,
    async read(offset, length) {
      let bytes: Uint8Array;
      try {
        bytes = typeof source === "string"
          ? await readFile(source, { offset, length, task })
          : new Uint8Array(await source.slice(offset, offset + length).arrayBuffer());
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        // Either the part no longer lies in the file, or a typed array of its length cannot be had.
        const now = typeof source === "string" ? (await stat(source)).size : source.size;
        if (now >= offset + length) {
          throw new SafetensorsError(
            file,
            "memory",
            `Cannot read safetensors file ${file}: its parts must fit in memory, one has ${length} bytes`,
            { length },
          );
        }
        throw new SafetensorsError(
          file,
          "short-read",
          `Cannot read safetensors file ${file}: it must not change while it is read, it had ${size} bytes and has ${now}`,
          { before: size, now },
        );
      }
      return bytes;
    },
  };
}

async function readHeader(reader: Reader): Promise<SafetensorsHeader> {
  const first = await reader.read(0, Math.min(8, reader.size));
  const bytes = headerLength(reader.file, first, reader.size);
  return parseHeader(reader.file, await reader.read(8, bytes), reader.size - 8 - bytes);
}

function choose(file: string, header: SafetensorsHeader, names: Iterable<string>): SafetensorsEntry[] {
  return Array.from(new Set(names), (name) => {
    const entry = header.entries.get(name);
    if (entry !== undefined) return entry;
    throw new SafetensorsError(
      file,
      "name",
      `Cannot read tensor ${quote(name)} of safetensors file ${file}: the file must hold it, it holds ` +
        `${header.entries.size} others`,
      { name },
    );
  });
}

/** Neighbours together, up to a bound. */
function groupByPlace(entries: readonly SafetensorsEntry[]): SafetensorsEntry[][] {
  const groups: SafetensorsEntry[][] = [];
  for (const entry of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    const group = groups.at(-1);
    const joins = group !== undefined && group[group.length - 1].end === entry.begin &&
      entry.end - group[0].begin <= READ_TOGETHER;
    if (joins) group.push(entry);
    else groups.push([entry]);
  }
  return groups;
}

const FILE_NAME: Record<DType, string> = { f32: "F32", f16: "F16", bf16: "BF16", i32: "I32", u32: "U32", bool: "BOOL" };

function encode(file: string, named: NamedTensors, metadata: SafetensorsMetadata): Uint8Array[] {
  const fail = (rule: SafetensorsRule, message: string, values: Record<string, unknown>): never => {
    throw new SafetensorsError(file, rule, `Cannot write safetensors file ${file}: ${message}`, values);
  };
  if (!(named instanceof Map) && ![Object.prototype, null].includes(Object.getPrototypeOf(named ?? 0))) {
    fail("data", `tensors must be an object or a Map of names, got ${show(named)}`, {});
  }
  const members: string[] = [];
  const strings = entriesOf(metadata);
  for (const [key, text] of strings) {
    if (typeof text !== "string" || !text.isWellFormed() || !key.isWellFormed()) {
      fail("metadata", `metadata must be strings of whole characters, ${quote(key)} is ${quote(String(text))}`, {
        key,
      });
    }
  }
  if (strings.length > 0) {
    members.push(`"__metadata__":{${strings.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(",")}}`);
  }

  const parts: Uint8Array[] = [];
  let at = 0;
  const tensors = entriesOf(named).map(([name, tensor]) => ({ name, tensor, bytes: checkedBytes(name, tensor, fail) }));
  const width = (dtype: DType) => dtype === "bool" ? 1 : dtype === "f16" || dtype === "bf16" ? 2 : 4;
  tensors.sort((a, b) => width(b.tensor.dtype) - width(a.tensor.dtype));
  for (const { name, tensor: { dtype, shape }, bytes } of tensors) {
    const end = at + bytes.length;
    members.push(
      `${JSON.stringify(name)}:{"dtype":"${FILE_NAME[dtype]}","shape":[${
        shape.join(",")
      }],"data_offsets":[${at},${end}]}`,
    );
    parts.push(bytes);
    at = end;
  }

  const json = new TextEncoder().encode(`{${members.join(",")}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) {
    fail("header-size", `the header must have at most ${MAX_HEADER_BYTES} bytes, it would have ${headerBytes}`, {
      headerBytes,
    });
  }
  const header = new Uint8Array(8 + headerBytes).fill(0x20, 8 + json.length);
  new DataView(header.buffer).setBigUint64(0, BigInt(headerBytes), true);
  header.set(json, 8);
  return [header, ...parts];
}

function entriesOf<T>(named: ReadonlyMap<string, T> | Readonly<Record<string, T>>): [string, T][] {
  return named instanceof Map ? [...named] : Object.entries(named);
}

function checkedBytes(
  name: string,
  tensor: HostTensor<DType>,
  fail: (rule: SafetensorsRule, message: string, values: Record<string, unknown>) => never,
): Uint8Array {
  if (name === "__metadata__" || !name.isWellFormed()) {
    fail("name", `a tensor's name must be whole characters and not __metadata__, it is ${quote(name)}`, { name });
  }
  const { dtype, shape, data } = checkedHost(name, tensor, fail), of = `of tensor ${quote(name)}`;
  if (!Object.hasOwn(FILE_NAME, dtype)) {
    fail("dtype", `dtype ${of} must be one of ${Object.keys(FILE_NAME).join(" ")}, it is ${dtype}`, { name, dtype });
  }
  if (!isHostArray(dtype, data)) fail("data", `data ${of} must be the typed array for ${dtype}`, { name, dtype });
  const numel = Array.isArray(shape)
    ? shape.reduce((product, size) => Number.isSafeInteger(size) && size >= 0 ? product * size : NaN, 1)
    : NaN;
  if (numel !== data.length) {
    fail("shape", `shape ${of} must hold its ${data.length} elements, it is ${show(shape)}`, { name, shape });
  }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (dtype === "bool") {
    const at = bytes.findIndex((byte) => byte > 1);
    if (at >= 0) fail("value", `elements ${of} must be 0 or 1, element ${at} is ${bytes[at]}`, { name, index: at });
  }
  return bytes;
}

/** Tells a tensor of the device, and what is no tensor at all, from one on the host; plain JavaScript can pass any. */
function checkedHost(
  name: string,
  tensor: HostTensor<DType>,
  fail: (rule: SafetensorsRule, message: string, values: Record<string, unknown>) => never,
): HostTensor<DType> {
  const { dtype, data } = (tensor ?? {}) as { dtype?: unknown; data?: unknown }, what = `tensor ${quote(name)} must be`;
  if (typeof data === "function") {
    return fail(
      "data",
      `${what} on the host, it is a tensor on the device: give { dtype, shape, data: await tensor.data() }, or call ` +
        "saveSafetensors of a module",
      { name },
    );
  }
  if (dtype === undefined || data === undefined) {
    return fail("data", `${what} { dtype, shape, data }, it is ${show(tensor)}`, { name });
  }
  return tensor;
}

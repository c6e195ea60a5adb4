import type { DType } from "./dtype.ts";
import { showShape } from "./errors.ts";
import { parseStrictJson, type StrictJson, StrictJsonError } from "./_strict_json.ts";

/** Bytes of JSON that a header may have, as the reference implementation has it. */
export const MAX_HEADER_BYTES = 100_000_000;

/**
 * The rule that a safetensors file, or a tensor to be written to one, breaks.
 *
 * `file-size` (too short for its own header length) · `header-size` · `header-start` (must be `{`) · `utf8` · `json` ·
 * `duplicate-key` · `limit` (nesting, axes) · `metadata` · `entry` · `dtype` · `shape` · `offsets` · `size` (element
 * type × shape against the byte range) · `tiling` (holes, overlaps, trailing bytes) · `value` (an element that its type
 * cannot hold) · `name` · `data` · `short-read` (the file changed while it was read) · `memory`
 */
export type SafetensorsRule =
  | "file-size"
  | "header-size"
  | "header-start"
  | "utf8"
  | "json"
  | "duplicate-key"
  | "limit"
  | "metadata"
  | "entry"
  | "dtype"
  | "shape"
  | "offsets"
  | "size"
  | "tiling"
  | "value"
  | "name"
  | "data"
  | "short-read"
  | "memory";

/**
 * A file that is not safetensors, or tensors that cannot be written as such; names the file, the rule and the values.
 */
export class SafetensorsError extends Error {
  /** The error's name. */
  override readonly name: string = "SafetensorsError";
  /** Path of the file, or what stands for it where there is none. */
  readonly file: string;
  /** The rule that is broken. */
  readonly rule: SafetensorsRule;
  /** The values that break it. */
  readonly values: Readonly<Record<string, unknown>>;

  /**
   * Makes the error.
   *
   * @param file Path of the file
   * @param rule The rule that is broken
   * @param message What was attempted, then the rule, then the values
   * @param values The values that break it
   */
  constructor(file: string, rule: SafetensorsRule, message: string, values: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.file = file;
    this.rule = rule;
    this.values = values;
  }
}

/** An element type as safetensors files name it. */
export type SafetensorsDType =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U64"
  | "U32"
  | "U16"
  | "U8"
  | "BOOL"
  | "C64"
  | "F8_E4M3"
  | "F8_E5M2"
  | "F8_E8M0"
  | "F8_E4M3FNUZ"
  | "F8_E5M2FNUZ"
  | "F6_E2M3"
  | "F6_E3M2"
  | "F4";

interface FileDType {
  /** Width of an element. */
  readonly bits: number;
  /** The element type it is read as, where it can be. */
  readonly host?: DType;
}

/** Every element type of the format, so that sizes are checked also for those that cannot be read. */
export const FILE_DTYPES: Readonly<Record<SafetensorsDType, FileDType>> = {
  F64: { bits: 64, host: "f32" },
  F32: { bits: 32, host: "f32" },
  F16: { bits: 16, host: "f16" },
  BF16: { bits: 16, host: "bf16" },
  I64: { bits: 64, host: "i32" },
  I32: { bits: 32, host: "i32" },
  I16: { bits: 16, host: "i32" },
  I8: { bits: 8, host: "i32" },
  U64: { bits: 64, host: "u32" },
  U32: { bits: 32, host: "u32" },
  U16: { bits: 16, host: "i32" },
  U8: { bits: 8, host: "i32" },
  BOOL: { bits: 8, host: "bool" },
  C64: { bits: 64 },
  F8_E4M3: { bits: 8 },
  F8_E5M2: { bits: 8 },
  F8_E8M0: { bits: 8 },
  F8_E4M3FNUZ: { bits: 8 },
  F8_E5M2FNUZ: { bits: 8 },
  F6_E2M3: { bits: 6 },
  F6_E3M2: { bits: 6 },
  F4: { bits: 4 },
};

/** What a header says about one tensor. */
export interface SafetensorsEntry {
  /** Name of the tensor. */
  readonly name: string;
  /** Element type in the file. */
  readonly fileDtype: SafetensorsDType;
  /** Element type it is read as; undefined where the library has none (8-bit floats and below, complex numbers). */
  readonly dtype: DType | undefined;
  /** Sizes of the axes, outermost first. */
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly numel: number;
  /** First byte, counted from the end of the header. */
  readonly begin: number;
  /** The byte after the last. */
  readonly end: number;
}

/** A checked header: tensors in the order of the file. */
export interface SafetensorsHeader {
  /** By name, in the order in which the header lists them. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  /** The strings under `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Where in the file the tensors begin. */
  readonly dataStart: number;
}

/** A name as messages show it: quoted, and cut where it is long. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name);
}

/** A JSON value as messages show it. */
function show(value: StrictJson | undefined): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return quote(value);
  if (value === null || typeof value !== "object") return String(value);
  if (value instanceof Map) return "an object";
  if (Array.isArray(value)) return value.length > 16 ? `${value.length} items` : `[${value.map(show).join(", ")}]`;
  return value.text.slice(0, 40);
}

/**
 * Length of the JSON, from the first eight bytes.
 *
 * @throws {SafetensorsError} if the file cannot hold it or it is above the limit
 */
export function headerLength(file: string, first: Uint8Array, fileBytes: number): number {
  if (fileBytes < 8 || first.length < 8) {
    throw new SafetensorsError(
      file,
      "file-size",
      `Cannot read safetensors file ${file}: it must begin with 8 bytes of header length, it has ${fileBytes} bytes`,
      { fileBytes },
    );
  }
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new SafetensorsError(
      file,
      "header-size",
      `Cannot read safetensors file ${file}: the header must have at most ${MAX_HEADER_BYTES} bytes, it claims ${length}`,
      { headerBytes: length },
    );
  }
  const bytes = Number(length);
  if (8 + bytes > fileBytes) {
    throw new SafetensorsError(
      file,
      "file-size",
      `Cannot read safetensors file ${file}: the header must lie within the file, it claims ${bytes} bytes after the ` +
        `first 8 and the file has ${fileBytes}`,
      { headerBytes: bytes, fileBytes },
    );
  }
  return bytes;
}

/**
 * Parses and checks the JSON of a header.
 *
 * @param json The bytes of the JSON
 * @param dataBytes How many bytes follow the header
 * @throws {SafetensorsError} naming the first rule that is broken
 */
export function parseHeader(file: string, json: Uint8Array, dataBytes: number): SafetensorsHeader {
  const fail = (rule: SafetensorsRule, message: string, values: Record<string, unknown> = {}): never => {
    throw new SafetensorsError(file, rule, `Cannot read safetensors file ${file}: ${message}`, values);
  };
  if (json[0] !== 0x7b) {
    fail(
      "header-start",
      `the header must begin with "{", it begins with ${json.length ? `byte ${json[0]}` : "nothing"}`,
    );
  }
  const root = parseJson(json, fail);
  const entries = new Map<string, SafetensorsEntry>();
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, value] of root) {
    if (name === "__metadata__") metadata = checkMetadata(value, fail);
    else entries.set(name, checkEntry(name, value, fail));
  }
  checkTiling(entries, dataBytes, fail);
  return { entries, metadata, dataStart: 8 + json.length };
}

type Fail = (rule: SafetensorsRule, message: string, values?: Record<string, unknown>) => never;

function parseJson(json: Uint8Array, fail: Fail): Map<string, StrictJson> {
  let text: string;
  try {
    // Decoders do not take memory that threads share.
    const own = json.buffer instanceof ArrayBuffer ? json : json.slice();
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(own);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return fail("utf8", "the header must be UTF-8");
  }
  try {
    const root = parseStrictJson(text);
    // It begins with "{", so it is an object.
    return root as Map<string, StrictJson>;
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    return fail(error.rule, `the header must be JSON: ${error.message}, at character ${error.at}`, { at: error.at });
  }
}

function checkMetadata(value: StrictJson, fail: Fail): Map<string, string> {
  const metadata = new Map<string, string>();
  if (!(value instanceof Map)) return fail("metadata", `__metadata__ must be an object, it is ${show(value)}`);
  for (const [key, text] of value) {
    if (typeof text !== "string") {
      fail("metadata", `__metadata__ must hold strings, ${quote(key)} is ${show(text)}`, { key });
    } else metadata.set(key, text);
  }
  return metadata;
}

const isWhole = (value: StrictJson | undefined): value is number => typeof value === "number";

function checkEntry(name: string, value: StrictJson, fail: Fail): SafetensorsEntry {
  const of = `of tensor ${quote(name)}`;
  if (!(value instanceof Map)) {
    return fail("entry", `the entry ${of} must be an object, it is ${show(value)}`, { name });
  }
  const dtype = value.get("dtype");
  const shape = value.get("shape");
  const offsets = value.get("data_offsets");
  if (typeof dtype !== "string" || !Object.hasOwn(FILE_DTYPES, dtype)) {
    return fail("dtype", `dtype ${of} must be one of ${Object.keys(FILE_DTYPES).join(" ")}, it is ${show(dtype)}`, {
      name,
    });
  }
  if (!Array.isArray(shape) || !shape.every(isWhole)) {
    return fail("shape", `shape ${of} must be a list of whole numbers from 0 to 2^53 - 1, it is ${show(shape)}`, {
      name,
    });
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isWhole)) {
    return fail("offsets", `data_offsets ${of} must be two whole numbers from 0 to 2^53 - 1, it is ${show(offsets)}`, {
      name,
    });
  }
  const [begin, end] = offsets;
  if (begin > end) {
    return fail("offsets", `data_offsets ${of} must not run backwards, they are [${begin}, ${end}]`, {
      name,
      begin,
      end,
    });
  }
  const fileDtype = dtype as SafetensorsDType; // looked up above
  const { bits, host } = FILE_DTYPES[fileDtype];
  let numel = 1;
  for (const size of shape) {
    numel *= size;
    if (!Number.isSafeInteger(numel * 8)) {
      return fail("shape", `the number of elements ${of} must stay below 2^50, its shape is ${showShape(shape)}`, {
        name,
        shape,
      });
    }
  }
  // Exact: fewer than 2^50 elements of at most 8 bytes.
  const bytes = numel * bits / 8;
  if (bytes !== end - begin) {
    return fail(
      "size",
      `element type and shape ${of} must fill its byte range, ${fileDtype} ${
        showShape(shape)
      } needs ${bytes} bytes and ` +
        `data_offsets [${begin}, ${end}] give ${end - begin}`,
      { name, dtype, shape, begin, end },
    );
  }
  return { name, fileDtype, dtype: host, shape, numel, begin, end };
}

function checkTiling(entries: ReadonlyMap<string, SafetensorsEntry>, dataBytes: number, fail: Fail): void {
  const sorted = [...entries.values()].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of sorted) {
    if (begin !== at) {
      fail(
        "tiling",
        `tensors must lie one after another without ${begin > at ? "holes" : "overlaps"}, tensor ${
          quote(name)
        } begins at ` +
          `byte ${begin} and the one before it ends at ${at}`,
        { name, begin, expected: at },
      );
    }
    at = end;
  }
  if (at !== dataBytes) {
    fail("tiling", `tensors must fill the file, they end at byte ${at} and ${dataBytes} bytes follow the header`, {
      end: at,
      dataBytes,
    });
  }
}

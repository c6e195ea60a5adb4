import { readFile } from "../../platform/mod.ts";
import { DataError } from "../errors.ts";
import { checkArrowCounts } from "./_arrow_counts.ts";
import { decodeLz4Frame } from "./_lz4.ts";
import { type Column, Table } from "./table.ts";

type ArrowModule = typeof import("apache-arrow");

/** The library, with decompression. */
async function loadArrow(): Promise<ArrowModule> {
  const [arrow, { decompressZstd }] = await Promise.all([import("apache-arrow"), import("hyparquet-compressors")]);
  const { compressionRegistry, CompressionType } = arrow;
  if (compressionRegistry.get(CompressionType.LZ4_FRAME) === null) {
    compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: decodeLz4Frame });
    compressionRegistry.set(CompressionType.ZSTD, { decode: decompressZstd });
  }
  return arrow;
}

type ArrowData = InstanceType<ArrowModule["Data"]>;
type ArrowVector = ReturnType<InstanceType<ArrowModule["Table"]>["getChildAt"]>;

/** A column's values: numbers stay in a typed array where none is missing. */
function columnOf(vector: NonNullable<ArrowVector>, arrow: ArrowModule): Column {
  const { DataType } = arrow;
  for (const data of vector.data) checkData(data, arrow);
  const plain = DataType.isInt(vector.type) || (DataType.isFloat(vector.type) && vector.type.precision > 0);
  if (plain && vector.nullCount === 0) return vector.toArray() as Column;
  return Array.from({ length: vector.length }, (_, i) => valueOf(vector.get(i), arrow));
}

/** Throws unless a column's buffers hold as much as its length says: the library believes any length. */
function checkData(data: ArrowData, arrow: ArrowModule): void {
  const { DataType } = arrow, { type, length, offset } = data, needed = offset + length;
  const check = (has: number, needs: number) => {
    if (has < needs) throw new RangeError(`${length} values of type ${type} need ${needs} elements, it has ${has}`);
  };
  if (DataType.isNull(type)) return;
  if (data.nullCount > 0) check(8 * data.nullBitmap.length, needed);
  if (data.valueOffsets !== undefined && !DataType.isUnion(type)) {
    check(data.valueOffsets.length, length + 1);
    const content = data.children.length > 0 ? data.children[0].length : (data.values as ArrayLike<unknown>).length;
    check(content, Number(data.valueOffsets[length]));
  } else if (DataType.isFixedSizeList(type)) check(data.children[0].length, length * type.listSize);
  else if (data.values !== undefined) {
    const width = DataType.isFixedSizeBinary(type) ? type.byteWidth : DataType.isBool(type) ? 1 / 8 : 1;
    check((data.values as ArrayLike<unknown>).length, length * width);
  }
  for (const child of data.children) checkData(child, arrow);
}

/** A value as JavaScript has it: lists become arrays, structs objects. */
function valueOf(value: unknown, arrow: ArrowModule): unknown {
  if (value instanceof arrow.Vector) return Array.from(value, (item) => valueOf(item, arrow));
  if (value instanceof arrow.StructRow || value instanceof arrow.MapRow) {
    return Object.fromEntries([...value].map(([name, item]) => [name, valueOf(item, arrow)]));
  }
  return value ?? null;
}

/**
 * Parses Arrow's interprocess format: a file (Feather version 2) or a stream, packed by LZ4, Zstandard or not. Read by
 * `apache-arrow`, which is loaded when this is first called.
 *
 * 64-bit integers are `bigint`, strings are strings, other bytes `Uint8Array`, missing values `null`, lists arrays,
 * structs objects; dictionaries are looked up.
 *
 * @param bytes The whole file
 * @param options `columns`: which (default: all); `file`: what errors call it
 * @throws {DataError} if it is not whole, or has no such column
 *
 * @example
 * ```ts ignore
 * import { parseArrow } from "@fulgurite/core/data";
 *
 * const response = await fetch("flights.arrow");
 * const table = await parseArrow(await response.bytes());
 * const delay = table.tensor("delay");
 * ```
 */
export async function parseArrow(
  bytes: Uint8Array<ArrayBuffer>,
  options: { columns?: readonly string[]; file?: string } = {},
): Promise<Table> {
  const { file = "<bytes>" } = options;
  const fail = (rule: string, cause?: unknown): never => {
    throw new DataError(file, `Cannot read Arrow file ${file}: ${rule}`, { cause });
  };
  const mark = (from: number) => String.fromCharCode(...bytes.subarray(from, from + 6));
  if (mark(0) === "ARROW1") {
    if (bytes.length < 22 || mark(bytes.length - 6) !== "ARROW1") fail("it must end with ARROW1; it is cut off");
  } else if (bytes.length < 8 || (bytes[0] & bytes[1] & bytes[2] & bytes[3]) !== 0xff) {
    fail("it must begin with ARROW1, or as a stream with four bytes 255");
  }
  const arrow = await loadArrow();
  try {
    checkArrowCounts(bytes, mark(0) === "ARROW1");
    const table = arrow.tableFromIPC(bytes);
    const names = table.schema.fields.map(({ name }) => name), { columns = names } = options;
    const unknown = columns.find((name) => !names.includes(name));
    if (unknown !== undefined) fail(`columns must be some of ${names.join(", ")}, got ${unknown}`);
    if (names.length === 0 && table.batches.length === 0) fail("it must have a schema; it is cut off");
    // The names are the schema's own.
    return new Table(columns.map((name) => [name, columnOf(table.getChild(name)!, arrow)]));
  } catch (error) {
    if (error instanceof DataError) throw error;
    return fail(`its content must be whole: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}

/**
 * Reads an Arrow file (Feather version 2) or stream, see {@link parseArrow}.
 *
 * @param path The file
 * @param options `columns`: which (default: all)
 * @throws {DataError} if it is not whole, or has no such column
 * @throws {FileError} if it cannot be read
 *
 * @example
 * ```ts ignore
 * import { readArrow } from "@fulgurite/core/data";
 *
 * const table = await readArrow("flights.arrow", { columns: ["delay", "distance"] });
 * ```
 */
export async function readArrow(path: string, options: { columns?: readonly string[] } = {}): Promise<Table> {
  return await parseArrow(await readFile(path, { task: "read an Arrow file in readArrow" }), {
    ...options,
    file: path,
  });
}

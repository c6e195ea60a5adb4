import { readFile, stat } from "../../platform/mod.ts";
import { DataError } from "../errors.ts";
import { type Column, Table } from "./table.ts";

/** Which part of a table is read. */
export interface ParquetOptions {
  /** The columns (default: all). */
  columns?: readonly string[];
  /** The first row (default 0). */
  rowStart?: number;
  /** The row after the last (default: the end). */
  rowEnd?: number;
  /** The most rows that are read (default 2²⁷): a small file can claim any number. */
  limit?: number;
}

/** A file of which parts are read. */
interface Source {
  readonly byteLength: number;
  slice(start: number, end?: number): ArrayBuffer | Promise<ArrayBuffer>;
}

/** Why a file is no Parquet, or `null`. */
async function problemOf(source: Source): Promise<string | null> {
  const { byteLength } = source;
  if (byteLength < 12) return `it must have 12 bytes at least, it has ${byteLength}`;
  const head = new Uint8Array(await source.slice(0, 4)),
    tail = new DataView(await source.slice(byteLength - 8, byteLength));
  const magic = (bytes: Iterable<number>) => String.fromCharCode(...bytes);
  const last = magic([0, 1, 2, 3].map((i) => tail.getUint8(4 + i)));
  if (magic(head) !== "PAR1") return `it must begin with PAR1, it begins with ${JSON.stringify(magic(head))}`;
  if (last !== "PAR1") return `it must end with PAR1, it ends with ${JSON.stringify(last)}; it is cut off`;
  const footer = tail.getUint32(0, true);
  return footer > byteLength - 12 ? `its footer must fit in, it says ${footer} of ${byteLength} bytes` : null;
}

async function readSource(source: Source, file: string, options: ParquetOptions): Promise<Table> {
  const fail = (rule: string, cause?: unknown): never => {
    throw new DataError(file, `Cannot read Parquet file ${file}: ${rule}`, { cause });
  };
  const problem = await problemOf(source);
  if (problem !== null) fail(problem);
  const [{ parquetMetadataAsync, parquetRead, parquetSchema }, { compressors }] = await Promise.all([
    import("hyparquet"),
    import("hyparquet-compressors"),
  ]);
  const damaged = (cause: unknown): never =>
    fail(`its content must be whole: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  const metadata = await parquetMetadataAsync(source).catch(damaged);
  const names = parquetSchema(metadata).children.map(({ element }) => element.name);
  const { columns = names, rowStart = 0, limit = 2 ** 27 } = options;
  const unknown = columns.find((name) => !names.includes(name));
  if (unknown !== undefined) fail(`columns must be some of ${names.join(", ")}, got ${unknown}`);
  const rows = Number(metadata.num_rows), rowEnd = Math.min(options.rowEnd ?? rows, rows);
  if (!(rowStart >= 0 && rowStart <= rowEnd)) fail(`rowStart must be from 0 to ${rowEnd}, is ${rowStart}`);
  if (rowEnd - rowStart > limit) fail(`at most ${limit} rows must be read, it says ${rowEnd - rowStart}`);
  const parts = new Map(columns.map((name) => [name, [] as Part[]]));
  await parquetRead({
    file: source,
    metadata,
    columns: [...columns],
    rowStart,
    rowEnd,
    compressors,
    utf8: false, // bytes without the mark of a string stay bytes
    onChunk: ({ columnName, columnData, rowStart, rowEnd }) => {
      parts.get(columnName)?.push({ values: columnData as Column, rowStart, rowEnd });
    },
  }).catch(damaged);
  return new Table(columns.map((name) => {
    const column = joined(parts.get(name)!, rowStart, rowEnd); // made from the same names
    if (column.length !== rowEnd - rowStart) {
      fail(`column ${name} must have ${rowEnd - rowStart} rows, has ${column.length}`);
    }
    return [name, column];
  }));
}

/** Values of some rows. */
interface Part {
  readonly values: Column;
  readonly rowStart: number;
  readonly rowEnd: number;
}

/**
 * The parts one after the other, cut to the rows that are wanted: numbers stay in a typed array where all are in one
 * kind.
 */
function joined(parts: readonly Part[], start: number, end: number): Column {
  const pieces = parts.filter((part) => part.rowStart < end && part.rowEnd > start).toSorted((a, b) =>
    a.rowStart - b.rowStart
  ).map(({ values, rowStart }) => {
    const [from, to] = [Math.max(0, start - rowStart), Math.min(values.length, end - rowStart)];
    return (values as unknown[]).slice(from, to) as Column; // typed arrays cut in the same way
  });
  const [first] = pieces;
  if (ArrayBuffer.isView(first) && pieces.every((piece) => piece.constructor === first.constructor)) {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const whole = new (first.constructor as Float64ArrayConstructor)(length); // of whatever kind the first one is
    let at = 0;
    for (const piece of pieces as Float64Array[]) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }
  return pieces.flatMap((piece) => Array.from(piece, (value) => value ?? null));
}

/**
 * Parses a Parquet file, compressed by whatever the format knows. Read by `hyparquet`, which is loaded when this is
 * first called.
 *
 * 64-bit integers are `bigint`, strings are strings, other bytes `Uint8Array`, missing values `null`, lists arrays.
 *
 * @param bytes The whole file
 * @param options Which columns and rows; `file`: what errors call it
 * @throws {DataError} if it is not whole, or has no such column
 *
 * @example
 * ```ts ignore
 * import { parseParquet } from "@fulgurite/core/data";
 *
 * const response = await fetch("train.parquet");
 * const table = await parseParquet(await response.bytes(), { columns: ["image", "label"] });
 * ```
 */
export async function parseParquet(
  bytes: Uint8Array<ArrayBuffer>,
  options: ParquetOptions & { file?: string } = {},
): Promise<Table> {
  const { buffer, byteOffset, byteLength } = bytes;
  const slice = (start: number, end = byteLength) => buffer.slice(byteOffset + start, byteOffset + end);
  return await readSource({ byteLength, slice }, options.file ?? "<bytes>", options);
}

/**
 * Reads a Parquet file, of which only the parts that are wanted are read from the disk, see {@link parseParquet}.
 *
 * @param path The file
 * @param options Which columns and rows
 * @throws {DataError} if it is not whole, or has no such column
 * @throws {FileError} if it cannot be read
 *
 * @example
 * ```ts ignore
 * import { readParquet } from "@fulgurite/core/data";
 *
 * const table = await readParquet("train.parquet", { columns: ["price"], rowEnd: 1000 });
 * const price = table.tensor("price");
 * ```
 */
export async function readParquet(path: string, options: ParquetOptions = {}): Promise<Table> {
  const task = "read a Parquet file in readParquet", { size: byteLength } = await stat(path, task);
  const slice = async (start: number, end = byteLength) =>
    (await readFile(path, { offset: start, length: end - start, task })).buffer;
  return await readSource({ byteLength, slice }, path, options);
}

import { checkNames } from "../../device/option_names.ts";
import { DataError } from "../errors.ts";
import { readUnpacked } from "../gzip.ts";
import { type Column, Table } from "./table.ts";
import { decodeUtf8 } from "./text.ts";

/** What a column of a CSV file holds. */
export type CsvType = "number" | "boolean" | "string";

/** How a CSV file is read. */
export interface CsvOptions {
  /** What stands between cells (default `","`). */
  delimiter?: string;
  /** Whether the first line names the columns (default true); or their names, where no line does. */
  header?: boolean | readonly string[];
  /** What columns hold, by name (default: numbers or booleans where all cells are, else strings). */
  types?: Readonly<Record<string, CsvType>>;
  /** Cells that stand for a missing value, where they are not quoted (default: those that pandas takes for one). */
  missing?: readonly string[];
  /** Lines to leave out at the start (default 0). */
  skipLines?: number;
  /** What errors call the file. */
  file?: string;
}

/** Unquoted cells that pandas reads as missing. */
const MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "-NaN", "null", "NULL", "None", "<NA>", "#N/A", "#NA"];

const NUMBER = /^\s*[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf(inity)?)\s*$/i;

/** A cell: quoted ones are never missing and never numbers by themselves. */
interface Cell {
  readonly text: string;
  readonly quoted: boolean;
}

/**
 * Parses comma-separated values (RFC 4180): quoted cells may hold delimiters, line ends and doubled quotes.
 *
 * Numbers become a `Float64Array` with NaN for missing values, booleans and strings arrays with `null`.
 *
 * @param text The whole file
 * @param options How it is read
 * @throws {DataError} if a quote is not closed, or a line has another number of cells; names the line
 *
 * @example
 * ```ts
 * import { parseCsv } from "@fulgurite/core/data";
 *
 * const table = parseCsv('x,label\n1.5,"a, b"\n-2,c\n');
 * console.assert(table.length === 2 && table.column("label")[0] === "a, b");
 * ```
 */
export function parseCsv(text: string, options: CsvOptions = {}): Table {
  checkNames("read CSV", options, {
    delimiter: true,
    header: true,
    types: true,
    missing: true,
    skipLines: true,
    file: true,
  });
  const { delimiter = ",", header = true, types = {}, missing = MISSING, skipLines = 0, file = "<text>" } = options;
  if (delimiter.length !== 1 || delimiter === '"' || delimiter === "\n" || delimiter === "\r") {
    throw new RangeError(`Cannot read CSV: delimiter must be one character, is ${JSON.stringify(delimiter)}`);
  }
  const lines = cells(text.startsWith("\ufeff") ? text.slice(1) : text, delimiter, skipLines, file);
  const first = lines.next();
  if (first.done) return new Table(Array.isArray(header) ? header.map((name) => [name, []]) : []);
  const names = header === true
    ? first.value.row.map(({ text }) => text)
    : header === false
    ? first.value.row.map((_, i) => String(i))
    : [...header];
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  const fail = (rule: string): never => {
    throw new DataError(file, `Cannot read CSV file ${file}: ${rule}`);
  };
  if (twice !== undefined) fail(`columns must have different names, ${JSON.stringify(twice)} comes twice`);
  const unknown = Object.keys(types).find((name) => !names.includes(name));
  if (unknown !== undefined) fail(`types must name its columns ${names.join(", ")}, got ${unknown}`);
  const columns: Cell[][] = names.map(() => []);
  const take = ({ row, line }: { row: readonly Cell[]; line: number }) => {
    if (row.length !== names.length) fail(`line ${line} must have ${names.length} cells, has ${row.length}`);
    row.forEach((cell, i) => columns[i].push(cell));
  };
  if (header !== true) take(first.value);
  for (const line of lines) take(line);
  const gaps = new Set(missing);
  const typeOf = new Map(Object.entries(types)); // a column may be called constructor
  return new Table(names.map((name, i) => [name, columnOf(columns[i], gaps, typeOf.get(name), { name, file })]));
}

/** The cells of each line that is not empty. */
function* cells(
  text: string,
  delimiter: string,
  skip: number,
  file: string,
): Generator<{ row: Cell[]; line: number }, void> {
  let at = 0, line = 1;
  for (; skip > 0 && at < text.length; skip--, line++) at = (text.indexOf("\n", at) + 1) || text.length;
  const plainEnd = new RegExp(
    `[${
      delimiter === "\\" || delimiter === "]" || delimiter === "^" || delimiter === "-" ? "\\" : ""
    }${delimiter}\r\n]`,
    "g",
  );
  while (at < text.length) {
    const row: Cell[] = [], startLine = line;
    for (let open = true; open;) {
      if (text[at] === '"') {
        let cell = "", from = at + 1;
        for (;;) {
          const close = text.indexOf('"', from);
          if (close < 0) {
            throw new DataError(
              file,
              `Cannot read CSV file ${file}: the quote in line ${line} must be closed, the file ends`,
            );
          }
          cell += text.slice(from, close);
          at = close + 1;
          if (text[at] !== '"') break;
          cell += '"';
          from = at + 1;
        }
        for (const character of cell) if (character === "\n") line++;
        row.push({ text: cell, quoted: true });
        if (at < text.length && text[at] !== delimiter && text[at] !== "\n" && text[at] !== "\r") {
          throw new DataError(
            file,
            `Cannot read CSV file ${file}: after a quoted cell a ${
              JSON.stringify(delimiter)
            } or the line's end must follow, ` +
              `line ${line} has ${JSON.stringify(text[at])}`,
          );
        }
      } else {
        plainEnd.lastIndex = at;
        const end = plainEnd.exec(text)?.index ?? text.length;
        row.push({ text: text.slice(at, end), quoted: false });
        at = end;
      }
      open = text[at] === delimiter;
      if (open) at++;
    }
    if (text[at] === "\r") at++;
    if (text[at] === "\n") at++;
    line++;
    if (row.length > 1 || row[0].text !== "" || row[0].quoted) yield { row, line: startLine };
  }
}

/** A column's values as its type, or as the narrowest that all cells have. */
function columnOf(
  column: readonly Cell[],
  missing: ReadonlySet<string>,
  type: CsvType | undefined,
  { name, file }: { name: string; file: string },
): Column {
  const gap = ({ text, quoted }: Cell) => !quoted && missing.has(text);
  const isNumber = (cell: Cell) => NUMBER.test(cell.text);
  const isBoolean = ({ text }: Cell) => text === "true" || text === "false" || text === "True" || text === "False";
  const all = (test: (cell: Cell) => boolean) => column.every((cell) => gap(cell) || (!cell.quoted && test(cell)));
  const some = column.some((cell) => !gap(cell));
  const kind = type ?? (some && all(isNumber) ? "number" : some && all(isBoolean) ? "boolean" : "string");
  const odd = kind === "string"
    ? -1
    : column.findIndex((cell) => !gap(cell) && !(kind === "number" ? isNumber(cell) : isBoolean(cell)));
  if (odd >= 0) {
    throw new DataError(
      file,
      `Cannot read CSV file ${file}: column ${name} must hold a ${kind} in each row, row ${odd} has ` +
        JSON.stringify(column[odd].text),
    );
  }
  if (kind === "number") return Float64Array.from(column, (cell) => gap(cell) ? NaN : toNumber(cell.text));
  const value = ({ text }: Cell) => kind === "boolean" ? text.toLowerCase() === "true" : text;
  return column.map((cell) => gap(cell) ? null : value(cell));
}

function toNumber(text: string): number {
  const number = Number(text);
  return Number.isNaN(number) ? (text.trim().startsWith("-") ? -Infinity : Infinity) : number; // inf, as C writes it
}

/**
 * Reads a file of comma-separated values in UTF-8, compressed by gzip or not, see {@link parseCsv}.
 *
 * @param path The file
 * @param options How it is read
 * @throws {DataError} if a quote is not closed, a line has another number of cells, or the text is not UTF-8
 * @throws {FileError} if it cannot be read
 *
 * @example
 * ```ts ignore
 * import { readCsv } from "@fulgurite/core/data";
 *
 * const table = await readCsv("iris.csv");
 * const x = table.tensor(["sepal_length", "sepal_width"]);
 * ```
 */
export async function readCsv(path: string, options: Omit<CsvOptions, "file"> = {}): Promise<Table> {
  const bytes = await readUnpacked(path, "read a CSV file in readCsv");
  return parseCsv(decodeUtf8(bytes, path), { ...options, file: path });
}

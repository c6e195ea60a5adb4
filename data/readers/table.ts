import { ShapeError } from "../../tensor/errors.ts";
import { type HostArrays, type HostTensor, hostTensor } from "../../tensor/host.ts";
import { arrayOver } from "../_staging.ts";
import type { Dataset } from "../dataset.ts";

/** A column's values: numbers in a typed array, or anything, with `null` where there is none. */
export type Column = ArrayLike<unknown>;

/** A row: its values by the names of the columns. */
export type Row = Readonly<Record<string, unknown>>;

/** Element types that columns become. */
export type ColumnDType = "f32" | "i32" | "u32" | "u8" | "bool";

const LIMITS: Readonly<Record<Exclude<ColumnDType, "f32">, readonly [number, number]>> = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  u8: [0, 255],
  bool: [0, 1],
};

/**
 * Columns by name, all of one length: what tables in files are read as.
 *
 * @example
 * ```ts
 * import { parseCsv } from "@fulgurite/core/data";
 *
 * const table = parseCsv("length,width,kind\n5.1,3.5,0\n7.0,,1\n");
 * const x = table.tensor(["length", "width"]);
 * console.assert(x.shape.join() === "2,2" && Number.isNaN(x.data[3]));
 * console.assert(table.tensor("kind", { dtype: "i32" }).data.join() === "0,1");
 * ```
 */
export class Table implements Dataset<Row> {
  /** The columns, in the order of the file. */
  readonly columns: ReadonlyMap<string, Column>;
  /** How many rows there are. */
  readonly length: number;

  /**
   * Joins columns.
   *
   * @param columns Values by name
   * @throws {ShapeError} if they differ in length
   */
  constructor(columns: Iterable<readonly [string, Column]>) {
    this.columns = new Map(columns);
    const lengths = [...this.columns.values()].map(({ length }) => length);
    this.length = lengths[0] ?? 0;
    if (lengths.some((length) => length !== this.length)) {
      throw new ShapeError(
        "Table",
        `Cannot make a table: columns must have one length, are ${lengths.join(", ")}`,
        lengths.map((length) => [length]),
      );
    }
  }

  /**
   * A column's values.
   *
   * @throws {RangeError} if there is no such column; names those that are there
   */
  column(name: string): Column {
    const column = this.columns.get(name);
    if (column !== undefined) return column;
    throw new RangeError(`Cannot read column ${name} of a table: there must be one, there are ${this.#names()}`);
  }

  /**
   * A row.
   *
   * @throws {RangeError} if there is no such row
   */
  get(index: number): Row {
    if (!Number.isInteger(index) || index < 0 || index >= this.length) {
      throw new RangeError(`Cannot read a row of a table: the index must be from 0 to ${this.length - 1}, is ${index}`);
    }
    return Object.fromEntries([...this.columns].map(([name, column]) => [name, column[index]]));
  }

  /**
   * A column as an array of shape [rows], or [rows, …] where its values are lists of one shape; several columns as
   * [rows, columns].
   *
   * @param name The column, or the columns
   * @param options `dtype` (default `"f32"`). A missing value becomes NaN in f32 and is an error elsewhere
   * @throws {TypeError} if a value is no number, or is missing where there is no NaN
   * @throws {RangeError} if a number does not fit, or there is no such column
   * @throws {ShapeError} if lists differ in length
   */
  tensor<D extends ColumnDType = "f32">(name: string | readonly string[], options: { dtype?: D } = {}): HostTensor<D> {
    const dtype = options.dtype ?? "f32" as D;
    if (typeof name === "string") {
      const column = this.column(name), inner = this.length === 0 ? [] : shapeOf(column[0]);
      const row = inner.reduce((product, size) => product * size, 1);
      const data = arrayOver(dtype, this.length * row, (bytes) => new ArrayBuffer(bytes));
      for (let i = 0; i < this.length; i++) this.#fill(data, i * row, column[i], { dtype, name, row: i, shape: inner });
      return hostTensor(data, { dtype, shape: [this.length, ...inner] });
    }
    const data = arrayOver(dtype, this.length * name.length, (bytes) => new ArrayBuffer(bytes));
    for (const [at, one] of name.entries()) {
      const column = this.column(one);
      for (let i = 0; i < this.length; i++) {
        this.#fill(data, i * name.length + at, column[i], { dtype, name: one, row: i, shape: [] });
      }
    }
    return hostTensor(data, { dtype, shape: [this.length, name.length] });
  }

  #fill(
    data: HostArrays[ColumnDType],
    at: number,
    value: unknown,
    where: { dtype: ColumnDType; name: string; row: number; shape: readonly number[] },
  ): void {
    const { dtype, name, row, shape } = where;
    if (shape.length === 0) {
      data[at] = numberOf(value, dtype, `column ${name}, row ${row}`);
      return;
    }
    const list = isList(value) ? value : [];
    if (list.length !== shape[0]) {
      throw new ShapeError(
        "Table.tensor",
        `Cannot make an array of column ${name}: lists must have one length, row 0 has ${shape[0]} and row ${row} ` +
          (isList(value) ? list.length : "no list"),
        [shape, [list.length]],
      );
    }
    const inner = shape.slice(1), size = inner.reduce((product, size) => product * size, 1);
    for (let i = 0; i < list.length; i++) this.#fill(data, at + i * size, list[i], { ...where, shape: inner });
  }

  #names(): string {
    return this.columns.size === 0 ? "none" : [...this.columns.keys()].join(", ");
  }
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value);
}

function shapeOf(value: unknown): number[] {
  return isList(value) ? [value.length, ...(value.length === 0 ? [] : shapeOf(value[0]))] : [];
}

function numberOf(value: unknown, dtype: ColumnDType, where: string): number {
  const missing = value === null || value === undefined;
  if (missing && dtype === "f32") return NaN;
  if (missing) {
    throw new TypeError(
      `Cannot make an array of a table: ${where} must have a value to become ${dtype}, it is missing`,
    );
  }
  if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "boolean") {
    throw new TypeError(`Cannot make an array of a table: ${where} must be a number, is ${JSON.stringify(value)}`);
  }
  const number = Number(value);
  if (dtype === "f32") return number;
  const [least, most] = LIMITS[dtype];
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new RangeError(`Cannot make an array of a table: ${where} must fit in ${dtype}, is ${value}`);
}

/**
 * Readers of data files. Libraries that some of them need are loaded when they are first called.
 *
 * @module
 */
export { parseArrow, readArrow } from "./arrow.ts";
export { type CsvOptions, type CsvType, parseCsv, readCsv } from "./csv.ts";
export { decodeImage, type ImageMode, type ImageOptions, readImage } from "./image.ts";
export { parseNpy, readNpy } from "./npy.ts";
export { parseNpz, readNpz } from "./npz.ts";
export { type ParquetOptions, parseParquet, readParquet } from "./parquet.ts";
export { type Column, type ColumnDType, type Row, Table } from "./table.ts";
export { fileLines, readTextFile } from "./text.ts";

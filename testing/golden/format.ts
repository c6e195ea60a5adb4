/** Reads the file format that tests/golden/README.md specifies: rows of JSON and tensors beside them. */
import { bf16ToF32, f16BitsOf, f16ToF32 } from "../../tensor/half.ts";
import type { HostTensor } from "../../tensor/host.ts";
import { parseSafetensors } from "../../tensor/safetensors.ts";
import type { Tolerance } from "./compare.ts";

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** One row of a fixture file. */
export type Row = { [key: string]: Json };

/** Element types of stored tensors. */
export type StoredDType = "f32" | "f16" | "bf16" | "i32" | "bool";

/** A tensor of a fixture, its elements as numbers (booleans as 0 and 1). */
export interface StoredTensor {
  dtype: StoredDType;
  shape: readonly number[];
  values: ArrayLike<number>;
}

/** A formula for inputs that are too large to store: element i is `((i·mul + add) mod modulus) / div − sub`. */
export interface Pattern {
  mul: number;
  add: number;
  modulus: number;
  div?: number;
  sub?: number;
}

/** A few elements of a large tensor: flat indices and their values, both by key. */
export interface Sample {
  at: string;
  values: string;
  shape: number[];
}

/** An input of an operator case. */
export interface InputRow {
  name: string;
  tensor?: string;
  value?: number | string | boolean;
  pattern?: Pattern;
  dtype?: StoredDType;
  shape?: number[];
}

/** A gradient that is fed into an output: a stored tensor, a pattern, or none. */
export type GradOutputRow = string | { pattern: Pattern; shape: number[] } | null;

/** An operator case. */
export interface OpRow {
  id: string;
  op: string;
  inputs: InputRow[];
  attrs: { [key: string]: Json };
  outputs: (string | Sample)[];
  gradOutputs?: GradOutputRow[];
  gradInputs?: Record<string, string | Sample>;
  tolerance: Record<string, Tolerance>;
  secondOrder?: { vectors: Record<string, string>; gradInputs: Record<string, string> };
  flags?: string[];
  note?: string;
}

/** `3`, `"NaN"`, `"Infinity"` or `"-Infinity"` as a number. */
export function number(value: Json): number {
  if (typeof value === "number") return value;
  if (value === "NaN" || value === "nan") return NaN;
  if (value === "Infinity" || value === "inf") return Infinity;
  if (value === "-Infinity" || value === "-inf") return -Infinity;
  throw new TypeError(`Cannot read a number of a fixture: ${JSON.stringify(value)} is none`);
}

/** Non-finite numbers are strings in JSON; turns them back, at any depth. Other strings stay. */
export function revive(value: Json): Json | number {
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return number(value);
  if (Array.isArray(value)) return value.map(revive);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, revive(v)]));
  }
  return value;
}

/** Elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((n, d) => n * d, 1);
}

/** The elements that a pattern stands for. */
export function patternValues(pattern: Pattern, size: number, dtype: StoredDType): ArrayLike<number> {
  const { mul, add, modulus, div = 1, sub = 0 } = pattern;
  const step = mul % modulus;
  const values = dtype === "i32" ? new Int32Array(size) : new Float32Array(size);
  for (let i = 0; i < size; i++) {
    // Reducing i first keeps the product below 2^53 for every size.
    const rest = (((i % modulus) * step + add) % modulus + modulus) % modulus;
    values[i] = dtype === "i32" ? rest : rest / div - sub;
  }
  return values;
}

/** Elements on the host as numbers: halves arrive as bits or as `Float16Array`, booleans as bytes. */
export function toNumbers({ dtype, data }: HostTensor): ArrayLike<number> {
  if (dtype === "bf16") return bf16ToF32(data);
  if (dtype === "f16") return f16ToF32(f16BitsOf(data));
  return data;
}

/** One entry of a stack `[steps, …]`. */
export function stackEntry(stack: StoredTensor, step: number): StoredTensor {
  const shape = stack.shape.slice(1);
  const size = sizeOf(shape);
  return {
    dtype: stack.dtype,
    shape,
    values: Array.prototype.slice.call(stack.values, step * size, (step + 1) * size),
  };
}

/** The tensors of one file. */
export type Tensors = (key: string) => StoredTensor;

/** Opens a safetensors file as a look-up that fails with the key and the file. */
export async function readTensors(path: string): Promise<Tensors> {
  const { tensors } = parseSafetensors(await Deno.readFile(path), path);
  return (key) => {
    const found = tensors.get(key);
    if (found === undefined) throw new RangeError(`Cannot find tensor "${key}" in ${path}`);
    return { dtype: found.dtype as StoredDType, shape: found.shape, values: toNumbers(found) };
  };
}

/** A JSON file of fixtures. */
export interface Suite {
  /** Path of the file. */
  path: string;
  /** The `suite` key, or the file's name. */
  name: string;
  header: Row;
  rows: Row[];
}

const LISTS = ["cases", "runs", "behaviours", "facts"];

/** The rows of a JSON file, or undefined when it is not a fixture file. */
export function parseSuite(path: string, text: string): Suite | undefined {
  const json = JSON.parse(text) as Json;
  if (json === null || typeof json !== "object" || Array.isArray(json)) return undefined;
  const list = LISTS.find((key) => Array.isArray(json[key]));
  if (list === undefined) return undefined;
  const { [list]: rows, ...header } = json;
  const name = typeof header.suite === "string" ? header.suite : path.replace(/^.*\/|\.json$/g, "");
  return { path, name, header, rows: rows as Row[] };
}

/** Every JSON file below a folder, sorted by path. */
async function jsonFiles(dir: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(dir)) {
    const path = `${dir}/${entry.name}`;
    const isFolder = entry.isSymlink ? (await Deno.stat(path)).isDirectory : entry.isDirectory;
    if (isFolder) found.push(...await jsonFiles(path));
    else if (entry.name.endsWith(".json")) found.push(path);
  }
  return found.sort();
}

/**
 * The fixture files of a directory: those its `index.json` lists, and any other below it.
 * A listed file that is missing is an error.
 */
export async function readSuites(dir: string): Promise<Suite[]> {
  const root = dir.replace(/\/+$/, "") || "/";
  const paths = await jsonFiles(root);
  const suites: Suite[] = [];
  for (const path of paths) {
    const text = await Deno.readTextFile(path);
    const suite = parseSuite(path, text);
    if (suite !== undefined) suites.push(suite);
    else if (path === `${root}/index.json`) checkIndex(root, JSON.parse(text), new Set(paths));
  }
  if (suites.length === 0) throw new RangeError(`Cannot run golden fixtures: ${dir} has no fixture file`);
  return suites;
}

/** Fails when the index of a directory names a JSON file that is not there. */
function checkIndex(root: string, index: { files?: { file: string }[] }, paths: ReadonlySet<string>): void {
  for (const { file } of index.files ?? []) {
    if (file.endsWith(".json") && !paths.has(`${root}/${file}`)) {
      throw new RangeError(`Cannot run golden fixtures: ${root}/index.json lists ${file}, which is missing`);
    }
  }
}

/** The path of a file that a fixture names relative to its own. */
export function beside(suitePath: string, name: string): string {
  return `${suitePath.slice(0, suitePath.lastIndexOf("/") + 1)}${name}`;
}

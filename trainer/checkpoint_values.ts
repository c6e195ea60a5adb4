import type { DType } from "../tensor/dtype.ts";
import { type HostTensor, isHostTensor } from "../tensor/host.ts";
import { Tensor } from "../tensor/tensor.ts";
import { toHostAll } from "../tensor/to_host.ts";

/** A tensor on the device, or its copy on the host. */
export type AnyTensor = Tensor | HostTensor<DType>;

/** State as JSON, with its tensors in a table beside it. */
export interface PackedState {
  readonly json: unknown;
  readonly tensors: Map<string, AnyTensor>;
}

/** What JSON cannot say is said by objects with one key that begins with `$`. */
const NUMBERS: Readonly<Record<string, number>> = { NaN, Infinity, "-Infinity": -Infinity, "-0": -0 };

/**
 * Turns state into JSON and a table of tensors. Numbers keep their value to the bit, maps stay maps.
 *
 * @throws {TypeError} For a value that has no such form, with its path
 */
export function packState(state: unknown): PackedState {
  const tensors = new Map<string, AnyTensor>();
  return { json: pack(state, [], tensors), tensors };
}

/** State nested deeper than this refers to itself, or is made to exhaust the stack. */
const MOST_DEPTH = 200;

function pack(value: unknown, path: readonly PropertyKey[], tensors: Map<string, AnyTensor>): unknown {
  if (path.length > MOST_DEPTH) {
    throw new TypeError(
      `Cannot save state: it may be nested ${MOST_DEPTH} deep, it is deeper, or refers to itself, at ${
        path.slice(0, 8).map(String).join(".")
      }…`,
    );
  }
  if (value instanceof Tensor || isHostTensor(value)) {
    const wanted = path.map(String).join("/");
    let name = wanted;
    for (let n = 2; tensors.has(name); n++) name = `${wanted}~${n}`;
    tensors.set(name, value as AnyTensor);
    return { $tensor: name };
  }
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $number: Object.is(value, -0) ? "-0" : String(value) };
    case "string":
    case "boolean":
      return value;
    case "undefined":
      return null;
    case "object":
      if (value === null) return null;
      if (Array.isArray(value)) return value.map((item, i) => pack(item, [...path, i], tensors));
      if (value instanceof Map) {
        const entries = [...value].map(([key, item], i) => [
          pack(key, [...path, i, "key"], tensors),
          pack(item, [...path, typeof key === "object" ? i : key as PropertyKey], tensors),
        ]);
        return { $map: entries };
      }
      if ([Object.prototype, null].includes(Object.getPrototypeOf(value))) return packObject(value, path, tensors);
  }
  const got = typeof value === "object" ? `an object of ${value?.constructor?.name}` : `a ${typeof value}`;
  throw new TypeError(
    "Cannot save state: it may hold numbers, text, booleans, null, tensors, and lists, maps and plain objects of them, " +
      `got ${got} at ${path.map(String).join(".") || "its top"}`,
  );
}

function packObject(object: object, path: readonly PropertyKey[], tensors: Map<string, AnyTensor>): unknown {
  const entries = Object.entries(object).map(([key, item]) => [key, pack(item, [...path, key], tensors)] as const);
  // An object of the user's that looks like one of ours is written as a list of its entries.
  return entries.some(([key]) => key.startsWith("$")) ? { $object: entries } : Object.fromEntries(entries);
}

/**
 * Turns what {@link packState} made back into state; its tensors are on the host.
 *
 * @throws {TypeError} If it is not of that form
 */
export function unpackState(json: unknown, tensors: ReadonlyMap<string, HostTensor>): unknown {
  const unpackAt = (value: unknown, depth: number): unknown => {
    if (value === null || typeof value !== "object") return value;
    // Maps and lists of entries take three levels for one.
    if (depth > 3 * MOST_DEPTH) throw new TypeError(`Cannot read state: it is nested deeper than ${MOST_DEPTH}`);
    const unpack = (inside: unknown) => unpackAt(inside, depth + 1);
    if (Array.isArray(value)) return value.map(unpack);
    const [[key, inside] = ["", null], ...others] = Object.entries(value);
    if (!key.startsWith("$") || others.length > 0) {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, unpack(item)]));
    }
    switch (key) {
      case "$tensor":
        if (tensors.has(inside as string)) return tensors.get(inside as string);
        break;
      case "$number":
        if (Object.hasOwn(NUMBERS, inside as string)) return NUMBERS[inside as string];
        break;
      case "$map":
        if (isEntries(inside)) return new Map(inside.map(([name, item]) => [unpack(name), unpack(item)]));
        break;
      case "$object":
        if (isEntries(inside)) return Object.fromEntries(inside.map(([name, item]) => [String(name), unpack(item)]));
    }
    throw new TypeError(`Cannot read state: ${key} must be one that is known, got ${JSON.stringify(inside)}`);
  };
  return unpackAt(json, 0);
}

function isEntries(value: unknown): value is [unknown, unknown][] {
  return Array.isArray(value) && value.every((entry) => Array.isArray(entry) && entry.length === 2);
}

/** Copies of tensors on the host, read with one copy: a picture of one moment. */
export async function hostCopies(tables: readonly ReadonlyMap<string, AnyTensor>[]): Promise<
  Map<string, HostTensor<DType>>[]
> {
  const onDevice = tables.flatMap((table) => [...table.values()].filter((value) => value instanceof Tensor));
  const read = await toHostAll(onDevice);
  let next = 0;
  return tables.map((table) =>
    new Map([...table].map(([name, value]) => [name, value instanceof Tensor ? read[next++] : value]))
  );
}

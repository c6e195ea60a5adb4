import { ShapeError, showShapes } from "../tensor/errors.ts";
import { type HostDType, type HostTensor, hostTensor, isHostTensor } from "../tensor/host.ts";
import { sameShape } from "../tensor/shape.ts";
import { ReadContext } from "./read_context.ts";

/**
 * What {@link collate} makes of samples of a type, the rule of PyTorch's `default_collate`:
 * arrays on the host gain a first axis, numbers become one, and objects and tuples keep their form around them.
 *
 * | sample | batch |
 * | --- | --- |
 * | `HostTensor<D>` of shape [...] | `HostTensor<D>` of shape [B, ...] |
 * | `number` | f32 of shape [B] |
 * | `bigint` | i32 of shape [B] |
 * | `boolean` | bool of shape [B] |
 * | `Float32Array`, `Float64Array` of length n | f32 of shape [B, n] |
 * | `Int32Array`, `Int16Array`, `Int8Array` | i32 |
 * | `Uint32Array` | u32 |
 * | `Uint8Array`, `Uint8ClampedArray` | u8 |
 * | `string` | `string[]` |
 * | `[A, B]` | `[Collated<A>, Collated<B>]` |
 * | `{ a: A }` | `{ a: Collated<A> }` |
 */
export type Collated<T> = [T] extends [HostTensor] ? T
  : T extends number ? HostTensor<"f32">
  : T extends bigint ? HostTensor<"i32">
  : T extends boolean ? HostTensor<"bool">
  : T extends string ? string[]
  : T extends Float32Array | Float64Array ? HostTensor<"f32">
  : T extends Int32Array | Int16Array | Int8Array ? HostTensor<"i32">
  : T extends Uint32Array ? HostTensor<"u32">
  : T extends Uint8Array | Uint8ClampedArray ? HostTensor<"u8">
  : T extends object ? { -readonly [K in keyof T]: Collated<T[K]> }
  : never;

/**
 * Joins samples into one batch; {@link Collated} tells what becomes of each kind.
 *
 * Labels are usually wanted as i32: give them as `bigint`, or as a host tensor without axes.
 *
 * @param samples At least one; all of the same form and shapes
 * @param at Where the joined arrays get their memory from (default: new memory)
 * @throws {ShapeError} if arrays of one field differ in shape
 * @throws {TypeError} if a field differs in kind between samples, or cannot be joined; names the field
 *
 * @example
 * ```ts
 * import { collate } from "@fulgurite/core/data";
 *
 * const { x, y } = collate([{ x: Float32Array.of(1, 2), y: 0n }, { x: Float32Array.of(3, 4), y: 1n }]);
 * console.assert(x.shape.join() === "2,2" && y.dtype === "i32");
 * ```
 */
export function collate<T>(samples: readonly T[], at: ReadContext = new ReadContext()): Collated<T> {
  if (samples.length === 0) throw new TypeError("Cannot join samples in collate: there must be one at least, got none");
  // Collated<T> is the type-level form of what `join` does case by case.
  return join(samples, "", at) as Collated<T>;
}

function join(values: readonly unknown[], path: string, at: ReadContext): unknown {
  const first = values[0];
  const where = path === "" ? "samples" : `field ${path}`;
  const kind = kindOf(first);
  for (const value of values) {
    if (kindOf(value) !== kind) {
      throw new TypeError(
        `Cannot join samples in collate: ${where} must be of one kind in all of them, got ${kind} and ${kindOf(value)}`,
      );
    }
  }
  switch (kind) {
    case "host tensor":
      return stack(values as HostTensor[], where, at);
    case "number":
      return hostTensor(Float32Array.from(values as number[]), { dtype: "f32" });
    case "bigint":
      return hostTensor(Int32Array.from(values as bigint[], (value) => toI32(value, where)), { dtype: "i32" });
    case "boolean":
      return hostTensor(Uint8Array.from(values as boolean[], Number), { dtype: "bool" });
    case "string":
      return [...values];
    case "array": {
      const lists = values as unknown[][];
      const length = lists[0].length;
      const other = lists.find((list) => list.length !== length);
      if (other !== undefined) {
        throw new TypeError(
          `Cannot join samples in collate: ${where} must have one length in all of them, got ${length} and ${other.length}`,
        );
      }
      return lists[0].map((_, i) => join(lists.map((list) => list[i]), `${path}[${i}]`, at));
    }
    case "object": {
      const objects = values as Record<string, unknown>[];
      const keys = Object.keys(objects[0]);
      for (const object of objects) {
        const odd = keys.find((key) => !Object.hasOwn(object, key)) ??
          Object.keys(object).find((key) => !Object.hasOwn(objects[0], key));
        if (odd === undefined) continue;
        throw new TypeError(
          `Cannot join samples in collate: ${where} must have the same keys in all of them, ${odd} is not`,
        );
      }
      const joined = (key: string) =>
        join(objects.map((object) => object[key]), path === "" ? key : `${path}.${key}`, at);
      return Object.fromEntries(keys.map((key) => [key, joined(key)]));
    }
  }
  const typed = ARRAYS.get(kind);
  if (typed !== undefined) {
    const tensors = (values as ArrayLike<number>[]).map((value) => hostTensor(typed.of(value), { dtype: typed.dtype }));
    return stack(tensors, where, at);
  }
  throw new TypeError(
    `Cannot join samples in collate: ${where} must be host tensors, typed arrays, numbers, booleans, strings, or objects ` +
      `and arrays of them, got ${kind}; pass collate to the DataLoader to join others`,
  );
}

interface TypedKind {
  readonly dtype: HostDType;
  readonly of: (values: ArrayLike<number>) => HostTensor["data"];
}

/** For classes that the host has for the element type; only they are looked up with it. */
const asIs = (values: ArrayLike<number>) => values as HostTensor["data"];

/** Typed arrays by their class. `Uint16Array` is not among them: it may hold numbers, or the bits of bf16. */
const ARRAYS: ReadonlyMap<string, TypedKind> = new Map<string, TypedKind>([
  ["Float32Array", { dtype: "f32", of: asIs }],
  ["Float64Array", { dtype: "f32", of: (values) => Float32Array.from(values) }],
  ["Int32Array", { dtype: "i32", of: asIs }],
  ["Int16Array", { dtype: "i32", of: (values) => Int32Array.from(values) }],
  ["Int8Array", { dtype: "i32", of: (values) => Int32Array.from(values) }],
  ["Uint32Array", { dtype: "u32", of: asIs }],
  ["Uint8Array", { dtype: "u8", of: asIs }],
  ["Uint8ClampedArray", { dtype: "u8", of: (values) => Uint8Array.from(values) }],
]);

function kindOf(value: unknown): string {
  if (typeof value !== "object") return typeof value;
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (isHostTensor(value)) return "host tensor";
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? "object" : value.constructor.name;
}

function toI32(value: bigint, where: string): number {
  if (value === BigInt.asIntN(32, value)) return Number(value);
  throw new TypeError(`Cannot join samples in collate: ${where} must fit in i32, got ${value}`);
}

/** Host tensors of one shape side by side along a new first axis. */
function stack(tensors: readonly HostTensor[], where: string, at: ReadContext): HostTensor {
  const { dtype, shape, data } = tensors[0];
  const odd = tensors.find((tensor) => tensor.dtype !== dtype);
  if (odd !== undefined) {
    throw new TypeError(
      `Cannot join samples in collate: ${where} must have one dtype in all of them, got ${dtype} and ${odd.dtype}`,
    );
  }
  const other = tensors.find((tensor) => !sameShape(tensor.shape, shape));
  if (other !== undefined) {
    const shapes = [shape, other.shape];
    throw new ShapeError(
      "collate",
      `Cannot join samples in collate: ${where} must have one shape in all of them, got ${showShapes(shapes)}`,
      shapes,
    );
  }
  const out = at.allocate<HostDType>(dtype, tensors.length * data.length);
  for (let i = 0; i < tensors.length; i++) out.set(tensors[i].data, i * data.length);
  return hostTensor<HostDType>(out, { dtype, shape: [tensors.length, ...shape] });
}

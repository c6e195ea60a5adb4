import { numel, type Shape } from "../tensor/shape.ts";
import { family } from "./_family.ts";
import type { Specialisation } from "./_source.ts";

/**
 * Neighbouring axes of a tensor seen as one: element (o, r, i) lies at (o·length + r)·inner + i. A row is fixed o and
 * i.
 */
export interface Rows {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/** Rows along the axes `first` … `last` of a shape. */
export function rowsOf(shape: Shape, first: number, last: number = first): Rows {
  return {
    outer: numel(shape.slice(0, first)),
    length: numel(shape.slice(first, last + 1)),
    inner: numel(shape.slice(last + 1)),
  };
}

/**
 * How neighbouring elements are taken as a vector: `"along"` the row (rows whose length is a multiple of its size),
 * `"across"` neighbouring rows (where `inner` is), or not at all.
 */
export type Packing = "single" | "along" | "across";

/** Rows in units of what a kernel reads at once. */
export interface Packed {
  readonly packing: Packing;
  /** Elements of an item. */
  readonly parts: 1 | 2 | 4;
  /** Rows, or groups of neighbouring rows. */
  readonly rows: number;
  /** Items of a row. */
  readonly length: number;
  /** Distance between neighbouring items of a row, in items. */
  readonly inner: number;
}

/**
 * The packing that fits.
 *
 * @param rows The rows
 * @param pairs Whether two at once are worth it where four do not fit: 16-bit results are written word by word
 */
export function pack({ outer, length, inner }: Rows, pairs = false): Packed {
  for (const parts of pairs ? [4, 2] as const : [4] as const) {
    if (inner === 1 && length % parts === 0) {
      return { packing: "along", parts, rows: outer, length: length / parts, inner: 1 };
    }
    if (inner % parts === 0) {
      return { packing: "across", parts, rows: outer * inner / parts, length, inner: inner / parts };
    }
  }
  return { packing: "single", parts: 1, rows: outer * inner, length, inner };
}

/** How items are made of elements. */
export type Item = Pick<Packed, "packing" | "parts">;

/** WGSL type of an item, and of a value that stands for a row, when elements are `word`s. */
export function itemTypes({ packing, parts }: Item, word: string): { item: string; row: string } {
  const vector = parts === 1 ? word : `vec${parts}<${word}>`;
  return { item: vector, row: packing === "across" ? vector : word };
}

/** Types and folds of `_shared/items.wgsl` for a packing. */
export function itemKernel(of: Item): Required<Pick<Specialisation, "aliases" | "functions">> {
  const { item, row } = itemTypes(of, "f32");
  const bits = itemTypes(of, "u32");
  const aliases = { Item: item, Bits: bits.item, Row: row, RowBits: bits.row };
  if (of.packing !== "along") return { aliases, functions: {} };
  const greater = foldParts(of, (a, b) => `max(${a}, ${b})`);
  return {
    aliases,
    functions: {
      fold_sum: `fn fold_sum(v: Item) -> Row { return ${foldParts(of, (a, b) => `(${a} + ${b})`)}; }`,
      fold_max: `fn fold_max(v: Item) -> Row { return ${greater}; }`,
      fold_bits: `fn fold_bits(v: Bits) -> RowBits { return ${greater}; }`,
    },
  };
}

/** WGSL that makes one of the parts of an item `v` along the row. */
export function foldParts({ parts }: Item, join: (a: string, b: string) => string): string {
  return parts === 2 ? join("v.x", "v.y") : join(join("v.x", "v.y"), join("v.z", "v.w"));
}

/** Invocations in a workgroup that works by lanes: few where there are few rows, so that every core gets some. */
export function laneGroup(invocations: number): number {
  return family() === "lanes" && invocations < 2048 ? 8 : 64;
}

/** Invocations that share a row in a workgroup of 256: a power of two, so that each has some items. */
export function rowWidth(items: number): number {
  let width = 8;
  while (width < 256 && width * 2 < items) width *= 2;
  return width;
}

/** Whether the rows are worth sharing: on GPUs, long ones that lie in one piece. */
export function sharesRows({ length, inner }: Rows): boolean {
  return family() === "groups" && inner === 1 && length >= 32;
}

/** Registers that an invocation may use to hold its items of a row, in elements. */
const HELD_ELEMENTS = 32;

/**
 * Whether the invocations that share a row can hold it in registers, as specialisation of a kernel with `Held`.
 *
 * @param inputs How many rows are held at once
 */
export function heldItems(
  length: number,
  width: number,
  { packing, parts }: Item,
  inputs = 1,
): Required<Pick<Specialisation, "aliases" | "overrides">> {
  const items = Math.ceil(length / width);
  const fits = items * (packing === "along" ? parts : 1) * inputs <= HELD_ELEMENTS;
  return {
    aliases: { Held: `array<Item, ${fits ? items : 1}>` },
    overrides: { held_items: fits ? items : 1, all_held: fits ? 1 : 0 },
  };
}

/**
 * Into how many slices rows are cut, so that the device has enough to do at once; a further kernel puts them together,
 * so short rows stay whole. It depends on sizes and family alone: sums repeat bit for bit.
 *
 * @param shared Whether the invocations of a workgroup share a slice
 */
export function slicesOf(rows: Rows, shared: boolean = sharesRows(rows)): number {
  const { rows: count, length } = pack(rows);
  const [wanted, shortest] = family() === "lanes" ? [512, 512] : shared ? [1024, 1024] : [32768, 32];
  return Math.max(1, Math.min(Math.floor(wanted / Math.max(1, count)), Math.floor(length / shortest)));
}

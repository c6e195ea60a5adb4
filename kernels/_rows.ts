import { numel, type Shape } from "../tensor/shape.ts";
import { family } from "./_family.ts";
import type { Specialisation } from "./_source.ts";

/** Neighbouring axes of a tensor seen as one: element (o, r, i) lies at (o·length + r)·inner + i. A row is fixed o and i. */
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
 * How four neighbouring elements are taken as a vec4: `"along"` the row (rows whose length is a multiple of four),
 * `"across"` four neighbouring rows (where `inner` is), or not at all.
 */
export type Packing = "single" | "along" | "across";

/** Rows in units of what a kernel reads at once. */
export interface Packed {
  readonly packing: Packing;
  /** Rows, or groups of four rows. */
  readonly rows: number;
  /** Items of a row. */
  readonly length: number;
  /** Distance between neighbouring items of a row, in items. */
  readonly inner: number;
}

/** The packing that fits. */
export function pack({ outer, length, inner }: Rows): Packed {
  if (inner === 1 && length % 4 === 0) return { packing: "along", rows: outer, length: length / 4, inner: 1 };
  if (inner % 4 === 0) return { packing: "across", rows: outer * inner / 4, length, inner: inner / 4 };
  return { packing: "single", rows: outer * inner, length, inner };
}

/** WGSL type of an item, and of a value that stands for a row, when elements are `word`s. */
export function itemTypes(packing: Packing, word: string): { item: string; row: string } {
  return {
    item: packing === "single" ? word : `vec4<${word}>`,
    row: packing === "across" ? `vec4<${word}>` : word,
  };
}

/** Types and folds of `_shared/items.wgsl` for a packing. */
export function itemKernel(packing: Packing): Required<Pick<Specialisation, "aliases" | "functions">> {
  const { item, row } = itemTypes(packing, "f32");
  const bits = itemTypes(packing, "u32");
  const aliases = { Item: item, Bits: bits.item, Row: row, RowBits: bits.row };
  if (packing !== "along") return { aliases, functions: {} };
  const parts = (join: (a: string, b: string) => string) => join(join("v.x", "v.y"), join("v.z", "v.w"));
  const greater = parts((a, b) => `max(${a}, ${b})`);
  return {
    aliases,
    functions: {
      fold_sum: `fn fold_sum(v: Item) -> Row { return ${parts((a, b) => `(${a} + ${b})`)}; }`,
      fold_max: `fn fold_max(v: Item) -> Row { return ${greater}; }`,
      fold_bits: `fn fold_bits(v: Bits) -> RowBits { return ${greater}; }`,
    },
  };
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
  packing: Packing,
  inputs = 1,
): Required<Pick<Specialisation, "aliases" | "overrides">> {
  const items = Math.ceil(length / width);
  const fits = items * (packing === "along" ? 4 : 1) * inputs <= HELD_ELEMENTS;
  return {
    aliases: { Held: `array<Item, ${fits ? items : 1}>` },
    overrides: { held_items: fits ? items : 1, all_held: fits ? 1 : 0 },
  };
}

/**
 * Into how many slices rows are cut, so that the device has enough to do at once; a further kernel puts them together, so
 * short rows stay whole. It depends on sizes and family alone: sums repeat bit for bit.
 *
 * @param shared Whether the invocations of a workgroup share a slice
 */
export function slicesOf(rows: Rows, shared: boolean = sharesRows(rows)): number {
  const { rows: count, length } = pack(rows);
  const [wanted, shortest] = family() === "lanes" ? [512, 512] : shared ? [1024, 1024] : [32768, 32];
  return Math.max(1, Math.min(Math.floor(wanted / Math.max(1, count)), Math.floor(length / shortest)));
}

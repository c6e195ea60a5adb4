import { isHalf } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { itemTypes, laneGroup, pack, type Rows, rowWidth, sharesRows, slicesOf } from "../_rows.ts";
import { launch } from "../_run.ts";
import { argReduce, argReduceTree } from "../_wgsl.ts";
import { type Order, orderOf } from "./_order.ts";
import { temporary } from "./_reduce.ts";

const KEEP: Order = { key: () => "v", bits: () => "v" };

/**
 * The greatest elements of rows (the smallest, with `down`) into `values`, and their places into `indices`. Long rows
 * are cut into slices, whose results a second pass combines.
 */
export function argInto(name: string, x: Tensor, rows: Rows, down: boolean, values: Tensor, indices: Tensor): void {
  const order = orderOf(x.dtype, down, true);
  const slices = slicesOf(rows);
  if (slices === 1) {
    runPass(x, null, rows, 1, order, order, values, indices);
    return;
  }
  // The last slice must not be empty: a pass starts from the first element of each.
  const { length } = pack(rows);
  const slice = Math.ceil(length / slices);
  const used = Math.ceil(length / slice);
  const { outer, inner } = rows;
  const keys = temporary([outer * inner * used], "u32", name);
  const places = temporary([outer * inner * used], "i32", name);
  runPass(x, null, rows, used, order, KEEP, keys, places, slice);
  const merged = sharesRows(rows)
    ? { outer, length: used, inner: 1 }
    : { outer: 1, length: used, inner: outer * inner };
  runPass(keys, places, merged, 1, KEEP, order, values, indices);
  keys.dispose();
  places.dispose();
}

function runPass(
  x: Tensor,
  places: Tensor | null,
  rows: Rows,
  slices: number,
  load: Order,
  store: Order,
  values: Tensor,
  indices: Tensor,
  slice?: number,
): void {
  const packed = pack(rows);
  const { packing, rows: count, length, inner } = packed;
  const { item, row } = itemTypes(packed, "u32");
  // 16-bit elements arrive as f32.
  const half = isHalf(x.dtype);
  const functions: Record<string, string> = {
    key: `fn key(x: In) -> Item { let v = ${half ? "bitcast<Item>(x)" : "x"}; return ${load.key("Item")}; }`,
    finish: `fn finish(v: ${row}) -> ${row} { return ${store.bits(row)}; }`,
  };
  if (places !== null) functions.place = "fn place(at: u32, r: u32) -> Item { return places[at]; }";
  else if (packing === "along") {
    functions.place = "fn place(at: u32, r: u32) -> Item { return Item(r * 4u) + Item(0u, 1u, 2u, 3u); }";
  }
  if (packing === "along") {
    functions.fold = `fn fold(key: Item, place: Item) -> Best {
      let top = max(max(key.x, key.y), max(key.z, key.w));
      let there = select(Item(0xffffffffu), place, key == Item(top));
      return Best(top, min(min(there.x, there.y), min(there.z, there.w)));
    }`;
  }
  const buffers = { x, places: places ?? x, values, indices };
  const params = { rows: count, length, slices, slice: slice ?? length };
  if (sharesRows(rows)) {
    const width = rowWidth(params.slice);
    launch(argReduceTree, buffers, params, Math.ceil(count * slices * width / 256), {
      aliases: { In: half ? itemTypes(packed, "f32").item : item, Item: item },
      functions,
      overrides: { width },
    });
    return;
  }
  const group = laneGroup(count * slices);
  launch(argReduce, buffers, { ...params, inner }, Math.ceil(count * slices / group), {
    aliases: { In: half ? itemTypes(packed, "f32").item : item, Item: item, Row: row },
    functions,
    overrides: { group },
  });
}

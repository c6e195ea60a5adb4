import type { Tensor } from "../../tensor/tensor.ts";
import { itemKernel, laneGroup, pack, type Rows, rowWidth, sharesRows, slicesOf } from "../_rows.ts";
import { launch } from "../_run.ts";
import { moments, momentsTree } from "../_wgsl.ts";
import { temporary } from "./_reduce.ts";

/** How rows were cut for their moments: part k of column c lies at k·columns + c. */
export interface Parts {
  /** Slices of a row. */
  readonly slices: number;
  /** Elements of a slice, and of the last one. */
  readonly count: number;
  readonly rest: number;
}

/** How rows are cut so that the device has enough to do at once. */
export function cut(rows: Rows): Parts {
  const { packing, parts, length } = pack(rows);
  const slices = slicesOf(rows);
  const items = packing === "along" ? parts : 1;
  const slice = Math.max(1, Math.ceil(length / slices));
  const used = Math.max(1, Math.ceil(length / slice));
  return { slices: used, count: slice * items, rest: (length - (used - 1) * slice) * items };
}

/** Means and sums of squared differences of each slice of rows; `finish` is a WGSL expression for the latter. */
export function momentsOf(
  x: Tensor,
  rows: Rows,
  { slices, count }: Parts,
  means: Tensor,
  squares: Tensor,
  finish = "v",
  scale = 1,
): void {
  const packed = pack(rows);
  const { rows: lanes, length, inner } = packed;
  const kernel = itemKernel(packed);
  const parts = packed.packing === "along" ? packed.parts : 1;
  const params = { rows: lanes, length, slices, slice: count / parts, scale };
  const functions = { ...kernel.functions, finish: `fn finish(v: Row) -> Row { return ${finish}; }` };
  if (sharesRows(rows)) {
    const width = rowWidth(params.slice);
    launch(momentsTree, { x, means, squares }, params, Math.ceil(lanes * slices * width / 256), {
      aliases: kernel.aliases,
      functions,
      overrides: { width, parts },
    });
    return;
  }
  const group = laneGroup(lanes * slices);
  launch(moments, { x, means, squares }, { ...params, inner }, Math.ceil(lanes * slices / group), {
    aliases: kernel.aliases,
    functions,
    overrides: { group, parts },
  });
}

/** Room for the moments of each slice. */
export function partial(rows: Rows, { slices }: Parts, label: string): { means: Tensor; squares: Tensor } {
  const shape = [slices, rows.outer * rows.inner];
  return { means: temporary(shape, "f32", label), squares: temporary(shape, "f32", label) };
}

import type { Tensor } from "../../tensor/tensor.ts";
import { itemKernel, laneGroup, pack, slicesOf } from "../_rows.ts";
import { launch } from "../_run.ts";
import { layerNormParams } from "../_wgsl.ts";
import { addPairs } from "../reduce/_pairs.ts";
import { temporary } from "../reduce/_reduce.ts";

/**
 * Σ dy · (x − mean) · rstd into `a` and Σ dy into `b`, over the rows of matrices [rows, columns], in two stages of a
 * fixed order: slices of rows first, then the slices.
 */
export function rowSums(
  x: Tensor,
  dy: Tensor,
  means: Tensor,
  rstds: Tensor,
  rows: number,
  columns: number,
  a: Tensor,
  b: Tensor,
): void {
  const packed = pack({ outer: 1, length: rows, inner: columns });
  const { inner: items } = packed;
  const slices = slicesOf({ outer: 1, length: rows, inner: columns }, false);
  const { aliases, functions } = itemKernel(packed);
  const group = laneGroup(items * slices);
  const into = slices === 1 ? { a, b } : {
    a: temporary([slices, columns], "f32", "layerNormGrad"),
    b: temporary([slices, columns], "f32", "layerNormGrad"),
  };
  launch(
    layerNormParams,
    { x, dy, means, rstds, ...into },
    { rows, columns: items, slices, slice: Math.ceil(rows / slices) },
    Math.ceil(items * slices / group),
    { aliases, functions, overrides: { group } },
  );
  if (slices === 1) return;
  addPairs(into.a, into.b, slices, columns, a, b);
  into.a.dispose();
  into.b.dispose();
}

import type { Tensor } from "../../tensor/tensor.ts";
import { family } from "../_family.ts";
import { itemKernel, laneGroup } from "../_rows.ts";
import { launch } from "../_run.ts";
import { layerNormParams } from "../_wgsl.ts";
import { addPairs } from "../reduce/_pairs.ts";
import { temporary } from "../reduce/_reduce.ts";

/**
 * Σ dy · (x − mean) · rstd into `a` and Σ dy into `b`, over the rows of matrices [rows, columns], in two stages of a fixed
 * order: slices of rows first, then the slices.
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
  const packing = columns % 4 === 0 ? "across" : "single";
  const items = packing === "across" ? columns / 4 : columns;
  const [wanted, shortest] = family() === "lanes" ? [512, 64] : [32768, 32];
  const slices = Math.max(1, Math.min(Math.floor(wanted / items), Math.floor(rows / shortest)));
  const { aliases, functions } = itemKernel(packing);
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

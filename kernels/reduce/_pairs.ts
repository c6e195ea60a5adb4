import type { Tensor } from "../../tensor/tensor.ts";
import { laneGroup } from "../_rows.ts";
import { launch } from "../_run.ts";
import { sumPairs } from "../_wgsl.ts";

/** Sums over the parts of two matrices [parts, columns], in the order of the parts. */
export function addPairs(
  partialA: Tensor,
  partialB: Tensor,
  parts: number,
  columns: number,
  a: Tensor,
  b: Tensor,
): void {
  const group = laneGroup(columns);
  launch(
    sumPairs,
    { partial_a: partialA, partial_b: partialB, a, b },
    { columns, parts },
    Math.ceil(columns / group),
    { overrides: { group } },
  );
}

import type { Tensor } from "../../tensor/tensor.ts";
import { launch, temporary } from "../_run.ts";
import { luPivot, luStep, substitute } from "../_wgsl.ts";
import { squares } from "./_matrices.ts";

/** Matrices as products of triangles: exchanged rows first, then L with ones on its diagonal, then U. */
export interface Factors {
  /** L below the diagonal, U on it and above. */
  readonly lu: Tensor;
  /** With which row each was exchanged at its step. */
  readonly swaps: Tensor;
  /** Which row stands at each place in the end. */
  readonly order: Tensor;
}

/**
 * Factors of square matrices, by Gaussian elimination with the largest element of a column as its pivot (Golub and Van
 * Loan, "Matrix Computations", algorithm 3.4.1). Every step is two dispatches over all matrices. The caller disposes of
 * them.
 */
export function factorsOf(x: Tensor, label: string): Factors {
  const { pages, size } = squares(x);
  const swaps = temporary([pages * size], "i32", label), order = temporary([pages * size], "i32", label);
  const count = pages * size * size, groups = Math.ceil(count / 64);
  let from = x;
  for (let step = 0; step < size && pages > 0; step++) {
    const into = temporary(x.shape, "f32", label);
    launch(luPivot, { x: from, swaps, order }, { size, step, pages }, Math.ceil(pages / 64));
    launch(luStep, { x: from, swaps, y: into }, { size, step, count }, groups);
    if (from !== x) from.dispose();
    from = into;
  }
  return { lu: from === x ? temporary(x.shape, "f32", label) : from, swaps, order };
}

/** Lets go of factors. */
export function release({ lu, swaps, order }: Factors): void {
  for (const t of [lu, swaps, order]) t.dispose();
}

/** What {@link substituteInto} solves. */
export interface Triangle {
  readonly upper: boolean;
  /** Whether the diagonal is taken for ones. */
  readonly unitriangular: boolean;
}

/** Solves triangular systems into `y`; `order` names the rows of `b` that come one after another. */
export function substituteInto(t: Tensor, b: Tensor, order: Tensor | null, triangle: Triangle, y: Tensor): void {
  const { pages, size } = squares(t), columns = b.shape.at(-1)!, count = pages * columns;
  const params = { size, columns, count, upper: Number(triangle.upper), unit: Number(triangle.unitriangular) };
  const functions = order === null
    ? undefined
    : { row_of: "fn row_of(base: u32, i: u32) -> u32 { return u32(order[base + i]); }" };
  launch(substitute, { t, b, order: order ?? t, y }, params, Math.ceil(count / 64), functions && { functions });
}

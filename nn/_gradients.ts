import { zeros } from "../kernels/elementwise/constants.ts";
import { keep } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Frees gradients, or makes them zeros. */
export function clearGradients(params: Iterable<Tensor>, setToNull: boolean): void {
  for (const p of params) {
    if (p.grad === null) continue;
    p.grad.dispose();
    p.grad = setToNull ? null : keep(zeros(p.shape, { dtype: p.dtype }));
  }
}

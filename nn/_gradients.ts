import { zeros } from "../kernels/elementwise/constants.ts";
import { keep } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Frees gradients, or makes them zeros. */
export function clearGradients(params: Iterable<Tensor>, setToNull: boolean): void {
  for (const p of params) {
    if (setToNull) p.clearGrad();
    else if (p.grad !== null) {
      p.grad.dispose();
      p.grad = keep(zeros(p.shape, { dtype: p.dtype }));
    }
  }
}

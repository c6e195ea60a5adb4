import { to } from "../kernels/elementwise/cast.ts";
import { mean, sum } from "../kernels/reduce/sum.ts";
import { autocastDType } from "../tensor/autocast.ts";
import { isFloat, isHalf } from "../tensor/dtype.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import { sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** How the losses of the elements become the result. */
export interface ReductionOptions {
  /** The mean of all elements (default), their sum, or each for itself. */
  reduction?: "mean" | "sum" | "none";
}

/** Losses as the result that `reduction` asks for. */
export function reduced(op: string, losses: Tensor, reduction: string = "mean"): Tensor {
  if (reduction === "mean") return mean(losses);
  if (reduction === "sum") return sum(losses);
  if (reduction === "none") return losses;
  throw new RangeError(`Cannot reduce in ${op}: reduction must be mean, sum or none, got ${reduction}`);
}

/** Inputs as losses compute with them: in f32 under autocast. */
export function lossInputs(op: string, ...inputs: Tensor[]): Tensor[] {
  return inputs.map((t) => {
    if (!isFloat(t.dtype)) {
      throw new TypeError(`Cannot compute ${op}: inputs must be floating-point, found ${t.dtype}`);
    }
    return autocastDType() !== null && isHalf(t.dtype) ? to(t, "f32") : t;
  });
}

/** Refuses inputs of different shapes: broadcasting a target is hardly ever meant. */
export function checkSameShape(op: string, a: Tensor, b: Tensor): void {
  if (sameShape(a.shape, b.shape)) return;
  throw new ShapeError(
    op,
    `Cannot compute ${op}: input and target must have the same shape, current shapes are ${
      showShapes([a.shape, b.shape])
    }`,
    [a.shape, b.shape],
  );
}

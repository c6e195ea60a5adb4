import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { tensor } from "../tensor/create.ts";
import type { DType } from "../tensor/dtype.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { keep } from "../tensor/scope.ts";
import { sameShape, type Shape } from "../tensor/shape.ts";
import { Storage } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { StateValue } from "./optimizer.ts";

/**
 * The type that a parameter's state is kept in: the parameter's own, as in PyTorch, but f32 for f16, in which the
 * square of a gradient below 2⁻¹² is 0 and Adam divides by its ε alone.
 */
export function stateType({ dtype }: Tensor): DType {
  return dtype === "bf16" ? "bf16" : "f32";
}

/** A copy in a type that outlives every scope. */
export function copyOf(value: StateValue, shape: Shape, name: string, dtype: DType = "f32"): Tensor {
  if (typeof value === "number" || !sameShape(value.shape, shape)) {
    const got = typeof value === "number" ? "a number" : showShape(value.shape);
    throw new ShapeError(
      "loadStateDict",
      `Cannot load the state of an optimizer: ${name} must have its parameter's shape ${showShape(shape)}, got ${got}`,
      [shape],
    );
  }
  if (!(value instanceof Tensor)) return keep(tensor(value, { dtype }));
  const copy = new Tensor({ shape, storage: new Storage(value.numel, dtype, name), scoped: false });
  copyInto(copy, value);
  return copy;
}

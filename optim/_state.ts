import { copyInto } from "../kernels/elementwise/copy_into.ts";
import { tensor } from "../tensor/create.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { keep } from "../tensor/scope.ts";
import { sameShape, type Shape } from "../tensor/shape.ts";
import { Storage } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { StateValue } from "./optimizer.ts";

/** A copy in f32 that outlives every scope. */
export function copyOf(value: StateValue, shape: Shape, name: string): Tensor {
  if (typeof value === "number" || !sameShape(value.shape, shape)) {
    const got = typeof value === "number" ? "a number" : showShape(value.shape);
    throw new ShapeError(
      "loadStateDict",
      `Cannot load the state of an optimizer: ${name} must have its parameter's shape ${showShape(shape)}, got ${got}`,
      [shape],
    );
  }
  if (!(value instanceof Tensor)) return keep(tensor(value, { dtype: "f32" }));
  const copy = new Tensor({ shape, storage: new Storage(value.numel, "f32", name), scoped: false });
  copyInto(copy, value);
  return copy;
}

import type { DType } from "../../tensor/dtype.ts";
import { checkShape, type Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { registerOf } from "./codegen.ts";
import { generate } from "./define.ts";

/** Type and role of a new tensor. */
export interface CreationOptions {
  /** Element type; default f32. */
  dtype?: DType;
  /** Whether gradients are wanted; default false. */
  requiresGrad?: boolean;
}

/**
 * A tensor of equal elements.
 *
 * @param shape Sizes of the axes
 * @param value The element
 * @param options Type (default: f32) and whether gradients are wanted
 */
export function full(shape: Shape, value: number, options: CreationOptions = {}): Tensor {
  checkShape("full", shape);
  const dtype = options.dtype ?? "f32";
  const as = registerOf(dtype);
  const f = as === "bool" ? "(x != 0u)" : "x";
  const t = generate("full", f, { shape: [...shape], dtype }, [{ value, as }]);
  if (options.requiresGrad) t.requiresGrad = true;
  return t;
}

/** A tensor of zeros. */
export function zeros(shape: Shape, options: CreationOptions = {}): Tensor {
  return full(shape, 0, options);
}

/** A tensor of ones. */
export function ones(shape: Shape, options: CreationOptions = {}): Tensor {
  return full(shape, 1, options);
}

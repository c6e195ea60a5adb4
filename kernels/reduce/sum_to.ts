import { sameShape, type Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { reshape } from "../layout/reshape.ts";
import { sum } from "./sum.ts";

/** Undoes broadcasting: sums the axes along which `shape` was stretched to x's shape. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.ndim - shape.length;
  const dim = x.shape.flatMap((size, i) => i < lead || (shape[i - lead] === 1 && size !== 1) ? [i] : []);
  return reshape(dim.length === 0 ? x : sum(x, { dim, keepdim: true }), shape);
}

import { isFloat } from "../../tensor/dtype.ts";
import { ShapeError, showShapes } from "../../tensor/errors.ts";
import { broadcastShapes, numel, type Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { expand } from "../layout/views.ts";

/** How many square matrices a tensor holds, and of which size. */
export function squares({ shape }: Tensor): { pages: number; size: number } {
  return { pages: numel(shape.slice(0, -2)), size: shape.at(-1)! };
}

/** Throws unless a tensor holds square matrices of floating-point numbers. */
export function requireSquare(op: string, x: Tensor): void {
  if (!isFloat(x.dtype)) {
    throw new TypeError(`Cannot compute ${op}: elements must be floating-point numbers, they are ${x.dtype}`);
  }
  if (x.ndim >= 2 && x.shape.at(-1) === x.shape.at(-2)) return;
  throw new ShapeError(
    op,
    `Cannot compute ${op}: the matrices must be square, current shape is ${showShapes([x.shape])}`,
    [x.shape],
  );
}

/** Square matrices and right sides [..., n, k] with the same leading axes. */
export function sameStacks(op: string, a: Tensor, b: Tensor): [a: Tensor, b: Tensor] {
  if (b.dtype !== a.dtype) {
    throw new TypeError(`Cannot compute ${op}: both tensors must have one type, they are ${a.dtype} and ${b.dtype}`);
  }
  if (b.ndim < 2 || b.shape.at(-2) !== a.shape.at(-1)) {
    throw new ShapeError(
      op,
      `Cannot compute ${op}: the right side must have as many rows as the matrix, current shapes are ${
        showShapes([a.shape, b.shape])
      }`,
      [a.shape, b.shape],
    );
  }
  const lead: Shape = broadcastShapes(op, [a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  return [expand(a, [...lead, ...a.shape.slice(-2)]), expand(b, [...lead, ...b.shape.slice(-2)])];
}

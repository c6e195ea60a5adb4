import { ShapeError, showShape } from "../../tensor/errors.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { checkList, checkShape, numel, sameShape, type Shape } from "../../tensor/shape.ts";
import { checkTensors } from "../../tensor/operands.ts";
import type { Tensor } from "../../tensor/tensor.ts";

const reshapeOp: Op<{ shape: Shape }> = {
  name: "reshape",
  half: "native",
  alias: true,
  infer: ([x], { shape }) => ({ shape, dtype: x!.dtype }),
  grad: (dy, { inputs }) => [reshape(dy, inputs[0]!.shape)],
};

/**
 * The same elements in another shape. The storage is shared: nothing is copied.
 *
 * @param x Any shape
 * @param shape Sizes with the same number of elements; one of them may be −1 and is then computed
 * @returns A tensor of that shape
 * @throws {ShapeError} If the element counts differ, or −1 could be any size
 *
 * @example
 * ```ts
 * import { arange, init, reshape } from "@fulgurite/core";
 *
 * await init();
 * console.log(reshape(arange(6), [2, -1]).shape); // [2, 3]
 * ```
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  checkTensors("reshape", x);
  checkList("reshape", "the shape", shape);
  const target = [...shape];
  const unknown = target.indexOf(-1);
  if (unknown >= 0) {
    const known = numel(target.filter((_, i) => i !== unknown));
    target[unknown] = x.numel / known;
    // With no elements in the known axes, any size would do.
    if (known === 0 || !Number.isInteger(target[unknown]) || target.includes(-1)) {
      throw new ShapeError("reshape", mismatch(x.shape, shape), [x.shape, shape]);
    }
  }
  checkShape("reshape", target);
  if (numel(target) !== x.numel) throw new ShapeError("reshape", mismatch(x.shape, shape), [x.shape, shape]);
  return sameShape(target, x.shape) ? x : apply(reshapeOp, [x], { shape: target });
}

function mismatch(from: Shape, to: Shape): string {
  return `Cannot reshape in reshape: element counts must be equal, current shapes are ${showShape(from)} and ${
    showShape(to)
  }`;
}

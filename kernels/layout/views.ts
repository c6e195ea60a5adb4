import { ShapeError, showShape } from "../../tensor/errors.ts";
import { broadcastStrides, checkList, normalizeDim, sameShape, type Shape, stridesOf } from "../../tensor/shape.ts";
import { checkTensors } from "../../tensor/operands.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { strided } from "../elementwise/view.ts";
import { sumTo } from "../reduce/sum_to.ts";

/**
 * Stretches axes of size 1, and adds axes in front. Inside a chain it costs nothing.
 *
 * @param x Any shape
 * @param size The shape wanted; −1 keeps an axis as it is
 * @returns A tensor of that shape
 * @throws {ShapeError} If an axis of another size than 1 would change
 *
 * @example
 * ```ts
 * import { expand, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await expand(tensor([[1], [2]]), [-1, 3]).array()); // [[1, 1, 1], [2, 2, 2]]
 * ```
 */
export function expand(x: Tensor, size: Shape): Tensor {
  checkList("expand", "the shape", size);
  const lead = size.length - x.ndim;
  const shape = size.map((s, i) => s === -1 && i >= lead ? x.shape[i - lead] : s);
  if (lead < 0 || x.shape.some((s, i) => s !== 1 && s !== shape[i + lead]) || shape.some((s) => s < 0)) {
    throw new ShapeError(
      "expand",
      `Cannot expand in expand: only axes of size 1 can be stretched, current shapes are ${showShape(x.shape)} and ${
        showShape(size)
      }`,
      [x.shape, size],
    );
  }
  if (sameShape(shape, x.shape)) return x;
  return strided(x, {
    name: "expand",
    shape,
    strides: broadcastStrides(x.shape, shape),
    offset: 0,
    grad: (dy) => sumTo(dy, x.shape),
  });
}

/**
 * A tensor with the values that x has now. Values are immutable but for parameters, buffers and what `copyInto` writes
 * to: this keeps what they were. Inside a chain it costs nothing.
 *
 * @param x Any shape and type
 * @returns The same shape and type; gradients pass
 *
 * @example
 * ```ts
 * import { clone, copyInto, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const weight = tensor([1, 2]), before = clone(weight);
 * copyInto(weight, 0);
 * console.log(await before.array(), await weight.array()); // [1, 2] [0, 0]
 * ```
 */
export function clone(x: Tensor): Tensor {
  return strided(x, { name: "clone", shape: x.shape, strides: stridesOf(x.shape), offset: 0, grad: (dy) => dy });
}

/**
 * Reorders the axes. Inside a chain, and as an operand of matmul, it costs nothing.
 *
 * @param x Any shape
 * @param dims The axis of `x` that comes at each place
 * @returns A tensor with the axes in that order
 * @throws {RangeError} If an axis is missing, appears twice or does not exist
 *
 * @example
 * ```ts
 * import { init, permute, zeros } from "@fulgurite/core";
 *
 * await init();
 * console.log(permute(zeros([2, 3, 4]), [2, 0, 1]).shape); // [4, 2, 3]
 * ```
 */
export function permute(x: Tensor, dims: readonly number[]): Tensor {
  checkList("permute", "the axes", dims);
  checkTensors("permute", x);
  const order = dims.map((dim) => normalizeDim("permute", dim, x.ndim));
  if (order.length !== x.ndim || new Set(order).size !== x.ndim) {
    throw new RangeError(
      `Cannot reorder axes in permute: each of the ${x.ndim} axes must appear once, got ${showShape(dims)}`,
    );
  }
  if (order.every((dim, i) => dim === i)) return x;
  const strides = stridesOf(x.shape);
  const inverse = order.map((_, i) => order.indexOf(i));
  return strided(x, {
    name: "permute",
    shape: order.map((dim) => x.shape[dim]),
    strides: order.map((dim) => strides[dim]),
    offset: 0,
    grad: (dy) => permute(dy, inverse),
  });
}

/**
 * Swaps two axes. Inside a chain, and as an operand of matmul, it costs nothing.
 *
 * @param x Any shape
 * @param dim0 One axis
 * @param dim1 The other
 * @returns A tensor with the two axes swapped
 * @throws {RangeError} If an axis does not exist
 *
 * @example
 * ```ts
 * import { init, tensor, transpose } from "@fulgurite/core";
 *
 * await init();
 * console.log(await transpose(tensor([[1, 2], [3, 4]]), 0, 1).array()); // [[1, 3], [2, 4]]
 * ```
 */
export function transpose(x: Tensor, dim0: number, dim1: number): Tensor {
  checkTensors("transpose", x);
  const a = normalizeDim("transpose", dim0, x.ndim), b = normalizeDim("transpose", dim1, x.ndim);
  return permute(x, x.shape.map((_, i) => i === a ? b : i === b ? a : i));
}

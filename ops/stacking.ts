/** Tensors side by side, and cut apart. */
import { checkNames } from "../device/option_names.ts";
import { catAs } from "../kernels/cat/cat.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { slice } from "../kernels/layout/slice.ts";
import { split } from "../kernels/layout/split.ts";
import { tensorsOf } from "../tensor/operands.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { unsqueeze } from "./shape.ts";

/** A tensor with at least so many axes, as numpy's and PyTorch's `atleast` functions place them. */
const atLeast = (x: Tensor, rank: number): Tensor => {
  if (x.ndim >= rank) return x;
  if (rank === 3 && x.ndim === 2) return unsqueeze(x, -1);
  return reshape(x, rank === 3 ? [1, x.numel, 1] : rank === 2 ? [1, x.numel] : [x.numel]);
};

/**
 * Joins tensors side by side: along the second axis, vectors along their only one.
 *
 * @param tensors The tensors
 * @returns One tensor
 *
 * @example
 * ```ts
 * import { hstack, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await hstack([tensor([1, 2]), tensor([3])]).array()); // [1, 2, 3]
 * ```
 */
export function hstack(tensors: readonly Tensor[]): Tensor {
  const all = tensorsOf("hstack", "join", tensors).map((t) => atLeast(t, 1));
  return catAs("hstack", all, all[0].ndim === 1 ? 0 : 1);
}

/**
 * Joins tensors on top of each other: along the first axis, vectors as rows.
 *
 * @param tensors The tensors
 * @returns One tensor
 *
 * @example
 * ```ts
 * import { init, tensor, vstack } from "@fulgurite/core";
 *
 * await init();
 * console.log(await vstack([tensor([1, 2]), tensor([3, 4])]).array()); // [[1, 2], [3, 4]]
 * ```
 */
export function vstack(tensors: readonly Tensor[]): Tensor {
  return catAs("vstack", tensorsOf("vstack", "join", tensors).map((t) => atLeast(t, 2)), 0);
}

/**
 * Joins tensors in depth: along the third axis.
 *
 * @param tensors The tensors
 * @returns One tensor
 *
 * @example
 * ```ts
 * import { dstack, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await dstack([tensor([1, 2]), tensor([3, 4])]).array()); // [[[1, 3], [2, 4]]]
 * ```
 */
export function dstack(tensors: readonly Tensor[]): Tensor {
  return catAs("dstack", tensorsOf("dstack", "join", tensors).map((t) => atLeast(t, 3)), 2);
}

/** Where {@link tensorSplit} cuts. */
export interface TensorSplitOptions {
  /** The axis; default 0. */
  dim?: number;
}

/**
 * Parts of a tensor along an axis: so many, as even as can be, or cut at places.
 *
 * @param x At least one axis
 * @param where The number of parts, or the places of the cuts
 * @param options The axis
 * @returns The parts
 *
 * @example
 * ```ts
 * import { arange, init, tensorSplit } from "@fulgurite/core";
 *
 * await init();
 * console.log(tensorSplit(arange(7), 3).map((t) => t.shape[0])); // [3, 2, 2]
 * ```
 */
export function tensorSplit(x: Tensor, where: number | readonly number[], options: TensorSplitOptions = {}): Tensor[] {
  checkNames("cut in tensorSplit", options, { dim: true });
  const { dim = 0 } = options, size = x.size(dim);
  if (typeof where === "number") {
    if (!Number.isInteger(where) || where < 1) {
      throw new RangeError(`Cannot cut in tensorSplit: the number of parts must be whole, from 1 on, got ${where}`);
    }
    const sizes = Array.from({ length: where }, (_, i) => Math.floor(size / where) + (i < size % where ? 1 : 0));
    return split(x, sizes, { dim });
  }
  const cuts = [0, ...where, size];
  return cuts.slice(1).map((end, i) => slice(x, { dim, start: cuts[i], end }));
}

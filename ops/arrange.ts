/** The same elements in another arrangement. */
import { checkNames } from "../device/option_names.ts";
import { cat } from "../kernels/cat/cat.ts";
import { flip } from "../kernels/layout/flip.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { slice } from "../kernels/layout/slice.ts";
import { expand, transpose } from "../kernels/layout/views.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { tensorsOf } from "../tensor/operands.ts";
import { broadcastShapes, normalizeDim, numel } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { repeat, unsqueeze } from "./shape.ts";

/**
 * A tensor side by side with itself; PyTorch's `tile`, in which missing leading repeats count as 1.
 *
 * @param x Any shape
 * @param repeats How often along each axis
 * @returns Sizes multiplied by the repeats
 *
 * @example
 * ```ts
 * import { init, tensor, tile } from "@fulgurite/core";
 *
 * await init();
 * console.log(await tile(tensor([[1, 2]]), [2]).array()); // [[1, 2, 1, 2]]
 * ```
 */
export function tile(x: Tensor, repeats: readonly number[]): Tensor {
  const lead = Math.max(0, x.ndim - repeats.length);
  return repeat(x, [...new Array<number>(lead).fill(1), ...repeats]);
}

/**
 * A tensor expanded to another's shape.
 *
 * @param x A tensor that broadcasts to it
 * @param other A tensor
 * @returns The other's shape
 *
 * @example
 * ```ts
 * import { expandAs, init, ones, zeros } from "@fulgurite/core";
 *
 * await init();
 * console.log(expandAs(ones([3, 1]), zeros([2, 3, 4])).shape); // [2, 3, 4]
 * ```
 */
export function expandAs(x: Tensor, other: Tensor): Tensor {
  return expand(x, other.shape);
}

/**
 * Tensors expanded to the shape that all broadcast to.
 *
 * @param tensors The tensors
 * @returns As many tensors, of one shape
 * @throws {ShapeError} If the shapes do not broadcast
 *
 * @example
 * ```ts
 * import { broadcastTensors, init, ones } from "@fulgurite/core";
 *
 * await init();
 * console.log(broadcastTensors([ones([3, 1]), ones([4])]).map((t) => t.shape)); // [[3, 4], [3, 4]]
 * ```
 */
export function broadcastTensors(tensors: readonly Tensor[]): Tensor[] {
  const all = tensorsOf("broadcastTensors", "broadcast", tensors, { least: 0 });
  const shape = broadcastShapes("broadcastTensors", all.map((t) => t.shape));
  return all.map((t) => expand(t, shape));
}

/** Which axes {@link rot90} turns. */
export interface Rot90Options {
  /** Quarter turns; default 1. */
  k?: number;
  /** From the first of these axes towards the second; default [0, 1]. */
  dims?: readonly [number, number];
}

/**
 * Turns a tensor by quarters in the plane of two axes.
 *
 * @param x At least two axes
 * @param options Turns and axes
 * @returns The tensor, with the axes swapped for odd turns
 *
 * @example
 * ```ts
 * import { init, rot90, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await rot90(tensor([[1, 2], [3, 4]])).array()); // [[2, 4], [1, 3]]
 * ```
 */
export function rot90(x: Tensor, options: Rot90Options = {}): Tensor {
  checkNames("turn in rot90", options, { k: true, dims: true });
  const { k = 1, dims = [0, 1] } = options;
  const [a, b] = dims.map((dim) => normalizeDim("rot90", dim, x.ndim));
  if (a === b) throw new RangeError(`Cannot turn in rot90: the axes must differ, got ${dims.join(" and ")}`);
  switch (((k % 4) + 4) % 4) {
    case 0:
      return x;
    case 1:
      return flip(transpose(x, a, b), [a]);
    case 2:
      return flip(x, [a, b]);
    default:
      return flip(transpose(x, a, b), [b]);
  }
}

/**
 * Mirrors the second axis.
 *
 * @param x At least two axes
 * @returns The same shape
 *
 * @example
 * ```ts
 * import { fliplr, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await fliplr(tensor([[1, 2], [3, 4]])).array()); // [[2, 1], [4, 3]]
 * ```
 */
export function fliplr(x: Tensor): Tensor {
  return flip(x, [1]);
}

/**
 * Mirrors the first axis.
 *
 * @param x At least one axis
 * @returns The same shape
 *
 * @example
 * ```ts
 * import { flipud, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await flipud(tensor([[1, 2], [3, 4]])).array()); // [[3, 4], [1, 2]]
 * ```
 */
export function flipud(x: Tensor): Tensor {
  return flip(x, [0]);
}

/** The window of {@link unfoldDim}. */
export interface UnfoldDimOptions {
  /** The axis. */
  dim: number;
  /** Length of a window. */
  size: number;
  /** Distance of neighbouring windows. */
  step: number;
}

/**
 * Windows along an axis as a new last axis: `Tensor.unfold` of PyTorch.
 *
 * @param x At least one axis
 * @param options Axis, length and distance
 * @returns The axis counts windows, the last axis the places in one
 *
 * @example
 * ```ts
 * import { arange, init, unfoldDim } from "@fulgurite/core";
 *
 * await init();
 * console.log(await unfoldDim(arange(5), { dim: 0, size: 2, step: 1 }).array()); // [[0, 1], [1, 2], [2, 3], [3, 4]]
 * ```
 */
export function unfoldDim(x: Tensor, options: UnfoldDimOptions): Tensor {
  checkNames("take windows in unfoldDim", options, { dim: "required", size: "required", step: "required" });
  const { size, step } = options, axis = normalizeDim("unfoldDim", options.dim, x.ndim), n = x.shape[axis];
  if (!Number.isInteger(size) || size < 1 || size > n || !Number.isInteger(step) || step < 1) {
    throw new RangeError(
      `Cannot take windows in unfoldDim: size must be from 1 to ${n} and step from 1 on, got ${size} and ${step}`,
    );
  }
  const count = Math.floor((n - size) / step) + 1;
  const parts = Array.from(
    { length: size },
    (_, k) => unsqueeze(slice(x, { dim: axis, start: k, end: k + (count - 1) * step + 1, step }), -1),
  );
  return cat(parts, { dim: -1 });
}

/**
 * Mixes the channels of groups (Zhang and others, "ShuffleNet", 2018).
 *
 * @param x Shape [n, c, …]
 * @param groups A divisor of c
 * @returns The same shape
 * @throws {ShapeError} If the groups do not divide the channels
 *
 * @example
 * ```ts
 * import { arange, channelShuffle, init } from "@fulgurite/core";
 *
 * await init();
 * const x = arange(4).reshape([1, 4, 1]);
 * console.log(await channelShuffle(x, 2).reshape([4]).array()); // [0, 2, 1, 3]
 * ```
 */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  if (x.ndim < 3 || x.shape[1] % groups !== 0) {
    throw new ShapeError(
      "channelShuffle",
      `Cannot rearrange in channelShuffle: groups of ${groups} must divide the channels, the shape is ${
        showShape(x.shape)
      }`,
      [x.shape],
    );
  }
  const [n, c, ...rest] = x.shape;
  return reshape(transpose(reshape(x, [n, groups, c / groups, numel(rest)]), 1, 2), x.shape);
}

import { checkNames } from "../device/option_names.ts";
import { mul, sub } from "../kernels/elementwise/arithmetic.ts";
import { where } from "../kernels/elementwise/choice.ts";
import { eq } from "../kernels/elementwise/compare.ts";
import { arange, type CreationOptions, linspace } from "../kernels/elementwise/constants.ts";
import { pow } from "../kernels/elementwise/math.ts";
import { cat } from "../kernels/cat/cat.ts";
import { flip } from "../kernels/layout/flip.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { narrow, slice } from "../kernels/layout/slice.ts";
import { split } from "../kernels/layout/split.ts";
import { expand, transpose } from "../kernels/layout/views.ts";
import { sum } from "../kernels/reduce/sum.ts";
import { tensor } from "../tensor/create.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { broadcastShapes, normalizeDim, numel } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { diagonal, repeat, unsqueeze } from "./shape.ts";

/** How {@link meshgrid} orders axes. */
export interface MeshgridOptions {
  /** `"ij"`: the first tensor goes along the first axis (default); `"xy"`: along the second. */
  indexing?: "ij" | "xy";
}

/**
 * Grids of coordinates: each tensor's values along its own axis, repeated along the others'.
 *
 * @param tensors Vectors
 * @param options The order of the axes
 * @returns A tensor of the shape [n1, n2, …] for each
 * @throws {ShapeError} If one is no vector
 *
 * @example
 * ```ts
 * import { arange, init, meshgrid } from "@fulgurite/core";
 *
 * await init();
 * const [y, x] = meshgrid([arange(2), arange(3)]);
 * console.log(await y.array(), await x.array()); // [[0, 0, 0], [1, 1, 1]] [[0, 1, 2], [0, 1, 2]]
 * ```
 */
export function meshgrid(tensors: readonly Tensor[], options: MeshgridOptions = {}): Tensor[] {
  checkNames("make grids in meshgrid", options, { indexing: true });
  const { indexing = "ij" } = options;
  if (indexing !== "ij" && indexing !== "xy") {
    throw new RangeError(`Cannot make grids in meshgrid: indexing must be ij or xy, got ${indexing}`);
  }
  for (const { ndim, shape } of tensors) {
    if (ndim === 1) continue;
    throw new ShapeError(
      "meshgrid",
      `Cannot make grids in meshgrid: tensors must be vectors, found ${showShape(shape)}`,
      [
        shape,
      ],
    );
  }
  const sizes = tensors.map(({ numel }) => numel);
  const swap = indexing === "xy" && tensors.length > 1;
  return tensors.map((t, i) => {
    const grid = expand(reshape(t, sizes.map((n, k) => k === i ? n : 1)), sizes);
    return swap ? transpose(grid, 0, 1) : grid;
  });
}

/** Row and column numbers of a triangle's places, as i32 [2, count]. */
function triangleIndices(op: string, rows: number, columns: number, inside: (r: number, c: number) => boolean): Tensor {
  for (const [what, n] of [["rows", rows], ["columns", columns]] as const) {
    if (!Number.isInteger(n) || n < 0) {
      throw new RangeError(`Cannot number places in ${op}: ${what} must be a whole number from 0 on, got ${n}`);
    }
  }
  const places: [number, number][] = [];
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) if (inside(r, c)) places.push([r, c]);
  const flat = Int32Array.from([...places.map(([r]) => r), ...places.map(([, c]) => c)]);
  return tensor(flat, { shape: [2, places.length] });
}

/** Which diagonal. */
export interface TriangleIndicesOptions {
  /** Above (positive) or below the main one; default 0. */
  offset?: number;
}

/**
 * Rows and columns of the places on and below a diagonal.
 *
 * @param rows Rows of the matrix
 * @param columns Columns of the matrix
 * @param options The diagonal
 * @returns i32 [2, count]
 *
 * @example
 * ```ts
 * import { init, trilIndices } from "@fulgurite/core";
 *
 * await init();
 * console.log(await trilIndices(2, 2).array()); // [[0, 1, 1], [0, 0, 1]]
 * ```
 */
export function trilIndices(rows: number, columns: number, options: TriangleIndicesOptions = {}): Tensor {
  checkNames("number places in trilIndices", options, { offset: true });
  const { offset = 0 } = options;
  return triangleIndices("trilIndices", rows, columns, (r, c) => c - r <= offset);
}

/**
 * Rows and columns of the places on and above a diagonal.
 *
 * @param rows Rows of the matrix
 * @param columns Columns of the matrix
 * @param options The diagonal
 * @returns i32 [2, count]
 *
 * @example
 * ```ts
 * import { init, triuIndices } from "@fulgurite/core";
 *
 * await init();
 * console.log(await triuIndices(2, 2).array()); // [[0, 0, 1], [0, 1, 1]]
 * ```
 */
export function triuIndices(rows: number, columns: number, options: TriangleIndicesOptions = {}): Tensor {
  checkNames("number places in triuIndices", options, { offset: true });
  const { offset = 0 } = options;
  return triangleIndices("triuIndices", rows, columns, (r, c) => c - r >= offset);
}

/** Options of {@link logspace}. */
export interface LogspaceOptions extends CreationOptions {
  /** What is raised to the power; default 10. */
  base?: number;
}

/**
 * Powers of a base whose exponents are evenly spaced.
 *
 * @param start The first exponent
 * @param end The last exponent
 * @param steps How many
 * @param options Base, type, and whether gradients are wanted
 * @returns Shape [steps]
 *
 * @example
 * ```ts
 * import { init, logspace } from "@fulgurite/core";
 *
 * await init();
 * console.log(await logspace(0, 3, 4).array()); // about [1, 10, 100, 1000]
 * ```
 */
export function logspace(start: number, end: number, steps: number, options: LogspaceOptions = {}): Tensor {
  checkNames("make a tensor in logspace", options, { base: true, dtype: true, requiresGrad: true });
  const { base = 10, dtype, requiresGrad = false } = options;
  const y = pow(base, linspace(start, end, steps, { dtype }));
  return requiresGrad ? y.requiresGrad_() : y;
}

/** Which diagonal of which axes. */
export interface DiagOptions {
  /** Above (positive) or below the main one; default 0. */
  offset?: number;
}

/**
 * A matrix with a vector on a diagonal and zeros elsewhere, or the diagonal of a matrix.
 *
 * @param x A vector or a matrix
 * @param options The diagonal
 * @returns A matrix or a vector
 * @throws {ShapeError} If it is neither
 *
 * @example
 * ```ts
 * import { diag, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await diag(tensor([1, 2])).array()); // [[1, 0], [0, 2]]
 * console.log(await diag(tensor([[1, 2], [3, 4]])).array()); // [1, 4]
 * ```
 */
export function diag(x: Tensor, options: DiagOptions = {}): Tensor {
  checkNames("take a diagonal in diag", options, { offset: true });
  const { offset = 0 } = options;
  if (x.ndim === 1) return diagEmbed(x, { offset });
  if (x.ndim === 2) return diagonal(x, { offset });
  throw new ShapeError(
    "diag",
    `Cannot take a diagonal in diag: it takes a vector or a matrix, got ${showShape(x.shape)}`,
    [
      x.shape,
    ],
  );
}

/**
 * Matrices with the vectors of the last axis on a diagonal and zeros elsewhere.
 *
 * @param x Shape [..., n]
 * @param options The diagonal
 * @returns Shape [..., n + |offset|, n + |offset|]
 *
 * @example
 * ```ts
 * import { diagEmbed, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await diagEmbed(tensor([5, 6]), { offset: 1 }).array()); // [[0, 5, 0], [0, 0, 6], [0, 0, 0]]
 * ```
 */
export function diagEmbed(x: Tensor, options: DiagOptions = {}): Tensor {
  checkNames("place a diagonal in diagEmbed", options, { offset: true });
  const { offset = 0 } = options;
  if (x.ndim === 0) throw new ShapeError("diagEmbed", "Cannot place a diagonal in diagEmbed: the shape is []", [[]]);
  const n = x.shape[x.ndim - 1], size = n + Math.abs(offset);
  const zeros = (count: number) => mul(expandLast(x, count), 0);
  // The vector stands in the rows where it belongs; each column keeps its own.
  const before = Math.max(0, -offset), after = size - n - before;
  const rows = cat([...(before > 0 ? [zeros(before)] : []), x, ...(after > 0 ? [zeros(after)] : [])], { dim: -1 });
  const r = reshape(arange(size), [size, 1]), c = arange(size);
  return where(eq(sub(c, r), offset), unsqueeze(rows, -1), 0);
}

/** As many elements along the last axis, whatever they are. */
function expandLast(x: Tensor, count: number): Tensor {
  const first = narrow(x, { dim: -1, start: 0, length: Math.min(1, x.shape[x.ndim - 1]) });
  return expand(first, [...x.shape.slice(0, -1), count]);
}

/**
 * The sum of a matrix' diagonal.
 *
 * @param x A matrix
 * @returns A number
 *
 * @example
 * ```ts
 * import { init, tensor, trace } from "@fulgurite/core";
 *
 * await init();
 * console.log(await trace(tensor([[1, 2], [3, 4]])).item()); // 5
 * ```
 */
export function trace(x: Tensor): Tensor {
  if (x.ndim !== 2) {
    throw new ShapeError("trace", `Cannot sum a diagonal in trace: it takes a matrix, got ${showShape(x.shape)}`, [
      x.shape,
    ]);
  }
  return sum(diagonal(x));
}

/** Which axis, and how often, {@link diff} subtracts. */
export interface DiffOptions {
  /** How often; default 1. */
  n?: number;
  /** The axis; default −1. */
  dim?: number;
}

/**
 * Differences of neighbours along an axis.
 *
 * @param x At least one axis
 * @param options How often, and along which axis
 * @returns The shape of x with that axis shorter by n
 *
 * @example
 * ```ts
 * import { diff, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await diff(tensor([1, 4, 9, 16])).array()); // [3, 5, 7]
 * ```
 */
export function diff(x: Tensor, options: DiffOptions = {}): Tensor {
  checkNames("subtract in diff", options, { n: true, dim: true });
  const { n = 1, dim = -1 } = options;
  if (!Number.isInteger(n) || n < 0) {
    throw new RangeError(`Cannot subtract in diff: n must be a whole number from 0 on, got ${n}`);
  }
  let y = x;
  for (let i = 0; i < n && y.size(dim) > 0; i++) y = sub(slice(y, { dim, start: 1 }), slice(y, { dim, end: -1 }));
  return y;
}

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
  const shape = broadcastShapes("broadcastTensors", tensors.map((t) => t.shape));
  return tensors.map((t) => expand(t, shape));
}

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
  const all = tensors.map((t) => atLeast(t, 1));
  return cat(all, { dim: all[0]?.ndim === 1 ? 0 : 1 });
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
  return cat(tensors.map((t) => atLeast(t, 2)), { dim: 0 });
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
  return cat(tensors.map((t) => atLeast(t, 3)), { dim: 2 });
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

/**
 * All pairs (or triples, …) of elements of vectors, as rows.
 *
 * @param tensors Vectors of one type
 * @returns [n1·n2·…, number of vectors]
 *
 * @example
 * ```ts
 * import { cartesianProd, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await cartesianProd([tensor([1, 2]), tensor([3, 4])]).array()); // [[1, 3], [1, 4], [2, 3], [2, 4]]
 * ```
 */
export function cartesianProd(tensors: readonly Tensor[]): Tensor {
  if (tensors.length === 1) return tensors[0];
  return cat(meshgrid(tensors).map((t) => reshape(t, [-1, 1])), { dim: 1 });
}

/** Options of {@link vander}. */
export interface VanderOptions {
  /** Columns; default as many as elements. */
  n?: number;
  /** Whether exponents grow from the left; default false. */
  increasing?: boolean;
}

/**
 * The powers of each element of a vector, as the rows of a Vandermonde matrix.
 *
 * @param x A vector
 * @param options Columns and their order
 * @returns [elements, columns]
 *
 * @example
 * ```ts
 * import { init, tensor, vander } from "@fulgurite/core";
 *
 * await init();
 * console.log(await vander(tensor([2, 3], { dtype: "f32" }), { n: 3 }).array()); // [[4, 2, 1], [9, 3, 1]]
 * ```
 */
export function vander(x: Tensor, options: VanderOptions = {}): Tensor {
  checkNames("make powers in vander", options, { n: true, increasing: true });
  const { n = x.numel, increasing = false } = options;
  const exponents = Float32Array.from({ length: n }, (_, i) => increasing ? i : n - 1 - i);
  return pow(reshape(x, [-1, 1]), tensor(exponents));
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
  checkNames("take windows in unfoldDim", options, { dim: true, size: true, step: true });
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

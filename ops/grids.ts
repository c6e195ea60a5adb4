/** Grids of coordinates, numbers of places, and powers of numbers. */
import { take } from "./search.ts";
import { checkNames } from "../device/option_names.ts";
import { type CreationOptions, linspace } from "../kernels/elementwise/constants.ts";
import { pow } from "../kernels/elementwise/math.ts";
import { cat } from "../kernels/cat/cat.ts";
import { reshape } from "../kernels/layout/reshape.ts";
import { expand, transpose } from "../kernels/layout/views.ts";
import { tensor } from "../tensor/create.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { tensorsOf } from "../tensor/operands.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { roundedAs } from "./_half.ts";

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
  const all = vectorsOf("meshgrid", "make grids", tensors);
  checkNames("make grids in meshgrid", options, { indexing: true });
  const { indexing = "ij" } = options;
  if (indexing !== "ij" && indexing !== "xy") {
    throw new RangeError(`Cannot make grids in meshgrid: indexing must be ij or xy, got ${indexing}`);
  }
  const sizes = all.map(({ numel }) => numel);
  const swap = indexing === "xy" && all.length > 1;
  return all.map((t, i) => {
    const grid = expand(reshape(t, sizes.map((n, k) => k === i ? n : 1)), sizes);
    return swap ? transpose(grid, 0, 1) : grid;
  });
}

function vectorsOf(op: string, verb: string, tensors: readonly Tensor[]): readonly Tensor[] {
  const all = tensorsOf(op, verb, tensors), wrong = all.findIndex(({ ndim }) => ndim !== 1);
  if (wrong < 0) return all;
  const { shape } = all[wrong];
  throw new ShapeError(
    op,
    `Cannot ${verb} in ${op}: each element must be a vector, element ${wrong} has the shape ${showShape(shape)}`,
    [shape],
  );
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
  const all = vectorsOf("cartesianProd", "combine", tensors);
  if (all.length === 1) return all[0];
  return cat(meshgrid(all).map((t) => reshape(t, [-1, 1])), { dim: 1 });
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
  return roundedAs(pow(reshape(x, [-1, 1]), tensor(exponents)), x);
}

/** Which combinations {@link combinations} lists. */
export interface CombinationsOptions {
  /** Elements of a combination; default 2. */
  r?: number;
  /** Whether an element may be taken more than once; default false. */
  withReplacement?: boolean;
}

/**
 * All combinations of elements of a vector, as rows, in the order of their places.
 *
 * @param x A vector
 * @param options How many elements, and whether an element may come again
 * @returns [number of combinations, r]
 * @throws {ShapeError} If x is no vector
 *
 * @example
 * ```ts
 * import { combinations, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await combinations(tensor([7, 8, 9])).array()); // [[7, 8], [7, 9], [8, 9]]
 * ```
 */
export function combinations(x: Tensor, options: CombinationsOptions = {}): Tensor {
  checkNames("combine in combinations", options, { r: true, withReplacement: true });
  const { r = 2, withReplacement = false } = options;
  if (x.ndim !== 1) {
    throw new ShapeError(
      "combinations",
      `Cannot combine in combinations: it takes a vector, the shape is ${showShape(x.shape)}`,
      [x.shape],
    );
  }
  if (!Number.isInteger(r) || r < 1) {
    throw new RangeError(`Cannot combine in combinations: r must be a whole number from 1 on, got ${r}`);
  }
  let rows: number[][] = [[]];
  for (let k = 0; k < r; k++) {
    rows = rows.flatMap((row) => {
      const from = k === 0 ? 0 : row[k - 1] + (withReplacement ? 0 : 1);
      return Array.from({ length: Math.max(0, x.numel - from) }, (_, i) => [...row, from + i]);
    });
  }
  return take(x, tensor(Int32Array.from(rows.flat()), { shape: [rows.length, r] }));
}

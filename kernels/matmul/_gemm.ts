import { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { family } from "../_family.ts";
import { launch } from "../_run.ts";
import type { KernelSource } from "../_source.ts";
import { matmul as plainKernel, sumSlices } from "../_wgsl.ts";
import { groupsPlan } from "./_groups.ts";
import { lanesPlan } from "./_lanes_plan.ts";
import type { Matrices } from "./_operand.ts";
import { packed } from "./_pack.ts";

/** Axes along which a product is repeated or summed, with the strides of both operands. */
export interface Axes {
  readonly sizes: readonly number[];
  readonly a: readonly number[];
  readonly b: readonly number[];
}

/** y[batch, i, j] = Σ_reduce Σ_k a[batch, reduce, i, k] · b[batch, reduce, k, j], with y contiguous. */
export interface Gemm {
  readonly a: Matrices;
  readonly b: Matrices;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Axes of the result. */
  readonly batch: Axes;
  /** Axes that are summed over. */
  readonly reduce: Axes;
}

/** What a kernel of a family is launched with. */
export interface Plan {
  readonly kernel: GemmKernel;
  /** Tiles of the result along rows and columns of the kernel (which may be swapped against those of the result). */
  readonly rowTiles: number;
  readonly columnTiles: number;
  /** Parts of the sum that are computed side by side and added afterwards, in order. */
  readonly slices: number;
  /** Length of a part: in steps of k, or of the summed axes where there are any. */
  readonly slice: number;
  /** Whether the kernel computes the transpose, with a and b exchanged. */
  readonly swapped: boolean;
}

/** Parameters of all kernels for products, in the order of their `Params`. */
export const GEMM_PARAMS = {
  batchSizes: "vec4u",
  batchA: "vec4u",
  batchB: "vec4u",
  reduceSizes: "vec4u",
  reduceA: "vec4u",
  reduceB: "vec4u",
  batches: "u32",
  reduce: "u32",
  m: "u32",
  n: "u32",
  k: "u32",
  offsetA: "u32",
  rowA: "u32",
  columnA: "u32",
  offsetB: "u32",
  rowB: "u32",
  columnB: "u32",
  rowY: "u32",
  columnY: "u32",
  rowTiles: "u32",
  columnTiles: "u32",
  slices: "u32",
  slice: "u32",
} as const;

/** A generated kernel for products. */
export type GemmKernel = KernelSource<{ a: "read"; b: "read"; y: "read_write" }, typeof GEMM_PARAMS>;

/** Drops axes of size 1 and merges those that both operands walk through in one go. */
export function mergeAxes({ sizes, a, b }: Axes): Axes {
  const merged = { sizes: [] as number[], a: [] as number[], b: [] as number[] };
  sizes.forEach((size, i) => {
    if (size === 1) return;
    const last = merged.sizes.length - 1;
    if (last >= 0 && merged.a[last] === a[i] * size && merged.b[last] === b[i] * size) {
      merged.sizes[last] *= size;
      merged.a[last] = a[i];
      merged.b[last] = b[i];
    } else {
      merged.sizes.push(size);
      merged.a.push(a[i]);
      merged.b.push(b[i]);
    }
  });
  return merged;
}

/** A row of up to four numbers at the end of a vector, with `filler` in front. */
function vector(numbers: readonly number[], filler: number): number[] {
  return [...new Array(4 - numbers.length).fill(filler), ...numbers];
}

/** The product of a list. */
function total(sizes: readonly number[]): number {
  return sizes.reduce((product, size) => product * size, 1);
}

/** Whether an operand's elements can be read four at once: `line` is the stride across its neighbours. */
export function aligned(problem: Gemm, side: "a" | "b", line: number): boolean {
  const strides = [problem[side].offset, line, ...problem.batch[side], ...problem.reduce[side]];
  return strides.every((stride) => stride % 4 === 0);
}

/** The same product transposed: yᵀ = bᵀ · aᵀ. */
export function transposed({ a, b, m, n, k, batch, reduce }: Gemm): Gemm {
  const swap = (x: Matrices): Matrices => ({ ...x, row: x.column, column: x.row });
  return {
    a: swap(b),
    b: swap(a),
    m: n,
    n: m,
    k,
    batch: { sizes: batch.sizes, a: batch.b, b: batch.a },
    reduce: { sizes: reduce.sizes, a: reduce.b, b: reduce.a },
  };
}

/** Records the kernels of a product into `y`. */
export function gemm(given: Gemm, y: Tensor): void {
  const merged = { ...given, batch: mergeAxes(given.batch), reduce: mergeAxes(given.reduce) };
  const lanes = family() === "lanes";
  const { problem, copies } = lanes ? packed(merged) : { problem: merged, copies: [] };
  const plan = lanes ? lanesPlan(problem, y.storage.device) : groupsPlan(problem, y.storage.device);
  const count = total(problem.batch.sizes) * problem.m * problem.n;
  const into = plan.slices === 1 ? y : new Tensor({
    shape: [plan.slices, count],
    storage: new Storage(plan.slices * count, "f32", "matmul"),
    scoped: false,
  });
  const params = parameters(problem, plan);
  const { a, b } = plan.swapped ? { a: problem.b, b: problem.a } : problem;
  const workgroups = plan.rowTiles * plan.columnTiles * plan.slices * total(problem.batch.sizes);
  launch(plan.kernel, { a: a.tensor, b: b.tensor, y: into }, params, workgroups);
  if (into !== y) {
    sumOver(into, y, plan.slices, count);
    into.dispose();
  }
  for (const copy of copies) copy.dispose();
}

/** Adds the parts of sums, in order. */
export function sumOver(parts: Tensor, y: Tensor, slices: number, count: number): void {
  const quads = count % 4 === 0;
  const items = quads ? count / 4 : count;
  launch(sumSlices, { x: parts, y }, { count: items, slices }, Math.ceil(items / 64), {
    aliases: { Item: quads ? "vec4f" : "f32" },
  });
}

/** The parameters of a kernel that follows a plan. */
function parameters(
  problem: Gemm,
  plan: Plan,
): { [K in keyof typeof GEMM_PARAMS]: (typeof GEMM_PARAMS)[K] extends "u32" ? number : number[] } {
  const { a, b, m, n, k, batch, reduce } = plan.swapped ? transposed(problem) : problem;
  return {
    batchSizes: vector(batch.sizes, 1),
    batchA: vector(batch.a, 0),
    batchB: vector(batch.b, 0),
    reduceSizes: vector(reduce.sizes, 1),
    reduceA: vector(reduce.a, 0),
    reduceB: vector(reduce.b, 0),
    batches: total(batch.sizes),
    reduce: total(reduce.sizes),
    m,
    n,
    k,
    offsetA: a.offset,
    rowA: a.row,
    columnA: a.column,
    offsetB: b.offset,
    rowB: b.row,
    columnB: b.column,
    rowY: plan.swapped ? 1 : problem.n,
    columnY: plan.swapped ? problem.n : 1,
    rowTiles: plan.rowTiles,
    columnTiles: plan.columnTiles,
    slices: plan.slices,
    slice: plan.slice,
  };
}

/** The plain kernel, one invocation an element, for tests. */
export function plainGemm(given: Gemm, y: Tensor): void {
  const problem = { ...given, batch: mergeAxes(given.batch), reduce: mergeAxes(given.reduce) };
  const { a, b, m, n, k, batch, reduce } = problem;
  launch(plainKernel, { a: a.tensor, b: b.tensor, y }, {
    batchSizes: vector(batch.sizes, 1),
    batchA: vector(batch.a, 0),
    batchB: vector(batch.b, 0),
    reduceSizes: vector(reduce.sizes, 1),
    reduceA: vector(reduce.a, 0),
    reduceB: vector(reduce.b, 0),
    batches: total(batch.sizes),
    reduce: total(reduce.sizes),
    m,
    n,
    k,
    offsetA: a.offset,
    rowA: a.row,
    columnA: a.column,
    offsetB: b.offset,
    rowB: b.row,
    columnB: b.column,
  }, Math.ceil(total(batch.sizes) * m * n / 64));
}

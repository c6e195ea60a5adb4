import { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Access } from "../../device/mod.ts";
import { family } from "../_family.ts";
import { launch } from "../_run.ts";
import type { KernelSource, ParamType } from "../_source.ts";
import { matmul as plainKernel } from "../_wgsl.ts";
import type { Width } from "../elementwise/stored.ts";
import type { Finish } from "../elementwise/finish.ts";
import { groupsPlan } from "./_groups.ts";
import { lanesPlan } from "./_lanes_plan.ts";
import { matricesPlan } from "./_matrices.ts";
import type { Matrices } from "./_operand.ts";
import { packed } from "./_pack.ts";
import { PLAIN, type Sink, sinkBindings, sinkKey, sinkTakes } from "./_sink.ts";
import { sumParts } from "./_sum.ts";
import type { ProductKind } from "./tuning.ts";

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
  /** The kernel with an end of its own. */
  readonly kernel: (sink: Sink) => GemmKernel;
  /** Neighbours of the result that it stores at once. */
  readonly width: Width;
  /** Whether it stores nothing but f32, so that all else is left to a kernel of its own. */
  readonly plain?: boolean;
  /** Tiles of the result along rows and columns of the kernel (which may be swapped against those of the result). */
  readonly rowTiles: number;
  /** Rows of a tile. */
  readonly tileRows: number;
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
  sliceSize: "u32",
  sumsAt: "u32",
  tileRows: "u32",
} as const;

/** Words that these parameters take: six vectors, and numbers. */
export const GEMM_WORDS = 6 * 4 + Object.keys(GEMM_PARAMS).length - 6;

/** A generated kernel for products. */
export type GemmKernel = KernelSource<Record<string, Access>, Record<string, ParamType>>;

const kernels = new Map<string, GemmKernel>();

/** The kernel of a key, written the first time. */
export function gemmKernel(key: string, sink: Sink, write: () => string): GemmKernel {
  let kernel = kernels.get(key);
  if (kernel === undefined) {
    const bindings = { a: "read", b: "read", ...sinkBindings(sink) } as const;
    const params = { ...GEMM_PARAMS, ...sink.finish?.params.types };
    kernels.set(key, kernel = { name: "matmul", key, bindings, params, code: write() });
  }
  return kernel;
}

/** Where a product goes: to its own tensor, through a chain, or both; and the sums of the rows of `a`. */
export interface Target {
  /** The product, of any floating type. */
  readonly y: Tensor | null;
  /** Added to every row of the product. */
  readonly bias?: Tensor | null;
  /** A chain behind the product, and where its results go. */
  readonly through?: { readonly finish: Finish; readonly into: Tensor } | null;
  /** Where the sums of the rows of `a`, over k and the summed axes, go (f32). The product has no batch then. */
  readonly sums?: Tensor | null;
}

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

/** Whether an operand's elements can be read four (or `count`) at once: `line` is the stride across its neighbours. */
export function aligned(problem: Gemm, side: "a" | "b", line: number, count = 4): boolean {
  const strides = [problem[side].offset, line, ...problem.batch[side], ...problem.reduce[side]];
  return strides.every((stride) => stride % count === 0);
}

/** What a tuning tells products apart by. */
export function kindOf({ a, b, m, n, k }: Gemm, batches: number): ProductKind {
  const layout = `${a.column === 1 ? "N" : "T"}${b.column === 1 ? "N" : "T"}` as const;
  return { m, n, k, batches, layout, dtype: a.tensor.dtype };
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

/** Records the kernels of a product. */
export function gemm(given: Gemm, target: Tensor | Target): void {
  const { y, bias = null, through = null, sums = null } = target instanceof Tensor ? { y: target } : target;
  const sink: Sink = {
    own: y?.dtype ?? null,
    bias: bias?.dtype ?? null,
    finish: through?.finish ?? null,
    sums: sums === null ? null : "apart",
  };
  const merged = { ...given, batch: mergeAxes(given.batch), reduce: mergeAxes(given.reduce) };
  const lanes = family() === "lanes";
  const { problem, copies } = lanes ? packed(merged) : { problem: merged, copies: [] };
  const { device } = (y ?? through!.into).storage;
  const plan = lanes
    ? lanesPlan(problem, sink, device)
    : matricesPlan(problem, sink, device) ?? groupsPlan(problem, sink, device);
  const count = total(problem.batch.sizes) * problem.m * problem.n;
  const ends: Record<string, Tensor> = {};
  if (y !== null) ends.y = y;
  if (through !== null) ends.z = through.into;
  if (sums !== null) ends.sums = sums;
  if (bias !== null) ends.bias = bias;
  const views = Object.entries(sink.finish?.inputs ?? {}).map(([name, storage]) => {
    const view = new Tensor({ shape: [storage.numel], storage: storage.retain(), scoped: false });
    return [name, view] as const;
  });
  Object.assign(ends, Object.fromEntries(views));
  const { a, b } = plan.swapped ? { a: problem.b, b: problem.a } : problem;
  const launchInto = (end: Sink, buffers: Record<string, Tensor>, sliceSize: number, sumsAt: number) =>
    launch(
      plan.kernel(end),
      { a: a.tensor, b: b.tensor, ...buffers },
      { ...parameters(problem, plan), sliceSize, sumsAt, ...end.finish?.params.values },
      plan.rowTiles * plan.columnTiles * plan.slices * total(problem.batch.sizes),
    );
  // Sums of parts, and what a kernel cannot store itself, end in a kernel of their own.
  const whole = plan.plain ? sinkKey(sink) === sinkKey(PLAIN) : sinkTakes(sink, plan.width);
  if (plan.slices === 1 && whole) launchInto(sink, ends, 0, 0);
  else {
    const sliceSize = sums === null ? count : Math.ceil((count + problem.m) / 4) * 4;
    const parts = new Tensor({
      shape: [plan.slices, sliceSize],
      storage: new Storage(plan.slices * sliceSize, "f32", "matmul"),
      scoped: false,
    });
    launchInto({ ...PLAIN, sums: sums === null ? null : "behind" }, { y: parts }, sliceSize, count);
    sumParts(parts, sink, ends, { count, slices: plan.slices, sliceSize, columns: problem.n, rows: problem.m });
    parts.dispose();
  }
  for (const [, view] of views) view.dispose();
  for (const copy of copies) copy.dispose();
}

/** The parameters that say what is multiplied, and where it lies. */
function operandParameters({ a, b, m, n, k, batch, reduce }: Gemm) {
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
  };
}

/** The parameters of a kernel that follows a plan. */
function parameters(
  problem: Gemm,
  plan: Plan,
): Record<Exclude<keyof typeof GEMM_PARAMS, "sliceSize" | "sumsAt">, number | number[]> {
  return {
    ...operandParameters(plan.swapped ? transposed(problem) : problem),
    rowY: plan.swapped ? 1 : problem.n,
    columnY: plan.swapped ? problem.n : 1,
    rowTiles: plan.rowTiles,
    tileRows: plan.tileRows,
    columnTiles: plan.columnTiles,
    slices: plan.slices,
    slice: plan.slice,
  };
}

/** The plain kernel, one invocation an element, for tests. */
export function plainGemm(given: Gemm, y: Tensor): void {
  const problem = { ...given, batch: mergeAxes(given.batch), reduce: mergeAxes(given.reduce) };
  const { a, b, m, n, batch } = problem, params = operandParameters(problem);
  launch(plainKernel, { a: a.tensor, b: b.tensor, y }, params, Math.ceil(total(batch.sizes) * m * n / 64));
}

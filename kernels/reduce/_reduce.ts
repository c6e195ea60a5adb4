import { type DType, isHalf } from "../../tensor/dtype.ts";
import type { Op, Precision } from "../../tensor/op.ts";
import { numel, sameShape, type Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { foldParts, itemTypes, laneGroup, pack, type Rows, rowsOf, rowWidth, sharesRows, slicesOf } from "../_rows.ts";
import { launch, temporary } from "../_run.ts";
import { reduce, reduceTree } from "../_wgsl.ts";
import { Chain, read } from "../elementwise/chain.ts";
import { withoutCopies } from "../elementwise/copies.ts";

export { temporary };

/** A WGSL type of 32 bits. */
export type Word = "f32" | "i32" | "u32";

/**
 * How many become one, as WGSL expressions that work on vectors as well: `Acc` is the type of the values (a word or a
 * vec4 of them), `In` that of the elements read.
 */
export interface Reduction {
  /** Type in which elements are read. */
  readonly read: Word;
  /** Type in which they are combined. */
  readonly word: Word;
  /** The value of nothing. */
  readonly start: string;
  /** An element `v` as a value. */
  readonly load: string;
  /** `a` and `b` as one. */
  readonly combine: string;
  /** A value `v` as a result; it may use `params.scale`. */
  readonly finish: string;
}

/** Which axes are reduced (sorted, from the front), and whether they stay. */
export interface ReduceAttrs {
  readonly dims: readonly number[];
  readonly keepdim: boolean;
}

/** The shape without the reduced axes, or with size 1 in their place. */
export function reducedShape(shape: Shape, { dims, keepdim }: ReduceAttrs): number[] {
  return keepdim ? shape.map((s, i) => dims.includes(i) ? 1 : s) : shape.filter((_, i) => !dims.includes(i));
}

/** The shape with size 1 in place of reduced axes. */
export function keptShape(shape: Shape, dims: readonly number[]): number[] {
  return reducedShape(shape, { dims, keepdim: true });
}

/** Number of elements that make one. */
export function reducedCount(shape: Shape, dims: readonly number[]): number {
  return dims.reduce((n, dim) => n * shape[dim], 1);
}

/** Runs of neighbouring axes among `dims`, as first and last axis; axes of size 1 join without cost. */
function runs(shape: Shape, dims: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  for (const dim of dims) {
    const last = found.at(-1);
    if (last !== undefined && numel(shape.slice(last[1] + 1, dim)) === 1) last[1] = dim;
    else found.push([dim, dim]);
  }
  const long = found.filter(([a, b]) => numel(shape.slice(a, b + 1)) !== 1);
  return long.length > 0 ? long : [[0, -1]];
}

/** One pass over rows, each cut into slices. */
export interface Pass {
  readonly rows: Rows;
  readonly slices: number;
}

/**
 * The passes that reduce the axes `dims`: run after run of neighbouring axes, and long rows in slices, whose results a
 * second pass combines; always in the same order.
 */
export function passesOver(shape: Shape, dims: readonly number[]): Pass[] {
  const passes: Pass[] = [];
  for (const [first, last] of runs(shape, dims).reverse()) {
    const rows = rowsOf(shape, first, last);
    const slices = slicesOf(rows);
    passes.push({ rows, slices });
    if (slices > 1) {
      const { outer, inner } = rows;
      // A shared row leaves its slices side by side, other kernels leave them row of results by row of results.
      const merged = sharesRows(rows)
        ? { outer, length: slices, inner: 1 }
        : { outer: 1, length: slices, inner: outer * inner };
      passes.push({ rows: merged, slices: 1 });
    }
    shape = shape.map((s, i) => i >= first && i <= last ? 1 : s);
  }
  return passes;
}

/** Reduces the axes `dims` of `x` into `y`. */
export function reduceInto(
  name: string,
  reduction: Reduction,
  x: Tensor,
  dims: readonly number[],
  y: Tensor,
  scale = 1,
): void {
  const passes = passesOver(x.shape, dims);
  let from = x;
  passes.forEach(({ rows, slices }, i) => {
    const last = i === passes.length - 1;
    const into = last ? y : temporary([rows.outer * rows.inner * slices], reduction.word, name);
    const step = {
      ...reduction,
      read: i === 0 ? reduction.read : reduction.word,
      load: i === 0 ? reduction.load : "v",
      finish: last ? reduction.finish : "v",
    };
    runPass(step, from, rows, slices, into, scale);
    if (from !== x) from.dispose();
    from = into;
  });
}

/** Copies are counted in f32, which is exact up to here. */
const MOST_COPIES = 2 ** 24;

/**
 * Reduces the axes `dims` of `x` into `y` by a function that takes the number of copies that each element it sees
 * stands for: those of a chain that repeats along an axis are not made.
 */
export function reduceDistinct(
  x: Tensor,
  dims: readonly number[],
  y: Tensor,
  reduce: (x: Tensor, dims: readonly number[], y: Tensor, copies: number) => void,
): void {
  const found = withoutCopies(x);
  if (found === null) return reduce(x, dims, y, 1);
  const { tensor: few, shape } = found;
  // Where a reshape has come between, only a reduction of everything is the same in both shapes.
  const axes = sameShape(shape, x.shape) ? dims : dims.length === x.ndim ? shape.map((_, axis) => axis) : null;
  const copies = axes === null ? 1 : reducedCount(shape, axes) / reducedCount(few.shape, axes);
  if (axes === null || copies > MOST_COPIES) reduce(x, dims, y, 1);
  else {
    const kept = keptShape(few.shape, axes);
    if (numel(kept) === y.numel) reduce(few, axes, y, copies);
    else {
      const once = temporary(kept, y.dtype, y.storage.label);
      reduce(few, axes, once, copies);
      const spread = new Chain({ f: "x", operands: [read(once)], dtype: y.dtype }, keptShape(shape, axes));
      spread.record(y.storage);
      spread.release();
      once.dispose();
    }
  }
  few.dispose();
}

function runPass(reduction: Reduction, x: Tensor, rows: Rows, slices: number, y: Tensor, scale: number): void {
  const packed = pack(rows);
  const { packing, rows: count, length, inner } = packed;
  const { item, row } = itemTypes(packed, reduction.word);
  const read = itemTypes(packed, reduction.read).item;
  // 16-bit elements arrive as f32; who reads bits takes those.
  const bits = isHalf(x.dtype) && reduction.read !== "f32";
  const aliases = { In: bits ? itemTypes(packed, "f32").item : read, Acc: item, Out: row };
  const parts = (a: string, b: string) => reduction.combine.replace(/\b[ab]\b/g, (name) => name === "a" ? a : b);
  const fold = packing === "along" ? foldParts(packed, (a, b) => `(${parts(a, b)})`) : "v";
  const functions: Record<string, string> = {
    start: `fn start() -> Acc { return Acc(${reduction.start}); }`,
    load: bits
      ? `fn load(x: In) -> Acc { let v = bitcast<${read}>(x); return ${reduction.load.replace(/\bIn\b/g, read)}; }`
      : `fn load(v: In) -> Acc { return ${reduction.load}; }`,
    combine: `fn combine(a: Acc, b: Acc) -> Acc { return ${reduction.combine}; }`,
    fold: `fn fold(v: Acc) -> Out { return ${fold}; }`,
    finish: `fn finish(v: Out) -> Out { return ${reduction.finish}; }`,
  };
  const slice = Math.ceil(length / slices);
  if (sharesRows(rows)) {
    const width = rowWidth(slice);
    launch(
      reduceTree,
      { x, y },
      { rows: count, length, slices, slice, scale },
      Math.ceil(count * slices * width / 256),
      {
        aliases: { ...aliases, Leaf: row },
        functions: { ...functions, join: `fn join(a: Leaf, b: Leaf) -> Leaf { return ${reduction.combine}; }` },
        overrides: { width },
      },
    );
    return;
  }
  const group = laneGroup(count * slices);
  launch(
    reduce,
    { x, y },
    { rows: count, length, inner, slices, slice, scale },
    Math.ceil(count * slices / group),
    { aliases, functions, overrides: { group } },
  );
}

/** The parts of a reducing op that do not depend on what is computed. */
export function reducer(
  name: string,
  parts: {
    /** Result type for an input type; throws for types that do not fit. */
    dtype(from: DType): DType;
    /** Behaviour under autocast; default `"follow"`. */
    precision?: Precision;
    /** What to compute, by the input's type. */
    reduction(from: DType): Reduction;
    /**
     * What results are multiplied by, where `count` elements that differ become one, each of which stands there so
     * often.
     */
    scale?(count: number, copies: number): number;
    /** Whether copies of an element must be gone through one by one; default false. */
    eachCopy?: boolean;
    saves?: Op<ReduceAttrs>["saves"];
    grad: Op<ReduceAttrs>["grad"];
  },
): Op<ReduceAttrs> {
  return {
    name,
    precision: parts.precision,
    half: "reads",
    infer: ([x], attrs) => ({ shape: reducedShape(x!.shape, attrs), dtype: parts.dtype(x!.dtype) }),
    forward: ([x], { dims }, [y]) => {
      const reduction = parts.reduction(x!.dtype);
      const reduceOnce = (x: Tensor, dims: readonly number[], y: Tensor, copies: number) =>
        reduceInto(name, reduction, x, dims, y, parts.scale?.(reducedCount(x.shape, dims), copies));
      if (parts.eachCopy) reduceOnce(x!, dims, y, 1);
      else reduceDistinct(x!, dims, y, reduceOnce);
    },
    saves: parts.saves,
    grad: parts.grad,
  };
}

import { isFloat } from "../../tensor/dtype.ts";
import { apply, type GradContext, type Inputs, type Op } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { mul, sub } from "../elementwise/arithmetic.ts";
import { pointwise } from "../elementwise/define.ts";
import { reshape } from "../layout/reshape.ts";
import { permute } from "../layout/views.ts";
import { laneGroup, type Rows } from "../_rows.ts";
import { launch } from "../_run.ts";
import { momentsMerge } from "../_wgsl.ts";
import { cut, momentsOf, partial } from "./_moments.ts";
import { keptShape, reducedCount, reduceDistinct, reducedShape, temporary } from "./_reduce.ts";
import { mean, reduceAttrs, type ReduceOptions } from "./sum.ts";

/** Axes, whether they stay, and what is subtracted from the number of elements. */
export interface VarOptions extends ReduceOptions {
  /** Degrees of freedom lost: 1 (default) for the unbiased estimate, 0 for the mean of squares. */
  correction?: number;
}

interface VarAttrs {
  /** The input's axes are moved so that these are the last ones. */
  readonly dims: readonly number[];
  readonly keepdim: boolean;
  readonly correction: number;
}

/** 1 / degrees of freedom; with none left the result is NaN (or infinite), as 0 / 0 is. */
function perFreedom(shape: readonly number[], { dims, correction }: VarAttrs, copies = 1): number {
  return 1 / Math.max(0, copies * reducedCount(shape, dims) - correction);
}

function forward(name: string, root: boolean, x: Tensor, attrs: VarAttrs, y: Tensor): void {
  reduceDistinct(x, attrs.dims, y, (x, dims, y, copies) => spreadInto(name, root, x, { ...attrs, dims }, y, copies));
}

function spreadInto(name: string, root: boolean, x: Tensor, attrs: VarAttrs, y: Tensor, copies: number): void {
  const scale = copies * perFreedom(x.shape, attrs, copies);
  const rows = rowsOfDims(x, attrs.dims);
  const parts = cut(rows);
  const finish = (v: string) => root ? `sqrt(${v} * params.scale)` : `${v} * params.scale`;
  const mean = temporary(y.shape, "f32", name);
  if (parts.slices === 1) momentsOf(x, rows, parts, mean, y, finish("v"), scale);
  else {
    const { means, squares } = partial(rows, parts, name);
    momentsOf(x, rows, parts, means, squares);
    const columns = rows.outer * rows.inner;
    const group = laneGroup(columns);
    launch(
      momentsMerge,
      { means, squares, mean, result: y },
      { columns, parts: parts.slices, repeat: 1, count: parts.count, rest: parts.rest, scale },
      Math.ceil(columns / group),
      { functions: { finish: `fn finish(v: f32) -> f32 { return ${finish("v")}; }` }, overrides: { group } },
    );
    means.dispose();
    squares.dispose();
  }
  mean.dispose();
}

/** The rows along neighbouring axes. */
function rowsOfDims(x: Tensor, dims: readonly number[]): Rows {
  const first = dims[0] ?? 0, last = dims.at(-1) ?? -1;
  const product = (from: number, to: number) => x.shape.slice(from, to).reduce((n, s) => n * s, 1);
  return { outer: product(0, first), length: product(first, last + 1), inner: product(last + 1, x.ndim) };
}

/** 2 (x − mean) / degrees of freedom, times the gradient of the variance. */
function varianceGrad(dy: Tensor, { x, inputs }: GradContext, attrs: VarAttrs): Inputs {
  const { shape } = inputs[0]!;
  const centred = sub(x(0), mean(x(0), { dim: attrs.dims, keepdim: true }));
  return [mul(centred, mul(reshape(dy, keptShape(shape, attrs.dims)), 2 * perFreedom(shape, attrs)))];
}

const varOp: Op<VarAttrs> = {
  name: "var",
  half: "reads",
  infer: ([x], attrs) => ({ shape: reducedShape(x!.shape, attrs), dtype: x!.dtype }),
  forward: ([x], attrs, [y]) => forward("var", false, x!, attrs, y),
  saves: { inputs: [0] },
  grad: varianceGrad,
};

const stdOp: Op<VarAttrs> = {
  name: "std",
  half: "reads",
  infer: ([x], attrs) => ({ shape: reducedShape(x!.shape, attrs), dtype: x!.dtype }),
  forward: ([x], attrs, [y]) => forward("std", true, x!, attrs, y),
  saves: { inputs: [0], outputs: [0] },
  grad: (dy, context, attrs) => varianceGrad(overTwice([dy, context.y]), context, attrs),
};

/** x / 2y, and 0 where y is 0: the gradient of a square root that does not blow up at 0. */
const overTwice = pointwise({
  name: "stdGrad",
  f: "select(0.5 * x / y, 0.0, y == 0.0)",
  reads: [[1], [0, 1]],
  grads: [
    (dy, { x }) => overTwice([dy, x(1)]),
    (dy, { x }) => mul(overTwice([mul(dy, overTwice([x(0), x(1)])), x(1)]), -2),
  ],
});

function spreadOf(op: typeof varOp, x: Tensor, options: VarOptions): Tensor {
  if (!isFloat(x.dtype)) {
    throw new TypeError(
      `Cannot measure spread in ${op.name}: elements must be floating-point numbers, they are ${x.dtype}`,
    );
  }
  const { dims, keepdim } = reduceAttrs(op.name, x, options, { correction: true });
  const { correction = 1 } = options;
  const together = dims.every((dim, i) => i === 0 || dim === dims[i - 1] + 1);
  if (together) return apply(op, [x], { dims, keepdim, correction });
  // Axes apart from each other go to the end, where they are one.
  const kept = x.shape.flatMap((_, i) => dims.includes(i) ? [] : [i]);
  const moved = permute(x, [...kept, ...dims]);
  const last = moved.shape.flatMap((_, i) => i < kept.length ? [] : [i]);
  const y = apply(op, [moved], { dims: last, keepdim: false, correction });
  return keepdim ? reshape(y, keptShape(x.shape, dims)) : y;
}

/**
 * The variance along axes, computed from differences to the mean.
 *
 * @param x Any shape, floating-point
 * @param options Axes, whether they stay, and the correction (default 1: Σ (x − mean)² / (n − 1))
 * @returns The variances; NaN where no degree of freedom is left
 * @throws {TypeError} If the elements are integers or booleans
 *
 * @example
 * ```ts
 * import { init, tensor, variance } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([1, 2, 3, 4], { dtype: "f32" });
 * console.log(await variance(x, { correction: 0 }).item()); // 1.25
 * ```
 */
export function variance(x: Tensor, options: VarOptions = {}): Tensor {
  return spreadOf(varOp, x, options);
}

/**
 * The standard deviation along axes: the root of the {@link variance}. Its gradient where all elements are equal is 0.
 *
 * @param x Any shape, floating-point
 * @param options Axes, whether they stay, and the correction (default 1)
 * @returns The deviations; NaN where no degree of freedom is left
 * @throws {TypeError} If the elements are integers or booleans
 *
 * @example
 * ```ts
 * import { init, std, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await std(tensor([2, 4, 4, 4, 5, 5, 7, 9], { dtype: "f32" }), { correction: 0 }).item()); // 2
 * ```
 */
export function std(x: Tensor, options: VarOptions = {}): Tensor {
  return spreadOf(stdOp, x, options);
}

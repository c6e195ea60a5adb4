import { isFloat } from "../../tensor/dtype.ts";
import { apply, type Op } from "../../tensor/op.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { mul } from "../elementwise/arithmetic.ts";
import { pointwise } from "../elementwise/define.ts";
import { reshape } from "../layout/reshape.ts";
import { itemKernel, laneGroup, pack, type Rows, rowWidth, sharesRows } from "../_rows.ts";
import { launch } from "../_run.ts";
import { logsumexp as lanesKernel, logsumexpTree } from "../_wgsl.ts";
import { keptShape, passesOver, type ReduceAttrs, reducedShape, temporary } from "./_reduce.ts";
import { reduceAttrs, type ReduceOptions } from "./sum.ts";

/** exp(x − y): of an element and its row's logsumexp, the element's share. */
const share = pointwise({
  name: "logsumexpGrad",
  f: "exp(x - y)",
  reads: [["y"], ["y"]],
  grads: [(dy, { y }) => mul(dy, y), (dy, { y }) => mul(mul(dy, y), -1)],
});

const logsumexpOp: Op<ReduceAttrs> = {
  name: "logsumexp",
  precision: "full",
  half: "reads",
  infer: ([x], attrs) => ({ shape: reducedShape(x!.shape, attrs), dtype: x!.dtype }),
  forward: ([x], { dims }, [y]) => {
    // The logsumexp of logsumexps is that of the whole, so slices and axes apart are passes of the same kernel.
    const passes = passesOver(x!.shape, dims);
    let from = x!;
    passes.forEach(({ rows, slices }, i) => {
      const into = i === passes.length - 1 ? y : temporary([rows.outer * rows.inner * slices], "f32", "logsumexp");
      runPass(from, rows, slices, into);
      if (from !== x) from.dispose();
      from = into;
    });
  },
  saves: { inputs: [0], outputs: [0] },
  grad: (dy, { x, y, inputs }, { dims }) => {
    const kept = keptShape(inputs[0]!.shape, dims);
    return [mul(share([x(0), reshape(y, kept)]), reshape(dy, kept))];
  },
};

function runPass(x: Tensor, rows: Rows, slices: number, y: Tensor): void {
  const packed = pack(rows);
  const { rows: count, length, inner } = packed;
  const kernel = itemKernel(packed);
  const params = { rows: count, length, slices, slice: Math.ceil(length / slices) };
  if (sharesRows(rows)) {
    const width = rowWidth(params.slice);
    const groups = Math.ceil(count * slices * width / 256);
    launch(logsumexpTree, { x, y }, params, groups, { ...kernel, overrides: { width } });
    return;
  }
  const group = laneGroup(count * slices);
  const groups = Math.ceil(count * slices / group);
  launch(lanesKernel, { x, y }, { ...params, inner }, groups, { ...kernel, overrides: { group } });
}

/**
 * log Σ exp(x) along axes, without overflow: the largest element is subtracted first.
 *
 * @param x Any shape, floating-point
 * @param options Axes and whether they stay; default: all axes
 * @returns The logarithms; −∞ for nothing
 * @throws {TypeError} If the elements are integers or booleans
 *
 * @example
 * ```ts
 * import { init, logsumexp, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await logsumexp(tensor([1000, 1000], { dtype: "f32" }), { dim: 0 }).item()); // 1000.693…
 * ```
 */
export function logsumexp(x: Tensor, options: ReduceOptions = {}): Tensor {
  if (!isFloat(x.dtype)) {
    throw new TypeError(`Cannot compute logsumexp: elements must be floating-point numbers, they are ${x.dtype}`);
  }
  return apply(logsumexpOp, [x], reduceAttrs("logsumexp", x, options));
}

import { isFloat } from "../../tensor/dtype.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { normalizeDims, numel, type Shape } from "../../tensor/shape.ts";
import { Storage } from "../../tensor/storage.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { reduce } from "../_wgsl.ts";
import { expand } from "../layout/views.ts";
import { reshape } from "../layout/reshape.ts";

/** Which axes are reduced, and whether they stay with size 1. */
export interface ReduceOptions {
  /** Axis or axes; default: all. */
  dim?: number | readonly number[];
  /** Keep reduced axes with size 1; default false. */
  keepdim?: boolean;
}

const sumOp: Op<{ dims: readonly number[] }> = {
  name: "sum",
  precision: "full",
  infer: ([x], { dims }) => ({ shape: x!.shape.map((s, i) => dims.includes(i) ? 1 : s), dtype: x!.dtype }),
  forward: ([x], { dims }, [y]) => {
    const first = dims[0] ?? 0, last = dims.at(-1) ?? -1;
    const outer = numel(x!.shape.slice(0, first)), length = numel(x!.shape.slice(first, last + 1));
    const inner = numel(x!.shape.slice(last + 1));
    const columns = outer * inner;
    const slices = Math.max(1, Math.min(Math.floor(8192 / columns), Math.ceil(length / 64)));
    const slice = Math.ceil(length / slices);
    if (slices === 1) {
      launch(reduce, { x: x!, y }, { outer, length, inner, slices, slice, scale: 1 }, Math.ceil(columns / 64));
      return;
    }
    const partial = new Tensor({
      shape: [slices, columns],
      storage: new Storage(slices * columns, "f32", "sum"),
      scoped: false,
    });
    const params = { outer, length, inner, slices, slice, scale: 1 };
    launch(reduce, { x: x!, y: partial }, params, Math.ceil(columns * slices / 64));
    launch(
      reduce,
      { x: partial, y },
      { outer: 1, length: slices, inner: columns, slices: 1, slice: slices, scale: 1 },
      Math.ceil(columns / 64),
    );
    partial.dispose();
  },
  grad: (dy, { inputs }) => [isFloat(inputs[0]!.dtype) ? expand(dy, inputs[0]!.shape) : null],
};

/** The sum over axes. */
export function sum(x: Tensor, { dim, keepdim = false }: ReduceOptions = {}): Tensor {
  const dims = normalizeDims("sum", dim, x.ndim);
  let y = x;
  // Neighbouring axes are one axis to the kernel; others are summed group by group.
  const groups: number[][] = [];
  for (const d of dims) {
    if (groups.length > 0 && groups.at(-1)!.at(-1) === d - 1) groups.at(-1)!.push(d);
    else groups.push([d]);
  }
  for (const group of groups) y = apply(sumOp, [y], { dims: group });
  if (keepdim) return y;
  const shape: Shape = x.shape.filter((_, i) => !dims.includes(i));
  return reshape(y, shape);
}

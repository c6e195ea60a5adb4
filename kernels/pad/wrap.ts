import { apply, type Op } from "../../tensor/op.ts";
import { numel, type Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { splitBy } from "../_split.ts";
import { wrap as wrapKernel, wrapGrad as wrapGradKernel } from "../_wgsl.ts";

/** How places beyond the ends are filled. */
export type WrapMode = "reflect" | "replicate" | "circular";

/** One axis of which every place of the result reads a place of the input. */
interface Attrs {
  readonly mode: WrapMode;
  readonly dim: number;
  /** Places in front; negative for a shifted reading. */
  readonly before: number;
  /** Size of the axis in the result, and in the input. */
  readonly outSize: number;
  readonly size: number;
}

const SOURCE: Record<WrapMode, string | null> = {
  circular: null,
  replicate: "fn source(p: i32, n: i32) -> i32 {\n  return clamp(p, 0, n - 1);\n}",
  reflect: "fn source(p: i32, n: i32) -> i32 {\n  let a = abs(p);\n  return select(a, 2 * (n - 1) - a, a >= n);\n}",
};

const READER: Record<WrapMode, string | null> = {
  circular: null,
  // The first place reads everything in front too, the last one everything behind.
  replicate: `fn reader(p: i32, t: i32) -> i32 {
  let first = select(p + params.before, 0, p == 0);
  let last = select(p + params.before, params.outSize - 1, p == params.size - 1);
  return select(-1, first + t, first + t <= last);
}`,
  // Mirrored in front, itself, mirrored behind; the ends are mirrors and have no image of their own.
  reflect: `fn reader(p: i32, t: i32) -> i32 {
  if (t == 0) {
    return select(-1, params.before - p, p > 0);
  }
  if (t == 1) {
    return params.before + p;
  }
  return select(-1, params.before + 2 * (params.size - 1) - p, p < params.size - 1);
}`,
};

const resized = (shape: Shape, dim: number, size: number): number[] => shape.map((n, i) => i === dim ? size : n);

const wrapOp: Op<Attrs> = {
  name: "pad",
  infer: ([x], { dim, outSize }) => ({ shape: resized(x!.shape, dim, outSize), dtype: x!.dtype }),
  forward: ([x], { mode, dim, before, outSize, size }, [y]) => {
    const inner = numel(x!.shape.slice(dim + 1));
    const wide = inner % 4 === 0;
    const unit = wide ? 4 : 1;
    const source = SOURCE[mode];
    launch(
      wrapKernel,
      { x: x!, y },
      { size, outSize: splitBy(outSize), inner: splitBy(inner / unit), before, count: y.numel / unit },
      Math.ceil(y.numel / unit / 64),
      { aliases: wide ? { Word: "vec4u" } : {}, functions: source === null ? {} : { source } },
    );
  },
  grad: (dy, _, attrs) => [apply(wrapGradOp, [dy], attrs)],
};

const wrapGradOp: Op<Attrs> = {
  name: "pad_grad",
  infer: ([dy], { dim, size }) => ({ shape: resized(dy!.shape, dim, size), dtype: dy!.dtype }),
  forward: ([dy], { mode, dim, before, outSize, size }, [dx]) => {
    const inner = numel(dx.shape.slice(dim + 1));
    const wide = inner % 4 === 0;
    const unit = wide ? 4 : 1;
    const reader = READER[mode];
    launch(
      wrapGradKernel,
      { dy: dy!, dx },
      {
        sizes: splitBy(size),
        size,
        outSize,
        inner: splitBy(inner / unit),
        before,
        most: mode === "replicate" ? outSize - size + 1 : 3,
        count: dx.numel / unit,
      },
      Math.ceil(dx.numel / unit / 64),
      { aliases: wide ? { Row: "vec4f" } : {}, functions: reader === null ? {} : { reader } },
    );
  },
  grad: (ddx, _, attrs) => [apply(wrapOp, [ddx], attrs)],
};

/** An axis read beyond its ends: `before` places in front of the first, `outSize` in all. */
export function wrap(x: Tensor, mode: WrapMode, dim: number, before: number, outSize: number): Tensor {
  return apply(wrapOp, [x], { mode, dim, before, outSize, size: x.shape[dim] });
}

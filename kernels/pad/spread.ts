import { type DType, isHalf } from "../../tensor/dtype.ts";
import { f32ToBf16, f32ToF16 } from "../../tensor/half.ts";
import { apply, type Op } from "../../tensor/op.ts";
import { numel, type Shape } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { launch } from "../_run.ts";
import { splitBy } from "../_split.ts";
import { spread as spreadKernel } from "../_wgsl.ts";
import { to } from "../elementwise/cast.ts";
import { window } from "../layout/window.ts";

/** Where the elements of a tensor go in a larger one. */
export interface Spreading {
  /** Shape of the result. */
  readonly shape: Shape;
  /** Place of the first element along each axis. */
  readonly before: readonly number[];
  /** Distance of neighbours along each axis. */
  readonly step: readonly number[];
  /** What lies between; default 0. */
  readonly value?: number;
}

/** One axis of the kernel: `size` elements, `step` apart, from `before` on in `out` places. */
interface Axis {
  out: number;
  size: number;
  before: number;
  step: number;
}

/** Axes that the kernel has parameters for. */
const MOST_AXES = 7;

/** Axes that are taken whole become part of the axis in front of them. */
function mergedAxes(from: Shape, { shape, before, step }: Spreading): Axis[] {
  const axes: Axis[] = [];
  from.forEach((size, i) => {
    const last = axes.at(-1);
    if (last !== undefined && last.step === 1 && size === shape[i]) {
      last.out *= size;
      last.size *= size;
      last.before *= size;
    } else axes.push({ out: shape[i], size, before: before[i], step: size < 2 ? 1 : step[i] });
  });
  return axes.length === 0 ? [{ out: 1, size: 1, before: 0, step: 1 }] : axes;
}

/** Whether `n` neighbours of the last axis can be moved as one. */
function movesBy(n: number, { out, size, before, step }: Axis): boolean {
  return step === 1 && out % n === 0 && size % n === 0 && before % n === 0;
}

/** The word that an element is stored as, twice for 16-bit types. */
function wordOf(value: number, dtype: DType): number {
  if (isHalf(dtype)) return (dtype === "f16" ? f32ToF16([value]) : f32ToBf16([value]))[0] * 0x10001;
  if (dtype === "f32") return new Uint32Array(Float32Array.of(value).buffer)[0];
  return dtype === "bool" ? Number(value !== 0) : value >>> 0;
}

const spreadOp: Op<Spreading> = {
  name: "pad",
  half: "native",
  infer: ([x], { shape }) => ({ shape, dtype: x!.dtype }),
  forward: ([x], spreading, [y]) => {
    const axes = mergedAxes(x!.shape, spreading);
    const last = axes[axes.length - 1];
    const packed = isHalf(x!.dtype) ? 2 : 1;
    const wide = movesBy(4 * packed, last);
    const unit = wide ? 4 * packed : packed;
    const words = [...axes.slice(0, -1), {
      ...last,
      out: last.out / unit,
      size: last.size / unit,
      before: last.before / unit,
    }];
    const count = y.numel / unit;
    launch(
      spreadKernel,
      { x: x!, y },
      {
        axes: words.flatMap(({ out, before }) => [...splitBy(out), before]),
        places: words.flatMap(({ size, step }) => [size, ...splitBy(step)]),
        count,
        value: wordOf(spreading.value ?? 0, x!.dtype),
      },
      Math.ceil(count / 64),
      {
        overrides: { rank: words.length, stepped: Number(words.some(({ step }) => step !== 1)) },
        aliases: wide ? { Word: "vec4u" } : {},
      },
    );
  },
  grad: (dy, { inputs }, { before, step }) => [window(dy, "pad_grad", { start: before, size: inputs[0]!.shape, step })],
};

/** Puts a tensor's elements at regular places of a larger tensor. */
export function spread(x: Tensor, spreading: Spreading): Tensor {
  const axes = mergedAxes(x.shape, spreading);
  if (axes.length > MOST_AXES) {
    throw new RangeError(`Cannot pad in pad: at most ${MOST_AXES} axes can be told apart, got ${axes.length}`);
  }
  if (numel(spreading.shape) > 0 && isHalf(x.dtype) && !movesBy(2, axes[axes.length - 1])) {
    // A word would have two owners; f32 holds every value exactly.
    return to(apply(spreadOp, [to(x, "f32")], spreading), x.dtype);
  }
  return apply(spreadOp, [x], spreading);
}

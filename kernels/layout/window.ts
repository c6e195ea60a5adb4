import { stridesOf } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { strided } from "../elementwise/view.ts";
import { spread } from "../pad/spread.ts";

/** A block of a tensor, axis by axis: `size` elements from `start` on, `step` apart. */
export interface Window {
  readonly start: readonly number[];
  readonly size: readonly number[];
  readonly step: readonly number[];
}

/** The block as a view. The gradient puts it back between zeros. */
export function window(x: Tensor, name: string, { start, size, step }: Window): Tensor {
  if (size.every((n, i) => n === x.shape[i] && start[i] === 0 && step[i] === 1)) return x;
  const strides = stridesOf(x.shape);
  return strided(x, {
    name,
    shape: size,
    strides: strides.map((stride, i) => stride * step[i]),
    offset: strides.reduce((sum, stride, i) => sum + stride * start[i], 0),
    grad: (dy) => spread(dy, { shape: x.shape, before: start, step }),
  });
}

/** The whole tensor as a window, to be changed along some axes. */
export function wholeWindow(x: Tensor): { start: number[]; size: number[]; step: number[] } {
  return { start: x.shape.map(() => 0), size: [...x.shape], step: x.shape.map(() => 1) };
}

import { checkNames } from "../../device/option_names.ts";
import { ShapeError, showShape } from "../../tensor/errors.ts";
import { normalizeDim, stridesOf } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { strided } from "../elementwise/view.ts";
import { spread } from "../pad/spread.ts";
import { reshape } from "./reshape.ts";
import { wholeWindow, window } from "./window.ts";

/** Part of an axis, as in `x[…, start:end:step, …]`. */
export interface SliceOptions {
  /** The axis; default 0. */
  dim?: number;
  /** First place; negative counts from the end, beyond an end is cut off; default 0. */
  start?: number;
  /** Place after the last; negative counts from the end, beyond an end is cut off; default the axis' size. */
  end?: number;
  /** Distance of neighbours, at least 1; default 1. */
  step?: number;
}

/** Which place of which axis. */
export interface SelectOptions {
  /** The axis that goes away. */
  dim: number;
  /** The place; negative counts from the end. */
  index: number;
}

/** Which part of which axis. */
export interface NarrowOptions {
  /** The axis. */
  dim: number;
  /** First place; negative counts from the end. */
  start: number;
  /** Number of places. */
  length: number;
}

/** Throws for a tensor without axes, which has none to cut. */
export function requireAxes(op: string, x: Tensor): void {
  if (x.ndim > 0) return;
  throw new ShapeError(op, `Cannot take a part in ${op}: the tensor must have at least one axis, its shape is []`, [
    [],
  ]);
}

function checkWhole(op: string, what: string, value: number): void {
  if (!Number.isInteger(value)) {
    throw new RangeError(`Cannot take a part in ${op}: ${what} must be a whole number, got ${value}`);
  }
}

/**
 * Part of an axis, like `x[start:end:step]`. Inside a chain it costs nothing.
 *
 * @param x At least one axis
 * @param options The axis, its first and last place, and the step
 * @returns A tensor in which that axis has ⌈(end − start) / step⌉ places
 * @throws {RangeError} If the axis does not exist, or the step is not a whole number from 1 on
 *
 * @example
 * ```ts
 * import { arange, init, slice } from "@fulgurite/core";
 *
 * await init();
 * console.log(await slice(arange(10), { start: 1, end: -1, step: 3 }).array()); // [1, 4, 7]
 * ```
 */
export function slice(x: Tensor, options: SliceOptions = {}): Tensor {
  checkNames("compute slice", options, { dim: true, start: true, end: true, step: true });
  const { dim = 0, start = 0, end, step = 1 } = options;
  requireAxes("slice", x);
  const axis = normalizeDim("slice", dim, x.ndim), size = x.shape[axis];
  checkWhole("slice", "start", start);
  if (end !== undefined) checkWhole("slice", "end", end);
  if (!Number.isInteger(step) || step < 1) {
    throw new RangeError(`Cannot take a part in slice: step must be a whole number from 1 on, got ${step}`);
  }
  const clamp = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, 0), size);
  const first = clamp(start), last = clamp(end ?? size);
  const part = wholeWindow(x);
  part.size[axis] = Math.max(0, Math.ceil((last - first) / step));
  part.start[axis] = part.size[axis] === 0 ? 0 : first;
  part.step[axis] = step;
  return window(x, "slice", part);
}

/**
 * `length` places of an axis from `start` on. Inside a chain it costs nothing.
 *
 * @param x At least one axis
 * @param options The axis, its first place, and the number of places
 * @returns A tensor in which that axis has `length` places
 * @throws {RangeError} If the part is not inside the axis
 *
 * @example
 * ```ts
 * import { arange, init, narrow } from "@fulgurite/core";
 *
 * await init();
 * console.log(await narrow(arange(10), { dim: 0, start: 2, length: 3 }).array()); // [2, 3, 4]
 * ```
 */
export function narrow(x: Tensor, options: NarrowOptions): Tensor {
  checkNames("compute narrow", options, { dim: "required", start: "required", length: "required" });
  const { dim, start, length } = options;
  requireAxes("narrow", x);
  const axis = normalizeDim("narrow", dim, x.ndim), size = x.shape[axis];
  const first = start < 0 ? start + size : start;
  if (!Number.isInteger(start) || !Number.isInteger(length) || first < 0 || length < 0 || first + length > size) {
    throw new RangeError(
      `Cannot take a part in narrow: start and start + length must be within the axis of size ${size}, got start ` +
        `${start} and length ${length}`,
    );
  }
  const part = wholeWindow(x);
  part.start[axis] = length === 0 ? 0 : first;
  part.size[axis] = length;
  return window(x, "narrow", part);
}

/**
 * One place of an axis; the axis goes away. Inside a chain it costs nothing.
 *
 * @param x At least one axis
 * @param options The axis and the place
 * @returns A tensor with one axis less
 * @throws {RangeError} If the axis or the place does not exist
 *
 * @example
 * ```ts
 * import { init, select, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await select(tensor([[1, 2], [3, 4]]), { dim: 1, index: -1 }).array()); // [2, 4]
 * ```
 */
export function select(x: Tensor, options: SelectOptions): Tensor {
  checkNames("compute select", options, { dim: "required", index: "required" });
  const { dim, index } = options;
  requireAxes("select", x);
  const axis = normalizeDim("select", dim, x.ndim), size = x.shape[axis];
  const at = index < 0 ? index + size : index;
  if (!Number.isInteger(index) || at < 0 || at >= size) {
    throw new RangeError(
      `Cannot choose a place in select: axis ${dim} of shape ${showShape(x.shape)} has ${size} places, got ${index}`,
    );
  }
  const strides = stridesOf(x.shape);
  const others = <T>(list: readonly T[]) => list.filter((_, i) => i !== axis);
  const kept = x.shape.map((n, i) => i === axis ? 1 : n);
  return strided(x, {
    name: "select",
    shape: others(x.shape),
    strides: others(strides),
    offset: at * strides[axis],
    grad: (dy) =>
      spread(reshape(dy, kept), {
        shape: x.shape,
        before: x.shape.map((_, i) => i === axis ? at : 0),
        step: x.shape.map(() => 1),
      }),
  });
}

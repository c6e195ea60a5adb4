import { show } from "../device/option_names.ts";
import { ShapeError, showShape, showShapes } from "./errors.ts";

/** Sizes of a tensor's axes, outermost first. */
export type Shape = readonly number[];

/** Number of elements of a shape. */
export function numel(shape: Shape): number {
  let n = 1;
  for (const size of shape) n *= size;
  return n;
}

/** Whether two shapes are equal. */
export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

/** The shape that all shapes broadcast to (aligned at the last axis, size 1 stretches). */
export function broadcastShapes(op: string, shapes: readonly Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const out = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const at = rank - shape.length + i;
      if (shape[i] === 1 || shape[i] === out[at]) continue;
      if (out[at] !== 1) {
        throw new ShapeError(
          op,
          `Cannot broadcast in ${op}: sizes must be equal or 1 from the last axis on, current shapes are ${
            showShapes(shapes)
          }`,
          shapes,
        );
      }
      out[at] = shape[i];
    }
  }
  return out;
}

/** Strides by which `shape` is read when it is broadcast to `target`: 0 along stretched axes. */
export function broadcastStrides(shape: Shape, target: Shape): number[] {
  const own = stridesOf(shape);
  const lead = target.length - shape.length;
  return target.map((_, i) => i < lead || shape[i - lead] === 1 ? 0 : own[i - lead]);
}

/** An axis counted from the front, from one that may be negative. */
export function normalizeDim(op: string, dim: number, rank: number): number {
  const range = Math.max(rank, 1);
  if (!Number.isInteger(dim) || dim < -range || dim >= range) {
    throw new RangeError(
      `Cannot choose axis ${dim} in ${op}: it must be a whole number from ${-range} to ${range - 1}`,
    );
  }
  return dim < 0 ? dim + range : dim;
}

/** Axes counted from the front, sorted, each once; `undefined` means all. */
export function normalizeDims(op: string, dims: number | readonly number[] | undefined | null, rank: number): number[] {
  if (dims === undefined || dims === null) return Array.from({ length: rank }, (_, i) => i);
  const list = (typeof dims === "number" ? [dims] : dims).map((dim) => normalizeDim(op, dim, rank));
  if (new Set(list).size !== list.length) {
    throw new RangeError(`Cannot choose axes in ${op}: each may appear once, got ${showShape(list)}`);
  }
  return (rank === 0 ? [] : list).sort((a, b) => a - b);
}

/** Throws unless a list of numbers was given as one: `[2, 3]`, and not `2, 3`. */
export function checkList(op: string, what: string, list: unknown): void {
  if (Array.isArray(list)) return;
  const example = typeof list === "number" ? `[${list}, …]` : "[2, 3]";
  throw new TypeError(`Cannot read ${what} in ${op}: it must be an array such as ${example}, got ${show(list)}`);
}

/** Checks that a shape consists of whole sizes ≥ 0. */
export function checkShape(op: string, shape: Shape): void {
  checkList(op, "the shape", shape);
  for (const size of shape) {
    if (!Number.isInteger(size) || size < 0) {
      throw new ShapeError(
        op,
        `Cannot make a tensor in ${op}: sizes must be whole numbers from 0 on, got ${showShape(shape)}`,
        [shape],
      );
    }
  }
}

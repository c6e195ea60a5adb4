import { type Shape, stridesOf } from "../../tensor/shape.ts";

/** How elements are read: number (i, j, …) lies at `offset + i·strides[0] + j·strides[1] + …`. */
export interface Reading {
  readonly strides: readonly number[];
  readonly offset: number;
}

/**
 * A reading of a reading: `outer` reads, for the places of `shape`, a row-major tensor of shape `middle`, whose
 * elements `inner` reads from somewhere. The two are one reading when each axis of `shape` walks along one axis of
 * `middle` and stays inside it; otherwise the result is `null`.
 */
export function composeReadings(shape: Shape, outer: Reading, middle: Shape, inner: Reading): Reading | null {
  const axes = mergedAxes(middle, inner.strides);
  // Where the first element lies in the middle, and between which places each of its axes is walked.
  let rest = outer.offset;
  const places = axes.map(({ unit, size, stride }) => {
    const place = Math.floor(rest / unit);
    rest -= place * unit;
    return { low: place, high: place, start: place, unit, size, stride };
  });
  const strides = shape.map((size, i) => {
    const stride = outer.strides[i];
    if (size === 1 || stride === 0) return 0;
    const axis = places.find(({ unit }) => unit <= Math.abs(stride));
    if (axis === undefined || stride % axis.unit !== 0) return null;
    const step = stride / axis.unit, way = step * (size - 1);
    if (way > 0) axis.high += way;
    else axis.low += way;
    return step * axis.stride;
  });
  if (!strides.every((stride) => stride !== null)) return null;
  if (places.some(({ low, high, size }) => low < 0 || high >= size)) return null;
  return { strides, offset: places.reduce((sum, { start, stride }) => sum + start * stride, inner.offset) };
}

/** Axes of a row-major tensor, outermost first, with those joined that are also read in one go. */
function mergedAxes(shape: Shape, strides: readonly number[]): { unit: number; size: number; stride: number }[] {
  const units = stridesOf(shape);
  const axes: { unit: number; size: number; stride: number }[] = [];
  shape.forEach((size, i) => {
    if (size === 1) return;
    const last = axes.at(-1);
    if (last !== undefined && last.stride === strides[i] * size) {
      last.size *= size;
      last.stride = strides[i];
      last.unit = units[i];
    } else axes.push({ unit: units[i], size, stride: strides[i] });
  });
  return axes;
}

import type { Shape } from "../../tensor/shape.ts";
import type { Leaf } from "./plan.ts";

/**
 * How four neighbouring elements of a leaf are read.
 *
 * - `linear`: in step with the result, as a vec4
 * - `single`: one element for all of the result
 * - `quad`: through coordinates, as a vec4
 * - `row`: through coordinates, one element for the four
 * - `gather`: through coordinates, element by element
 */
export type Reading = "linear" | "single" | "quad" | "row" | "gather";

/** The result's axes as a fused kernel walks them. */
export interface Layout {
  /** Sizes of the merged axes, outermost first. */
  readonly sizes: readonly number[];
  /** Strides by leaf and merged axis. */
  readonly strides: readonly (readonly number[])[];
  readonly readings: readonly Reading[];
}

/** Merges axes that every leaf walks through in one go, drops those of size 1, and chooses how each leaf is read. */
export function layoutOf(shape: Shape, leaves: readonly Leaf[]): Layout {
  const sizes: number[] = [];
  const strides: number[][] = leaves.map(() => []);
  for (let i = 0; i < shape.length; i++) {
    const size = shape[i];
    if (size === 1) continue;
    const last = sizes.length - 1;
    let mergeable = last >= 0;
    for (let k = 0; mergeable && k < leaves.length; k++) mergeable = strides[k][last] === leaves[k].strides[i] * size;
    if (mergeable) sizes[last] *= size;
    else sizes.push(size);
    for (let k = 0; k < leaves.length; k++) strides[k][sizes.length - 1] = leaves[k].strides[i];
  }
  return { sizes, strides, readings: leaves.map((leaf, k) => readingOf(sizes, strides[k], leaf.offset)) };
}

/**
 * Whether some leaf is the same all the way down the first of two axes, so that a run of quads down there reads it
 * once.
 */
export function repeatsDown({ sizes, strides, readings }: Layout): boolean {
  if (sizes.length !== 2 || readings.includes("gather")) return false;
  return readings.some((reading, k) => reading === "quad" && strides[k][0] === 0);
}

function readingOf(sizes: readonly number[], strides: readonly number[], offset: number): Reading {
  const last = sizes.length - 1;
  let still = true, linear = offset === 0, expected = 1;
  for (let i = last; i >= 0; i--) {
    if (strides[i] !== 0) still = false;
    if (strides[i] !== expected) linear = false;
    expected *= sizes[i];
  }
  if (still) return "single";
  if (linear) return "linear";
  if (sizes[last] % 4 !== 0) return "gather";
  if (strides[last] === 0) return "row";
  for (let i = 0; i < last; i++) if (strides[i] % 4 !== 0) return "gather";
  return strides[last] === 1 && offset % 4 === 0 ? "quad" : "gather";
}

/** The multiplier and the shift that divide numbers below 2³¹ by `d`, for `divide` of kernels/_shared/divide.wgsl. */
export function divisorOf(d: number): readonly [multiplier: number, shift: number] {
  let found = divisors.get(d);
  if (found === undefined) {
    const shift = d === 1 ? 0 : 32 - Math.clz32(d - 1);
    found = [Number((1n << BigInt(31 + shift)) / BigInt(d)) + 1, shift];
    divisors.set(d, found);
  }
  return found;
}

const divisors = new Map<number, readonly [number, number]>();

/** Differences of neighbours, and integrals of evenly spaced values. */
import { cumsum } from "../kernels/scan/cumsum.ts";
import { checkNames } from "../device/option_names.ts";
import { add, mul, sub } from "../kernels/elementwise/arithmetic.ts";
import { cat } from "../kernels/cat/cat.ts";
import { narrow, select, slice } from "../kernels/layout/slice.ts";
import { sum } from "../kernels/reduce/sum.ts";
import { ShapeError, showShape } from "../tensor/errors.ts";
import { normalizeDim, normalizeDims } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Which axis, and how often, {@link diff} subtracts. */
export interface DiffOptions {
  /** How often; default 1. */
  n?: number;
  /** The axis; default −1. */
  dim?: number;
}

/**
 * Differences of neighbours along an axis.
 *
 * @param x At least one axis
 * @param options How often, and along which axis
 * @returns The shape of x with that axis shorter by n
 *
 * @example
 * ```ts
 * import { diff, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await diff(tensor([1, 4, 9, 16])).array()); // [3, 5, 7]
 * ```
 */
export function diff(x: Tensor, options: DiffOptions = {}): Tensor {
  checkNames("subtract in diff", options, { n: true, dim: true });
  const { n = 1, dim = -1 } = options;
  if (!Number.isInteger(n) || n < 0) {
    throw new RangeError(`Cannot subtract in diff: n must be a whole number from 0 on, got ${n}`);
  }
  let y = x;
  for (let i = 0; i < n && y.size(dim) > 0; i++) y = sub(slice(y, { dim, start: 1 }), slice(y, { dim, end: -1 }));
  return y;
}

/** Which axis, or the distance of neighbours, of {@link trapezoid}. */
export interface TrapezoidOptions {
  /** The axis; default −1. */
  dim?: number;
  /** The distance of neighbours; default 1. */
  dx?: number;
}

/**
 * The integral of evenly spaced values by the trapezoidal rule.
 *
 * @param y At least one axis
 * @param options Axis and distance
 * @returns The shape of y without the axis
 *
 * @example
 * ```ts
 * import { init, tensor, trapezoid } from "@fulgurite/core";
 *
 * await init();
 * console.log(await trapezoid(tensor([0, 1, 4.5])).item()); // 3.25
 * ```
 */
export function trapezoid(y: Tensor, options: TrapezoidOptions = {}): Tensor {
  checkNames("integrate in trapezoid", options, { dim: true, dx: true });
  const { dim = -1, dx = 1 } = options;
  const ends = add(select(y, { dim, index: 0 }), select(y, { dim, index: -1 }));
  return mul(sub(sum(y, { dim }), mul(ends, 0.5)), dx);
}

/**
 * The integrals of evenly spaced values from the first to each, by the trapezoidal rule.
 *
 * @param y At least one axis
 * @param options Axis and distance
 * @returns The shape of y with the axis shorter by one
 *
 * @example
 * ```ts
 * import { cumulativeTrapezoid, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await cumulativeTrapezoid(tensor([0, 1, 4.5])).array()); // [0.5, 3.25]
 * ```
 */
export function cumulativeTrapezoid(y: Tensor, options: TrapezoidOptions = {}): Tensor {
  checkNames("integrate in cumulativeTrapezoid", options, { dim: true, dx: true });
  const { dim = -1, dx = 1 } = options;
  return cumsum(mul(add(slice(y, { dim, start: 1 }), slice(y, { dim, end: -1 })), dx / 2), { dim });
}

/** Distances of neighbours, axes and order of {@link gradient}. */
export interface GradientOptions {
  /** The distance of neighbours, for all axes or for each; default 1. */
  spacing?: number | readonly number[];
  /** Axis or axes; default: all. */
  dim?: number | readonly number[];
  /** 1 (default): differences of two elements at both ends; 2: of three. */
  edgeOrder?: 1 | 2;
}

/**
 * Derivatives of evenly spaced values by central differences of second order.
 *
 * @param x At least edgeOrder + 1 elements along each axis
 * @param options Distances, axes, and the order at both ends
 * @returns For each axis a tensor of x's shape
 * @throws {RangeError} If there are not as many distances as axes, or the order is not 1 or 2
 * @throws {ShapeError} If an axis is too short
 *
 * @example
 * ```ts
 * import { gradient, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const [d] = gradient(tensor([0, 1, 4, 9], { dtype: "f32" }));
 * console.log(await d.array()); // [1, 2, 4, 5]
 * ```
 */
export function gradient(x: Tensor, options: GradientOptions = {}): Tensor[] {
  checkNames("differentiate in gradient", options, { spacing: true, dim: true, edgeOrder: true });
  const { spacing = 1, dim, edgeOrder = 1 } = options;
  const dims = typeof dim === "number"
    ? [normalizeDim("gradient", dim, x.ndim)]
    : normalizeDims("gradient", dim, x.ndim);
  const steps = typeof spacing === "number" ? dims.map(() => spacing) : spacing;
  if (steps.length !== dims.length || (edgeOrder !== 1 && edgeOrder !== 2)) {
    throw new RangeError(
      `Cannot differentiate in gradient: it takes a distance for each of ${dims.length} axes and the order 1 or 2, got ${steps.length} and ${edgeOrder}`,
    );
  }
  if (dims.some((dim) => x.shape[dim] < edgeOrder + 1)) {
    throw new ShapeError(
      "gradient",
      `Cannot differentiate in gradient: axes must have at least ${edgeOrder + 1} elements, the shape is ${
        showShape(x.shape)
      }`,
      [x.shape],
    );
  }
  return dims.map((dim, i) => {
    const at = (start: number, length = 1) => narrow(x, { dim, start, length });
    const size = x.shape[dim], slope = (high: Tensor, low: Tensor) => sub(high, low);
    const edge = (from: number, inwards: 1 | -1) => {
      const near = slope(at(from + inwards), at(from));
      if (edgeOrder === 1) return mul(near, inwards / steps[i]);
      // (−3 f₀ + 4 f₁ − f₂) / 2h
      return mul(sub(mul(near, 4), slope(at(from + 2 * inwards), at(from))), inwards / (2 * steps[i]));
    };
    const inner = size > 2 ? [mul(slope(at(2, size - 2), at(0, size - 2)), 0.5 / steps[i])] : [];
    return cat([edge(0, 1), ...inner, edge(size - 1, -1)], { dim });
  });
}

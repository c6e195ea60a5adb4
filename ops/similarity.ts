import { checkNames } from "../device/option_names.ts";
import { add, div, mul, sub } from "../kernels/elementwise/arithmetic.ts";
import { clamp } from "../kernels/elementwise/choice.ts";
import { norm } from "../kernels/reduce/norm.ts";
import { sum } from "../kernels/reduce/sum.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Options of {@link normalize}. */
export interface NormalizeOptions {
  /** Exponent of the norm; default 2. */
  p?: number;
  /** The axis; default 1. */
  dim?: number;
  /** The smallest norm to divide by; default 1e-12. */
  eps?: number;
}

/** Options of {@link cosineSimilarity}. */
export interface CosineSimilarityOptions {
  /** The axis of the vectors; default 1. */
  dim?: number;
  /** The smallest norm to divide by; default 1e-8. */
  eps?: number;
}

/** Options of {@link pairwiseDistance}. */
export interface PairwiseDistanceOptions {
  /** Exponent of the norm; default 2. */
  p?: number;
  /** Added to each difference; default 1e-6. */
  eps?: number;
  /** Keep the last axis with size 1; default false. */
  keepdim?: boolean;
}

/**
 * Divides vectors along an axis by their norm, or by `eps` where that is larger.
 *
 * @param x Any shape, floating-point
 * @param options Norm, axis and eps
 * @returns A tensor of the same shape
 *
 * @example
 * ```ts
 * import { init, normalize, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await normalize(tensor([[3, 4]], { dtype: "f32" })).array()); // about [[0.6, 0.8]]
 * ```
 */
export function normalize(x: Tensor, options: NormalizeOptions = {}): Tensor {
  checkNames("compute normalize", options, { p: true, dim: true, eps: true });
  const { p = 2, dim = 1, eps = 1e-12 } = options;
  return div(x, clamp(norm(x, { p, dim, keepdim: true }), { min: eps }));
}

/**
 * The cosine of the angle between vectors along an axis; shapes broadcast. Norms below `eps` count as `eps`.
 *
 * @param x1 Any shape, floating-point
 * @param x2 A shape that broadcasts with it
 * @param options Axis and eps
 * @returns The common shape without the axis
 *
 * @example
 * ```ts
 * import { cosineSimilarity, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const a = tensor([[1, 0]], { dtype: "f32" }), b = tensor([[1, 1]], { dtype: "f32" });
 * console.log(await cosineSimilarity(a, b).array()); // about [0.7071]
 * ```
 */
export function cosineSimilarity(
  x1: Tensor,
  x2: Tensor,
  options: CosineSimilarityOptions = {},
): Tensor {
  checkNames("compute cosineSimilarity", options, { dim: true, eps: true });
  const { dim = 1, eps = 1e-8 } = options;
  // The axis is counted in the common shape.
  const rank = Math.max(x1.ndim, x2.ndim);
  const axis = dim < 0 ? dim : dim - rank;
  const unit = (x: Tensor) => div(x, clamp(norm(x, { dim: axis, keepdim: true }), { min: eps }));
  return sum(mul(unit(x1), unit(x2)), { dim: axis });
}

/**
 * The norm of the difference of vectors along the last axis, |x1 − x2 + eps|; shapes broadcast.
 *
 * @param x1 Any shape, floating-point
 * @param x2 A shape that broadcasts with it
 * @param options Norm, eps, and whether the axis stays
 * @returns The common shape without the last axis
 *
 * @example
 * ```ts
 * import { init, pairwiseDistance, tensor } from "@fulgurite/core";
 *
 * await init();
 * const a = tensor([[0, 0]], { dtype: "f32" }), b = tensor([[3, 4]], { dtype: "f32" });
 * console.log(await pairwiseDistance(a, b).array()); // about [5]
 * ```
 */
export function pairwiseDistance(
  x1: Tensor,
  x2: Tensor,
  options: PairwiseDistanceOptions = {},
): Tensor {
  checkNames("compute pairwiseDistance", options, { p: true, eps: true, keepdim: true });
  const { p = 2, eps = 1e-6, keepdim = false } = options;
  return norm(add(sub(x1, x2), eps), { p, dim: -1, keepdim });
}

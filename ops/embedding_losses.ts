import { checkNames } from "../device/option_names.ts";
import { add, div, minimum, mul, square, sub } from "../kernels/elementwise/arithmetic.ts";
import { clamp, where } from "../kernels/elementwise/choice.ts";
import { eq, ne } from "../kernels/elementwise/compare.ts";
import { sqrt } from "../kernels/elementwise/math.ts";
import { sum } from "../kernels/reduce/sum.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import { sameShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSameShape, lossInputs, reduced, type ReductionOptions } from "./_loss.ts";
import { pairwiseDistance } from "./similarity.ts";

/** Options of {@link hingeEmbeddingLoss} and {@link cosineEmbeddingLoss}. */
export interface MarginLossOptions extends ReductionOptions {
  /** How far apart unlike pairs must be; default 1 for hinge, 0 for cosine. */
  margin?: number;
}

/** Options of {@link tripletMarginLoss}. */
export interface TripletMarginLossOptions extends ReductionOptions {
  /** How much farther the negative must be than the positive; default 1. */
  margin?: number;
  /** Exponent of the distance's norm; default 2. */
  p?: number;
  /** Added to each difference; default 1e-6. */
  eps?: number;
  /** Take the negative's distance from the positive where that is shorter; default false. */
  swap?: boolean;
}

/**
 * For distances x: x itself for pairs that belong together (target 1), max(0, margin − x) for others (target −1).
 *
 * @param input Distances, any shape
 * @param target 1 and −1, the same shape
 * @param options Margin and reduction; default: 1 and the mean
 * @returns The loss: a number, or without reduction one for each element
 * @throws {ShapeError} If the shapes differ
 *
 * @example
 * ```ts
 * import { hingeEmbeddingLoss, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await hingeEmbeddingLoss(tensor([0.5, 0.25]), tensor([1, -1])).item()); // 0.625
 * ```
 */
export function hingeEmbeddingLoss(
  input: Tensor,
  target: Tensor,
  options: MarginLossOptions = {},
): Tensor {
  checkNames("compute hingeEmbeddingLoss", options, { margin: true, reduction: true });
  const { margin = 1, reduction } = options;
  checkSameShape("hingeEmbeddingLoss", input, target);
  const [x] = lossInputs("hingeEmbeddingLoss", input);
  const apart = where(ne(target, 1), clamp(sub(margin, x), { min: 0 }), 0);
  return reduced("hingeEmbeddingLoss", add(apart, where(ne(target, -1), x, 0)), reduction);
}

/**
 * For pairs of vectors: 1 − cos for pairs that belong together (target 1), max(0, cos − margin) for others (target −1).
 *
 * @param input1 Vectors, [N, D] or [D]
 * @param input2 Vectors of the same shape
 * @param target 1 and −1, [N] or []
 * @param options Margin and reduction; default: 0 and the mean
 * @returns The loss: a number, or without reduction one for each pair
 * @throws {ShapeError} If the shapes do not fit
 *
 * @example
 * ```ts
 * import { cosineEmbeddingLoss, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const a = tensor([[1, 0]], { dtype: "f32" }), b = tensor([[0, 1]], { dtype: "f32" });
 * console.log(await cosineEmbeddingLoss(a, b, tensor([1])).item()); // 1
 * ```
 */
export function cosineEmbeddingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options: MarginLossOptions = {},
): Tensor {
  checkNames("compute cosineEmbeddingLoss", options, { margin: true, reduction: true });
  const { margin = 0, reduction } = options;
  checkSameShape("cosineEmbeddingLoss", input1, input2);
  if (!sameShape(target.shape, input1.shape.slice(0, -1)) || input1.ndim === 0) {
    throw new ShapeError(
      "cosineEmbeddingLoss",
      `Cannot compute cosineEmbeddingLoss: there must be a target for each vector, current shapes are ${
        showShapes([input1.shape, target.shape])
      }`,
      [input1.shape, target.shape],
    );
  }
  const [a, b] = lossInputs("cosineEmbeddingLoss", input1, input2);
  const dot = (x: Tensor, y: Tensor) => sum(mul(x, y), { dim: -1 });
  const length = (x: Tensor) => add(sum(square(x), { dim: -1 }), 1e-12);
  const cosine = div(dot(a, b), sqrt(mul(length(a), length(b))));
  const together = where(eq(target, 1), sub(1, cosine), 0);
  const apart = where(eq(target, -1), clamp(sub(cosine, margin), { min: 0 }), 0);
  return reduced("cosineEmbeddingLoss", add(together, apart), reduction);
}

/**
 * Asks that each anchor is nearer to its positive than to its negative: max(0, d(anchor, positive) − d(anchor,
 * negative) + margin).
 *
 * @param anchor Vectors along the last axis
 * @param positive Vectors that belong with them
 * @param negative Vectors that do not
 * @param options Margin, norm, eps, swap and reduction
 * @returns The loss: a number, or without reduction one for each anchor
 *
 * @example
 * ```ts
 * import { init, tensor, tripletMarginLoss } from "@fulgurite/core";
 *
 * await init();
 * const [a, p, n] = [[0, 0], [0, 1], [0, 1.5]].map((x) => tensor([x], { dtype: "f32" }));
 * console.log(await tripletMarginLoss(a, p, n).item()); // about 0.5
 * ```
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginLossOptions = {},
): Tensor {
  checkNames("compute tripletMarginLoss", options, { margin: true, p: true, eps: true, swap: true, reduction: true });
  const { margin = 1, p = 2, eps = 1e-6, swap = false, reduction } = options;
  if (!(margin > 0)) throw new RangeError(`Cannot compute tripletMarginLoss: margin must be positive, got ${margin}`);
  const [a, b, c] = lossInputs("tripletMarginLoss", anchor, positive, negative);
  const distance = (x: Tensor, y: Tensor) => pairwiseDistance(x, y, { p, eps });
  const near = distance(a, b);
  const far = swap ? minimum(distance(a, c), distance(b, c)) : distance(a, c);
  return reduced("tripletMarginLoss", clamp(add(sub(near, far), margin), { min: 0 }), reduction);
}

import { add, div, eq, isnan, logicalNot, mul, ne, sum, to, where } from "../kernels/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Average } from "./task.ts";

/** a / b, and a given number where b is 0. */
export function safeDivide(a: Tensor, b: Tensor, zeroDivision = 0): Tensor {
  return where(ne(b, 0), div(a, b), zeroDivision);
}

/** What a prediction and a target were, counted by class or label, as f32. */
export interface Counts {
  /** Rightly taken for it. */
  readonly tp: Tensor;
  /** Wrongly taken for it. */
  readonly fp: Tensor;
  /** Rightly taken for something else. */
  readonly tn: Tensor;
  /** Wrongly taken for something else. */
  readonly fn: Tensor;
}

/**
 * The mean of scores of classes. In the plain mean a class that neither occurs nor is predicted does not count.
 *
 * @param scores [K]
 * @param present Whether a class counts, or `null` where all do
 */
export function averaged(scores: Tensor, average: Average, { tp, fn }: Counts, present: Tensor | null): Tensor {
  if (average === "none") return scores;
  const weights = average === "weighted" ? add(tp, fn) : present === null ? null : to(present, "f32");
  if (weights === null) return div(sum(scores), scores.numel);
  return sum(safeDivide(mul(weights, scores), sum(weights)));
}

/** The mean of what is a number, weighted or not; NaN if nothing is. */
export function meanOfNumbers(values: Tensor, weights: Tensor | null): Tensor {
  const known = logicalNot(isnan(values)), clean = where(known, values, 0);
  if (weights === null) return div(sum(clean), sum(to(known, "f32")));
  const weight = where(known, weights, 0), total = sum(weight);
  return sum(mul(clean, where(eq(total, 0), 0, div(weight, total))));
}

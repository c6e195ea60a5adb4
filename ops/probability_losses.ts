import { checkNames } from "../device/option_names.ts";
import { logSigmoid } from "../kernels/elementwise/activations.ts";
import { add, div, mul, sub } from "../kernels/elementwise/arithmetic.ts";
import { where } from "../kernels/elementwise/choice.ts";
import { gt } from "../kernels/elementwise/compare.ts";
import { exp, log } from "../kernels/elementwise/math.ts";
import { elementLoss } from "../kernels/cross_entropy/binary_cross_entropy.ts";
import { sum } from "../kernels/reduce/sum.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSameShape, lossInputs, reduced, type ReductionOptions } from "./_loss.ts";

/** Options of {@link binaryCrossEntropy}. */
export interface BinaryCrossEntropyOptions extends ReductionOptions {
  /** A factor for each element; broadcasts to the input's shape. */
  weight?: Tensor | null;
}

/** Options of {@link binaryCrossEntropyWithLogits}. */
export interface BinaryCrossEntropyWithLogitsOptions extends BinaryCrossEntropyOptions {
  /** A factor for positive targets; broadcasts to the input's shape. */
  posWeight?: Tensor | null;
}

/** Options of {@link klDiv}. */
export interface KlDivOptions {
  /** As for other losses, or `"batchmean"`: the sum by the size of the first axis, which is the divergence itself. */
  reduction?: "mean" | "sum" | "none" | "batchmean";
  /** Whether the target holds log-probabilities, as the input does; default false. */
  logTarget?: boolean;
}

/**
 * The cross-entropy of probabilities of yes or no: −(t log x + (1 − t) log(1 − x)). Logarithms are not below −100. Of
 * scores before the sigmoid, {@link binaryCrossEntropyWithLogits} is the accurate way.
 *
 * @param input Probabilities, any shape
 * @param target Targets from 0 to 1, the same shape
 * @param options Weight and reduction; default: 1 and the mean
 * @returns The loss: a number, or without reduction one for each element
 * @throws {ShapeError} If the shapes differ
 *
 * @example
 * ```ts
 * import { binaryCrossEntropy, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const loss = binaryCrossEntropy(tensor([0.9, 0.2]), tensor([1, 0], { dtype: "f32" }));
 * console.log(await loss.item()); // about 0.164
 * ```
 */
export function binaryCrossEntropy(
  input: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyOptions = {},
): Tensor {
  checkNames("compute binaryCrossEntropy", options, { weight: true, reduction: true });
  const { weight, reduction } = options;
  checkSameShape("binaryCrossEntropy", input, target);
  const [x, t] = lossInputs("binaryCrossEntropy", input, target);
  const losses = elementLoss(x, t);
  return reduced("binaryCrossEntropy", weight ? mul(losses, weight) : losses, reduction);
}

/**
 * The cross-entropy of yes or no from scores before the sigmoid, without overflow: (1 − t) x − (1 + (p − 1) t)
 * log sigmoid(x), with the weight p of positive targets.
 *
 * @param input Scores, any shape
 * @param target Targets from 0 to 1, the same shape
 * @param options Weights and reduction; default: 1 and the mean
 * @returns The loss: a number, or without reduction one for each element
 * @throws {ShapeError} If the shapes differ
 *
 * @example
 * ```ts
 * import { binaryCrossEntropyWithLogits, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * const loss = binaryCrossEntropyWithLogits(tensor([2.5, -1]), tensor([1, 0], { dtype: "f32" }));
 * console.log(await loss.item()); // about 0.196
 * ```
 */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyWithLogitsOptions = {},
): Tensor {
  checkNames("compute binaryCrossEntropyWithLogits", options, { weight: true, posWeight: true, reduction: true });
  const { weight, posWeight, reduction } = options;
  checkSameShape("binaryCrossEntropyWithLogits", input, target);
  const [x, t] = lossInputs("binaryCrossEntropyWithLogits", input, target);
  const positive = posWeight ? mul(add(mul(sub(posWeight, 1), t), 1), logSigmoid(x)) : logSigmoid(x);
  const losses = sub(mul(sub(1, t), x), positive);
  return reduced("binaryCrossEntropyWithLogits", weight ? mul(losses, weight) : losses, reduction);
}

/**
 * The terms of the Kullback–Leibler divergence of the input from the target, t (log t − x); x holds log-probabilities,
 * and 0 · log 0 is 0.
 *
 * @param input Log-probabilities, any shape
 * @param target Probabilities, or log-probabilities with `logTarget`, of the same shape
 * @param options Reduction, and what the target holds; default: the mean, probabilities
 * @returns The loss: a number, or without reduction one for each element
 * @throws {ShapeError} If the shapes differ
 *
 * @example
 * ```ts
 * import { init, klDiv, log, tensor } from "@fulgurite/core";
 *
 * await init();
 * const p = tensor([[0.5, 0.5]]), q = tensor([[0.9, 0.1]]);
 * console.log(await klDiv(log(q), p, { reduction: "batchmean" }).item()); // about 0.511
 * ```
 */
export function klDiv(input: Tensor, target: Tensor, options: KlDivOptions = {}): Tensor {
  checkNames("compute klDiv", options, { reduction: true, logTarget: true });
  const { reduction, logTarget = false } = options;
  checkSameShape("klDiv", input, target);
  const [x, t] = lossInputs("klDiv", input, target);
  const own = () => mul(t, log(where(gt(t, 0), t, 1)));
  const losses = logTarget ? mul(exp(t), sub(t, x)) : sub(own(), mul(t, x));
  if (reduction === "batchmean") return div(sum(losses), x.ndim === 0 ? 1 : x.shape[0]);
  return reduced("klDiv", losses, reduction);
}

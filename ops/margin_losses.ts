import { checkNames } from "../device/option_names.ts";
import { logSigmoid, relu, sigmoid, softplus } from "../kernels/elementwise/activations.ts";
import { add, div, maximum, minimum, mul, neg, sub } from "../kernels/elementwise/arithmetic.ts";
import { to } from "../kernels/elementwise/cast.ts";
import { where } from "../kernels/elementwise/choice.ts";
import { eq, ge, gt, logicalAnd, logicalNot, lt } from "../kernels/elementwise/compare.ts";
import { arange } from "../kernels/elementwise/constants.ts";
import { exp, log, pow } from "../kernels/elementwise/math.ts";
import { gather } from "../kernels/gather/gather.ts";
import { indexSelect } from "../kernels/gather/index_select.ts";
import { mean, sum } from "../kernels/reduce/sum.ts";
import { cumsum } from "../kernels/scan/cumsum.ts";
import { ShapeError, showShapes } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSameShape, lossInputs, reduced, type ReductionOptions } from "./_loss.ts";
import { pairwiseDistance } from "./similarity.ts";
import { unsqueeze } from "./shape.ts";

/** Options of {@link marginRankingLoss}. */
export interface MarginRankingLossOptions extends ReductionOptions {
  /** How far apart the two must be; default 0. */
  margin?: number;
}

/**
 * Asks that the first input is the larger one where the target is 1, and the smaller one where it is −1:
 * max(0, −t (x1 − x2) + margin).
 *
 * @param x1 Scores
 * @param x2 Scores of the same shape
 * @param target 1 and −1, of the same shape
 * @param options Margin and reduction; default: 0 and the mean
 * @returns The loss: a number, or without reduction one for each element
 * @throws {ShapeError} If the shapes differ
 *
 * @example
 * ```ts
 * import { init, marginRankingLoss, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x1 = tensor([0.5, 2.5]), x2 = tensor([1.5, 0.5]);
 * console.log(await marginRankingLoss(x1, x2, tensor([1, 1])).item()); // 0.5
 * ```
 */
export function marginRankingLoss(
  x1: Tensor,
  x2: Tensor,
  target: Tensor,
  options: MarginRankingLossOptions = {},
): Tensor {
  checkNames("compute marginRankingLoss", options, { margin: true, reduction: true });
  const { margin = 0, reduction } = options;
  checkSameShape("marginRankingLoss", x1, x2);
  checkSameShape("marginRankingLoss", x1, target);
  const [a, b] = lossInputs("marginRankingLoss", x1, x2);
  return reduced("marginRankingLoss", relu(add(mul(sub(b, a), target), margin)), reduction);
}

/**
 * ln(1 + e^(−t x)) for targets 1 and −1.
 *
 * @param input Scores, any shape
 * @param target 1 and −1, of the same shape
 * @param options Reduction; default the mean
 * @returns The loss: a number, or without reduction one for each element
 * @throws {ShapeError} If the shapes differ
 *
 * @example
 * ```ts
 * import { init, softMarginLoss, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await softMarginLoss(tensor([0.5, -0.5]), tensor([1, -1])).item()); // about 0.4741
 * ```
 */
export function softMarginLoss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  checkNames("compute softMarginLoss", options, { reduction: true });
  checkSameShape("softMarginLoss", input, target);
  const [x] = lossInputs("softMarginLoss", input);
  return reduced("softMarginLoss", softplus(neg(mul(x, target))), options.reduction);
}

/** Options of {@link multiMarginLoss}. */
export interface MultiMarginLossOptions extends ReductionOptions {
  /** Exponent, 1 or 2; default 1. */
  p?: 1 | 2;
  /** How much the label's score must exceed the others; default 1. */
  margin?: number;
  /** A factor for each class, [classes]. */
  weight?: Tensor | null;
}

/** Throws unless scores are [n, classes] and there is a target for each. */
function requireScores(op: string, input: Tensor, target: Tensor, fits: boolean): void {
  if (input.ndim === 2 && fits) return;
  throw new ShapeError(
    op,
    `Cannot compute ${op}: scores must be [n, classes] with a target for each, current shapes are ${
      showShapes([input.shape, target.shape])
    }`,
    [input.shape, target.shape],
  );
}

/**
 * Asks that the label's score exceeds every other by a margin: Σ_j max(0, margin − x_t + x_j)^p / classes, over j ≠ t.
 *
 * @param input Scores, [n, classes]
 * @param target Labels, i32 [n]
 * @param options Exponent, margin, weight, reduction
 * @returns The loss: a number, or without reduction one for each row
 * @throws {ShapeError} If the shapes do not fit
 *
 * @example
 * ```ts
 * import { init, multiMarginLoss, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await multiMarginLoss(tensor([[0.1, 0.2, 0.4, 0.8]]), tensor([3])).item()); // about 0.325
 * ```
 */
export function multiMarginLoss(input: Tensor, target: Tensor, options: MultiMarginLossOptions = {}): Tensor {
  checkNames("compute multiMarginLoss", options, { p: true, margin: true, weight: true, reduction: true });
  const { p = 1, margin = 1, weight, reduction } = options;
  requireScores("multiMarginLoss", input, target, target.ndim === 1 && target.shape[0] === input.shape[0]);
  if (p !== 1 && p !== 2) throw new RangeError(`Cannot compute multiMarginLoss: p must be 1 or 2, got ${p}`);
  const [x] = lossInputs("multiMarginLoss", input);
  const labels = unsqueeze(target, 1);
  const short = relu(add(sub(x, gather(x, labels, { dim: 1 })), margin));
  const powered = p === 1 ? short : mul(short, short);
  const own = eq(arange(0, x.shape[1], 1, { dtype: "i32" }), labels);
  const losses = div(sum(where(own, 0, powered), { dim: 1 }), x.shape[1]);
  const weighted = weight ? mul(losses, indexSelect(weight, target, { dim: 0 })) : losses;
  return reduced("multiMarginLoss", weighted, reduction);
}

/**
 * Asks that each label of a sample exceeds every class that is none by 1: Σ_ij max(0, 1 − (x_ti − x_j)) / classes.
 *
 * @param input Scores, [n, classes]
 * @param target Labels, i32 [n, classes]; the first −1 of a row ends its labels
 * @param options Reduction; default the mean
 * @returns The loss: a number, or without reduction one for each row
 * @throws {ShapeError} If the shapes differ
 *
 * @example
 * ```ts
 * import { init, multilabelMarginLoss, tensor } from "@fulgurite/core";
 *
 * await init();
 * const x = tensor([[0.1, 0.2, 0.4, 0.8]]);
 * console.log(await multilabelMarginLoss(x, tensor([[3, 0, -1, 1]])).item()); // about 0.85
 * ```
 */
export function multilabelMarginLoss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  checkNames("compute multilabelMarginLoss", options, { reduction: true });
  requireScores("multilabelMarginLoss", input, target, target.shape.join() === input.shape.join());
  const [x] = lossInputs("multilabelMarginLoss", input), classes = x.shape[1];
  // Labels before the first −1.
  const live = eq(cumsum(to(lt(target, 0), "i32"), { dim: 1 }), 0);
  const places = where(live, target, 0);
  const named = logicalAnd(eq(unsqueeze(places, 2), arange(0, classes, 1, { dtype: "i32" })), unsqueeze(live, 2));
  const isLabel = gt(sum(named, { dim: 1 }), 0);
  const gaps = relu(add(sub(unsqueeze(x, 1), unsqueeze(gather(x, places, { dim: 1 }), 2)), 1));
  const counted = logicalAnd(unsqueeze(live, 2), unsqueeze(logicalNot(isLabel), 1));
  const losses = div(sum(where(counted, gaps, 0), { dim: [1, 2] }), classes);
  return reduced("multilabelMarginLoss", losses, options.reduction);
}

/** Options of {@link multilabelSoftMarginLoss}. */
export interface MultilabelSoftMarginLossOptions extends ReductionOptions {
  /** A factor for each class, [classes]. */
  weight?: Tensor | null;
}

/**
 * The mean over classes of yes-or-no cross-entropies of scores: several labels a sample.
 *
 * @param input Scores, [..., classes]
 * @param target 1 and 0, of the same shape
 * @param options Weight and reduction
 * @returns The loss: a number, or without reduction one for each sample
 * @throws {ShapeError} If the shapes differ
 *
 * @example
 * ```ts
 * import { init, multilabelSoftMarginLoss, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await multilabelSoftMarginLoss(tensor([[0, 1.5]]), tensor([[1, 0]])).item()); // about 1.1973
 * ```
 */
export function multilabelSoftMarginLoss(
  input: Tensor,
  target: Tensor,
  options: MultilabelSoftMarginLossOptions = {},
): Tensor {
  checkNames("compute multilabelSoftMarginLoss", options, { weight: true, reduction: true });
  checkSameShape("multilabelSoftMarginLoss", input, target);
  const [x] = lossInputs("multilabelSoftMarginLoss", input);
  const losses = neg(add(mul(target, logSigmoid(x)), mul(sub(1, target), logSigmoid(neg(x)))));
  const weighted = options.weight ? mul(losses, options.weight) : losses;
  return reduced("multilabelSoftMarginLoss", mean(weighted, { dim: -1 }), options.reduction);
}

/** Options of {@link tripletMarginWithDistanceLoss}. */
export interface TripletDistanceLossOptions extends ReductionOptions {
  /** The distance of pairs; default the norm of the difference. */
  distanceFunction?: (a: Tensor, b: Tensor) => Tensor;
  /** How much farther the negative must be than the positive; default 1. */
  margin?: number;
  /** Take the negative's distance from the positive where that is shorter; default false. */
  swap?: boolean;
}

/**
 * {@link tripletMarginLoss} with a distance of one's own.
 *
 * @param anchor Vectors along the last axis
 * @param positive Vectors that belong with them
 * @param negative Vectors that do not
 * @param options Distance, margin, swap and reduction
 * @returns The loss: a number, or without reduction one for each anchor
 *
 * @example
 * ```ts
 * import { cosineSimilarity, init, sub, tensor, tripletMarginWithDistanceLoss } from "@fulgurite/core";
 *
 * await init();
 * const [a, p, n] = [[1, 0], [1, 0], [0, 1]].map((x) => tensor([x], { dtype: "f32" }));
 * const distanceFunction = (x: typeof a, y: typeof a) => sub(1, cosineSimilarity(x, y));
 * console.log(await tripletMarginWithDistanceLoss(a, p, n, { distanceFunction }).item()); // 0
 * ```
 */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletDistanceLossOptions = {},
): Tensor {
  const names = { distanceFunction: true, margin: true, swap: true, reduction: true } as const;
  checkNames("compute tripletMarginWithDistanceLoss", options, names);
  const { distanceFunction = (a, b) => pairwiseDistance(a, b), margin = 1, swap = false, reduction } = options;
  const [a, b, c] = lossInputs("tripletMarginWithDistanceLoss", anchor, positive, negative);
  const far = swap ? minimum(distanceFunction(a, c), distanceFunction(b, c)) : distanceFunction(a, c);
  const losses = relu(add(sub(distanceFunction(a, b), far), margin));
  return reduced("tripletMarginWithDistanceLoss", losses, reduction);
}

/** Options of {@link poissonNllLoss}. */
export interface PoissonNllLossOptions extends ReductionOptions {
  /** Whether the input is the logarithm of the rate; default true. */
  logInput?: boolean;
  /** Whether Stirling's approximation of ln(t!) is added for targets above 1; default false. */
  full?: boolean;
  /** Added to a rate before its logarithm; default 1e-8. */
  eps?: number;
}

/**
 * The negative log-likelihood of counts: eˣ − t·x, or for rates x − t·ln(x + eps).
 *
 * @param input Logarithms of rates, or rates
 * @param target Counts that broadcast with it
 * @param options What the input is, the constant term, eps, reduction
 * @returns The loss: a number, or without reduction one for each element
 *
 * @example
 * ```ts
 * import { init, poissonNllLoss, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await poissonNllLoss(tensor([0, 0.5]), tensor([1, 2])).item()); // about 0.8244
 * ```
 */
export function poissonNllLoss(input: Tensor, target: Tensor, options: PoissonNllLossOptions = {}): Tensor {
  checkNames("compute poissonNllLoss", options, { logInput: true, full: true, eps: true, reduction: true });
  const { logInput = true, full = false, eps = 1e-8, reduction } = options;
  const [x] = lossInputs("poissonNllLoss", input);
  const losses = logInput ? sub(exp(x), mul(target, x)) : sub(x, mul(target, log(add(x, eps))));
  if (!full) return reduced("poissonNllLoss", losses, reduction);
  const t = where(gt(target, 1), to(target, "f32"), 1);
  const stirling = add(sub(mul(t, log(t)), t), mul(log(mul(t, 2 * Math.PI)), 0.5));
  return reduced("poissonNllLoss", add(losses, where(gt(target, 1), stirling, 0)), reduction);
}

/** Options of {@link gaussianNllLoss}. */
export interface GaussianNllLossOptions extends ReductionOptions {
  /** Whether ½ ln 2π is added; default false. */
  full?: boolean;
  /** The smallest variance; default 1e-6. It has no gradient below. */
  eps?: number;
}

/**
 * The negative log-likelihood of a normal distribution: ½ (ln v + (x − t)² / v).
 *
 * @param input Means
 * @param target Values that broadcast with them
 * @param variance Variances that broadcast with them
 * @param options The constant term, eps, reduction
 * @returns The loss: a number, or without reduction one for each element
 *
 * @example
 * ```ts
 * import { gaussianNllLoss, init, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await gaussianNllLoss(tensor([0.5]), tensor([1.5]), tensor([1.0], { dtype: "f32" })).item()); // 0.5
 * ```
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  options: GaussianNllLossOptions = {},
): Tensor {
  checkNames("compute gaussianNllLoss", options, { full: true, eps: true, reduction: true });
  const { full = false, eps = 1e-6, reduction } = options;
  const [x, t, given] = lossInputs("gaussianNllLoss", input, target, variance);
  const v = where(ge(given, eps), given, maximum(given, eps).detach());
  const off = sub(x, t);
  const losses = mul(add(log(v), div(mul(off, off), v)), 0.5);
  return reduced("gaussianNllLoss", full ? add(losses, 0.5 * Math.log(2 * Math.PI)) : losses, reduction);
}

/** Options of {@link sigmoidFocalLoss}. */
export interface SigmoidFocalLossOptions extends ReductionOptions {
  /** Weight of positive targets, 1 − alpha that of negative ones; default 0.25; negative for none. */
  alpha?: number;
  /** How much easy examples count less; default 2. */
  gamma?: number;
}

/**
 * The focal loss of yes or no: the cross-entropy times (1 − p)^gamma of what was right (Lin and others, 2017); as in
 * torchvision.
 *
 * @param input Scores, any shape
 * @param target 1 and 0, of the same shape
 * @param options Alpha, gamma and reduction; default 0.25, 2 and none
 * @returns The losses, or with a reduction a number
 * @throws {ShapeError} If the shapes differ
 *
 * @example
 * ```ts
 * import { init, sigmoidFocalLoss, tensor } from "@fulgurite/core";
 *
 * await init();
 * console.log(await sigmoidFocalLoss(tensor([0.0], { dtype: "f32" }), tensor([1])).array()); // about [0.0433]
 * ```
 */
export function sigmoidFocalLoss(input: Tensor, target: Tensor, options: SigmoidFocalLossOptions = {}): Tensor {
  checkNames("compute sigmoidFocalLoss", options, { alpha: true, gamma: true, reduction: true });
  const { alpha = 0.25, gamma = 2, reduction = "none" } = options;
  checkSameShape("sigmoidFocalLoss", input, target);
  const [x] = lossInputs("sigmoidFocalLoss", input);
  const p = sigmoid(x);
  const entropy = sub(mul(sub(1, target), x), logSigmoid(x));
  const wrong = add(mul(p, sub(1, target)), mul(sub(1, p), target));
  const losses = mul(entropy, pow(wrong, gamma));
  const weighted = alpha < 0 ? losses : mul(losses, add(mul(target, 2 * alpha - 1), 1 - alpha));
  return reduced("sigmoidFocalLoss", weighted, reduction);
}

/**
 * Compositions of primitive operations.
 *
 * @module
 */
export type { ReductionOptions } from "./_loss.ts";
export { einsum } from "./einsum.ts";
export {
  cosineEmbeddingLoss,
  hingeEmbeddingLoss,
  type MarginLossOptions,
  tripletMarginLoss,
  type TripletMarginLossOptions,
} from "./embedding_losses.ts";
export { groupNorm, type GroupNormOptions, instanceNorm, type InstanceNormOptions } from "./group_norm.ts";
export { linear, type LinearOptions } from "./linear.ts";
export { oneHot, type OneHotOptions } from "./one_hot.ts";
export {
  binaryCrossEntropy,
  type BinaryCrossEntropyOptions,
  binaryCrossEntropyWithLogits,
  type BinaryCrossEntropyWithLogitsOptions,
  klDiv,
  type KlDivOptions,
} from "./probability_losses.ts";
export {
  huberLoss,
  type HuberLossOptions,
  l1Loss,
  mseLoss,
  smoothL1Loss,
  type SmoothL1LossOptions,
} from "./regression_losses.ts";
export {
  diagonal,
  type DiagonalOptions,
  flatten,
  type FlattenOptions,
  movedim,
  mT,
  repeat,
  repeatInterleave,
  type RepeatInterleaveOptions,
  squeeze,
  type SqueezeOptions,
  t,
  unflatten,
  unsqueeze,
} from "./shape.ts";
export {
  cosineSimilarity,
  type CosineSimilarityOptions,
  normalize,
  type NormalizeOptions,
  pairwiseDistance,
  type PairwiseDistanceOptions,
} from "./similarity.ts";

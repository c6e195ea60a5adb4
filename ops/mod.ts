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
export {
  lpPool1d,
  type LpPool1dOptions,
  lpPool2d,
  type LpPool2dOptions,
  lpPool3d,
  type LpPool3dOptions,
  type LpPoolOptions,
  maxUnpool1d,
  type MaxUnpool1dOptions,
  maxUnpool2d,
  type MaxUnpool2dOptions,
  maxUnpool3d,
  type MaxUnpool3dOptions,
  type MaxUnpoolOptions,
} from "./pooling.ts";
export {
  adaptiveAvgPool3d,
  adaptiveMaxPool3d,
  type AdaptivePool3dOptions,
  avgPool3d,
  type AvgPool3dOptions,
  type Box,
  maxPool3d,
  type MaxPool3dOptions,
} from "./pooling3d.ts";
export { pixelShuffle, type PixelShuffleOptions, pixelUnshuffle, type PixelUnshuffleOptions } from "./pixel_shuffle.ts";
export { padSequence, type PadSequenceOptions, unpadSequence, type UnpadSequenceOptions } from "./pad_sequence.ts";
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
export { fold, type FoldOptions, unfold, type UnfoldOptions } from "./unfold.ts";
export * from "./added_products.ts";
export * from "./arrange.ts";
export * from "./diagonals.ts";
export * from "./differences.ts";
export * from "./grids.ts";
export * from "./stacking.ts";
export { ctcLoss, type CtcLossOptions } from "./ctc_loss.ts";
export * from "./distances.ts";
export * from "./factors.ts";
export * from "./gates.ts";
export { affineGrid, type AffineGridOptions, gridSample, type GridSampleOptions } from "./grid_sample.ts";
export { localResponseNorm, type LocalResponseNormOptions } from "./local_response_norm.ts";
export * from "./margin_losses.ts";
export * from "./order_statistics.ts";
export * from "./overwrite.ts";
export * from "./product_chains.ts";
export * from "./products.ts";
export * from "./sampling.ts";
export * from "./search.ts";
export {
  allclose,
  type AllcloseOptions,
  aminmax,
  corrcoef,
  countNonzero,
  cov,
  type CovOptions,
  equal,
  nanmean,
  nansum,
  renorm,
  type RenormOptions,
  stdMean,
  varMean,
} from "./statistics.ts";

/**
 * Metrics that grow on the device, in the manner of torchmetrics.
 *
 * @module
 */
import "../autograd/methods.ts";
export {
  Aggregator,
  CatMetric,
  type CatMetricOptions,
  MaxMetric,
  MeanMetric,
  MinMetric,
  type NanOptions,
  SumMetric,
  type Value,
} from "./aggregation.ts";
export {
  CalibrationError,
  calibrationError,
  type CalibrationErrorOptions,
  HingeLoss,
  hingeLoss,
  type HingeLossOptions,
} from "./calibration.ts";
export { MetricCollection, type MetricCollectionOptions, type Metrics } from "./collection.ts";
export * from "./confusion_matrix.ts";
export * from "./correlation.ts";
export type { Counts } from "./_average.ts";
export { CurveMetric, type Points, type Scored, type ThresholdOptions } from "./_curves.ts";
export { type Moments, MomentsMetric } from "./_moments.ts";
export { StatScoresMetric } from "./_stat_scores.ts";
export type { Texts } from "./_texts.ts";
export * from "./bleu.ts";
export * from "./curves.ts";
export * from "./edit_distance.ts";
export * from "./explained_variance.ts";
export * from "./image.ts";
export { Metric, type StateReduction } from "./metric.ts";
export * from "./perplexity.ts";
export {
  LogCoshError,
  logCoshError,
  MeanAbsoluteError,
  meanAbsoluteError,
  MeanAbsolutePercentageError,
  meanAbsolutePercentageError,
  MeanError,
  MeanSquaredError,
  meanSquaredError,
  type MeanSquaredErrorOptions,
  MeanSquaredLogError,
  meanSquaredLogError,
  type OutputOptions,
  SymmetricMeanAbsolutePercentageError,
  symmetricMeanAbsolutePercentageError,
} from "./regression.ts";
export * from "./rows.ts";
export * from "./stat_scores.ts";
export type { Average, BinaryTask, MulticlassTask, MultilabelTask, ResolvedTask, Task, TaskRules } from "./task.ts";

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
export {
  ConcordanceCorrCoef,
  concordanceCorrCoef,
  ExplainedVariance,
  explainedVariance,
  type Moments,
  MomentsMetric,
  type Multioutput,
  type MultioutputOptions,
  PearsonCorrCoef,
  pearsonCorrCoef,
  R2Score,
  r2Score,
  type R2ScoreOptions,
  SpearmanCorrCoef,
  spearmanCorrCoef,
} from "./correlation.ts";
export type { Counts } from "./_average.ts";
export { CurveMetric, type Points, type Scored, type ThresholdOptions } from "./_curves.ts";
export { StatScoresMetric } from "./_stat_scores.ts";
export * from "./curves.ts";
export * from "./image.ts";
export { Metric, type StateReduction } from "./metric.ts";
export {
  CosineSimilarity,
  cosineSimilarity,
  KLDivergence,
  klDivergence,
  type KLDivergenceOptions,
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
  RowMetric,
  type RowReductionOptions,
  SymmetricMeanAbsolutePercentageError,
  symmetricMeanAbsolutePercentageError,
} from "./regression.ts";
export * from "./stat_scores.ts";
export type { Average, BinaryTask, MulticlassTask, MultilabelTask, ResolvedTask, Task, TaskRules } from "./task.ts";
export * from "./text.ts";

/**
 * Callbacks: what happens around training.
 *
 * @module
 */
export { BackboneFinetuning, type BackboneFinetuningOptions } from "./backbone_finetuning.ts";
export { BaseFinetuning, type Modules } from "./base_finetuning.ts";
export { DeviceStatsMonitor } from "./device_stats_monitor.ts";
export { EarlyStopping, type EarlyStoppingOptions, type StoppingReason } from "./early_stopping.ts";
export { EMAWeightAveraging, type EMAWeightAveragingOptions } from "./ema_weight_averaging.ts";
export { BatchSizeFinder, LearningRateFinder } from "./finders.ts";
export { GradientAccumulationScheduler } from "./gradient_accumulation_scheduler.ts";
export { LambdaCallback, type LambdaHooks } from "./lambda_callback.ts";
export { LearningRateMonitor, type LearningRateMonitorOptions } from "./learning_rate_monitor.ts";
export { ModelCheckpoint, type ModelCheckpointOptions } from "./model_checkpoint.ts";
export { ModelPruning, type ModelPruningOptions } from "./model_pruning.ts";
export type { Prune, PruningName } from "./_pruning.ts";
export { ModelSummary } from "./model_summary.ts";
export { OnExceptionCheckpoint } from "./on_exception_checkpoint.ts";
export { BasePredictionWriter, type BatchIndices, type WriteInterval } from "./prediction_writer.ts";
export { ProgressBar, type ProgressBarOptions, RichProgressBar } from "./progress_bar.ts";
export { SpikeDetection, type SpikeDetectionOptions, TrainingSpikeError } from "./spike_detection.ts";
export { StochasticWeightAveraging, type StochasticWeightAveragingOptions } from "./stochastic_weight_averaging.ts";
export { ThroughputMonitor, type ThroughputMonitorOptions } from "./throughput_monitor.ts";
export { type TimedStage, Timer, type TimerOptions } from "./timer.ts";
export { WeightAveraging } from "./weight_averaging.ts";

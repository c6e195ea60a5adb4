/**
 * Callbacks: what happens around training.
 *
 * @module
 */
export { EarlyStopping, type EarlyStoppingOptions, type StoppingReason } from "./early_stopping.ts";
export { EMAWeightAveraging, type EMAWeightAveragingOptions } from "./ema_weight_averaging.ts";
export { BatchSizeFinder, LearningRateFinder } from "./finders.ts";
export { GradientAccumulationScheduler } from "./gradient_accumulation_scheduler.ts";
export { LambdaCallback, type LambdaHooks } from "./lambda_callback.ts";
export { LearningRateMonitor, type LearningRateMonitorOptions } from "./learning_rate_monitor.ts";
export { ModelCheckpoint, type ModelCheckpointOptions } from "./model_checkpoint.ts";
export { ProgressBar, type ProgressBarOptions } from "./progress_bar.ts";
export { Timer, type TimerOptions } from "./timer.ts";
export { WeightAveraging } from "./weight_averaging.ts";

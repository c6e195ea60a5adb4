/**
 * Callbacks: what happens around training.
 *
 * @module
 */
export { EarlyStopping, type EarlyStoppingOptions, type StoppingReason } from "./early_stopping.ts";
export { ModelCheckpoint, type ModelCheckpointOptions } from "./model_checkpoint.ts";
export { ProgressBar, type ProgressBarOptions } from "./progress_bar.ts";

/**
 * The trainer: modules that know how they are trained, and what runs them.
 *
 * @module
 */
export type {
  Awaitable,
  Hyperparameters,
  Loader,
  Loaders,
  SaveHyperparametersOptions,
  Stage,
  StateDict,
} from "../data/mod.ts";
export { LightningDataModule } from "../data/mod.ts";
export { Callback, type CheckpointCallback } from "./callback.ts";
export type { AnyTensor } from "./checkpoint_values.ts";
export {
  CHECKPOINT_VERSION,
  type CheckpointData,
  CheckpointError,
  readCheckpoint,
  type SavedHyperparameters,
  writeCheckpoint,
} from "./checkpoint.ts";
export { type Defaults, setDefaults } from "./defaults.ts";
export { LightningModule, type ModuleHost } from "./lightning_module.ts";
export type { LossOutput, ModuleHooks, StepOutput } from "./module_hooks.ts";
export type { ConfiguredOptimizers, LRSchedulerConfig, OptimizerConfig } from "./optimizer_config.ts";
export type {
  CombinedLoadersFor,
  EvalLoadersFor,
  GivenTo,
  HostBatch,
  ListedLoaderFor,
  LoaderFor,
  LoaderOf,
  PredictedBatch,
  TrainLoadersFor,
} from "./loader_types.ts";
export type { LoadFromCheckpointOptions } from "./loading.ts";
export { type LayerSummary, type ModelSummaryTable, showSummary, summarize } from "./model_summary.ts";
export type { Loggable, LogOptions, Reduction } from "./log.ts";
export type { Cell, Logger, LogPoint, MediaPoint, Table } from "./logger.ts";
export { AnomalyError } from "./anomaly.ts";
export type { EntryOptions, EvaluationOptions, NoDataModule, PredictOptions, TrainerData } from "./entry_call.ts";
export type { Amount, Every, Fraction } from "./amounts.ts";
export type { Duration } from "./duration.ts";
export type { ResolvedOptions, TrainerOptions } from "./options.ts";
export type { Precision, PrecisionName } from "./precision.ts";
export {
  type ActionTime,
  AdvancedProfiler,
  type AdvancedProfilerOptions,
  type ChromeTrace,
  type HostSpan,
  type MemorySample,
  Profiler,
  type ProfilerName,
  type ProfilerOptions,
  SimpleProfiler,
  type SimpleProfilerOptions,
  type TraceEvent,
  TraceProfiler,
  type TraceProfilerOptions,
} from "./profiler/mod.ts";
export type { ResolvedSchedulerConfig } from "./optimizers.ts";
export type { GivenLoaders } from "./run.ts";
export { LrFinder, type LrFindOptions, type ScaleBatchSizeOptions, Tuner } from "./tuner/mod.ts";
export { seedEverything, Trainer } from "./trainer.ts";
export { type TrainerState, TrainerStatus } from "./trainer_status.ts";

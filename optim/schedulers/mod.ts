/** Learning rates in the course of training. */
export {
  ChainedScheduler,
  type ChainedSchedulerOptions,
  CombinedLR,
  SequentialLR,
  type SequentialLROptions,
} from "./combined.ts";
export {
  CosineAnnealingLR,
  type CosineAnnealingLROptions,
  CosineAnnealingWarmRestarts,
  type CosineAnnealingWarmRestartsOptions,
} from "./cosine.ts";
export {
  CyclicLR,
  type CyclicLROptions,
  OneCycleLR,
  type OneCycleLROptions,
  SWALR,
  type SWALROptions,
} from "./cyclic.ts";
export {
  ExponentialLR,
  type ExponentialLROptions,
  LambdaLR,
  type LambdaLROptions,
  type LrLambda,
  MultiplicativeLR,
  MultiStepLR,
  type MultiStepLROptions,
  PolynomialLR,
  type PolynomialLROptions,
  StepLR,
  type StepLROptions,
} from "./decay.ts";
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from "./plateau.ts";
export { LRScheduler, type ScheduledGroup, type ScheduledOptimizer, type SchedulerState } from "./scheduler.ts";
export {
  ConstantLR,
  type ConstantLROptions,
  LinearLR,
  type LinearLROptions,
  linearWarmup,
  type LinearWarmupOptions,
} from "./warmup.ts";

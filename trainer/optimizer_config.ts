import type { Awaitable } from "../data/mod.ts";
import type { Every } from "./amounts.ts";
import type { LRScheduler, Optimizer } from "../optim/mod.ts";
import type { StepOutput } from "./module_hooks.ts";

/** How a scheduler is stepped. */
export interface LRSchedulerConfig {
  /** The scheduler. */
  scheduler: LRScheduler;
  /** When: after each optimizer step, after each epoch, or `{ every, unit }`; default `"epoch"`. */
  interval?: "step" | "epoch" | Every;
  /** Every so many steps (counted in batches of the epoch, as in Lightning) or epochs; default 1. */
  frequency?: number;
  /** The metric for a scheduler that reacts to one (ReduceLROnPlateau). */
  monitor?: string;
  /** Whether a missing metric is an error (default) or a warning. */
  strict?: boolean;
  /** Its name in logs. */
  name?: string;
  /** Whether `step` takes the metric; default: found by the scheduler's class. */
  reduceOnPlateau?: boolean;
}

/**
 * An optimizer with its scheduler.
 *
 * @typeParam Batch What the step that it owns receives
 */
// deno-lint-ignore no-explicit-any -- without a step of its own an optimizer is one for any batches
export interface OptimizerConfig<Batch = any> {
  /** The optimizer. */
  optimizer: Optimizer;
  /** Its scheduler, stepped once an epoch, or with how it is stepped. */
  lrScheduler?: LRScheduler | LRSchedulerConfig;
  /** The metric for the scheduler, where it is not said in its own entry. */
  monitor?: string;
  /**
   * With several optimizers: the training step that this one owns, in place of `trainingStep`. On each batch they take
   * their turns in order; while one has its turn, parameters that only others own want no gradients. With `compile` it
   * takes the batch alone.
   */
  step?(batch: Batch, batchIdx: number): Awaitable<StepOutput>;
}

/**
 * All that `configureOptimizers` may return.
 *
 * @typeParam Batch What steps receive that optimizers own
 */
// deno-lint-ignore no-explicit-any -- as of the configurations
export type ConfiguredOptimizers<Batch = any> =
  | Optimizer
  | OptimizerConfig<Batch>
  | readonly (Optimizer | OptimizerConfig<Batch>)[]
  | readonly [readonly Optimizer[], readonly (LRScheduler | LRSchedulerConfig)[]]
  | null
  | void;

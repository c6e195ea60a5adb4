import { capture, type Captured } from "../tensor/capture.ts";
import { Tensor } from "../tensor/tensor.ts";
import { NOT_REPLAYED } from "./hooks.ts";
import type { ItemCounts } from "./item_counts.ts";
import type { StepOutput } from "./module_hooks.ts";
import type { Step } from "./loaders.ts";
import type { LogOptions } from "./log.ts";
import type { Optimization } from "./optimization.ts";
import type { Run } from "./run.ts";

/** Hooks inside of a step: a replay does not call them. */
const INNER_HOOKS = ["onBeforeZeroGrad", "onBeforeBackward", "onAfterBackward", "onBeforeOptimizerStep"];

/** A value that the step logged, for the store to take after the step. */
interface Logged {
  readonly name: string;
  readonly value: Tensor | number;
  readonly options: LogOptions;
  readonly hook: string;
}

/** What a step gives, and leaves on the host. */
interface Played {
  readonly outputs: StepOutput;
  readonly logged: readonly Logged[];
  /** Of which optimizers the batch came with a count of items. */
  readonly given: ItemCounts["given"];
}

/**
 * Automatic optimization whose device work is recorded once and replayed: forward, backward, clipping and update of every
 * optimizer, for each place in the accumulation window. What it logs is taken up after the step, with the values of the replay.
 */
export class CompiledStep {
  readonly #run: Run;
  readonly #optimization: Optimization;
  readonly #captured: Captured<[batch: unknown, place: string], Played>;
  /** The batch that is trained on, while the function itself runs. */
  #step: Step | null = null;
  #ran = false;

  /**
   * @param run The run
   * @param optimization What is recorded
   * @throws {TypeError} If the module or a callback does in each step what a replay would leave out
   */
  constructor(run: Run, optimization: Optimization) {
    this.#run = run;
    this.#optimization = optimization;
    requireReplayable(run);
    this.#captured = capture((batch) => {
      this.#ran = true;
      const logged: Logged[] = [];
      run.collectLogs = (name, value, options) => {
        if (!(value instanceof Tensor) && typeof value !== "number") {
          throw new TypeError(
            `Cannot log ${name} in a compiled step: it must be a tensor or a number, log a metric in onTrainBatchEnd`,
          );
        }
        logged.push({ name, value, options: { ...options }, hook: run.reporter.hook });
      };
      try {
        const outputs = optimization.train(batch, this.#step!);
        if (outputs instanceof Promise) {
          outputs.catch(() => {}); // what goes wrong in it comes of the same mistake
          throw new TypeError("Cannot compile the training step: it must be synchronous, it returned a promise");
        }
        return { outputs, logged, given: run.counts.given };
      } finally {
        run.collectLogs = null;
      }
    });
  }

  /** Trains on a batch, as {@link Optimization.train}. */
  train(batch: unknown, step: Step): StepOutput {
    const run = this.#run, { counts, progress } = run;
    const closes = this.#optimization.closesWindow(step);
    this.#step = step;
    this.#ran = false;
    const { outputs, logged, given } = this.#captured(batch, this.#optimization.placeOf(step));
    if (!this.#ran) {
      counts.given = given;
      progress.windowBatches = closes ? 0 : progress.windowBatches + 1;
      if (closes) progress.globalStep++;
    }
    for (const { name, value, options, hook } of logged) {
      run.inHook(hook, () => run.reporter.log(name, value, options));
    }
    return outputs;
  }

  /** Frees the recordings. */
  dispose(): void {
    this.#captured.dispose();
  }
}

function requireReplayable({ module, hooks, optimizers, ownedSteps }: Run): void {
  const refuse = (why: string): never => {
    throw new TypeError(`Cannot compile the training step of ${module.constructor.name}: ${why}`);
  };
  if (!module.automaticOptimization) refuse("it optimizes manually, give the work to capture(fn) there");
  if (optimizers.length === 0) refuse("it has no optimizer");
  for (const { own } of ownedSteps) {
    if (((own ?? module.trainingStep)?.length ?? 0) <= 1) continue;
    const step = own === null ? "trainingStep" : "a step that an optimizer owns";
    refuse(`${step} takes batchIdx, which a replay would not know, take the batch alone`);
  }
  for (const name of INNER_HOOKS) {
    if (hooks.has(name)) refuse(`${name} ${NOT_REPLAYED}`);
  }
}

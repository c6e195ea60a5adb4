import type { Optimizer } from "../optim/mod.ts";
import { watching } from "../tensor/watcher.ts";
import type { Run } from "./run.ts";

/**
 * In manual optimization: has every step of an optimizer announced to the hooks and counted, until the run ends.
 *
 * One step a batch is counted however many optimizers step in it (deviation D6), and each further step of the same
 * optimizer; with `lightningCompat` every step counts.
 */
export function countManualSteps(run: Run): void {
  const { progress, trainer: { options } } = run;
  const stepped = new Set<Optimizer>();
  let batch = -1;
  for (const optimizer of run.optimizers) {
    run.undo.push(optimizer.registerStepPreHook(() => announce(run, optimizer)));
    const count = () => {
      if (batch !== progress.batchesSeen) {
        batch = progress.batchesSeen;
        stepped.clear();
      }
      if (options.lightningCompat || stepped.size === 0 || stepped.has(optimizer)) progress.globalStep++;
      stepped.add(optimizer);
    };
    run.undo.push(optimizer.registerStepPostHook(() => {
      count();
      watching.by?.beforeReplay({}, count);
    }));
  }
}

/** Calls the hooks before a step, which nobody can wait for: `step()` is synchronous. */
function announce({ hooks }: Run, optimizer: Optimizer): void {
  if (hooks.call("onBeforeOptimizerStep", optimizer) instanceof Promise) {
    throw new TypeError(
      "Cannot step an optimizer by hand: onBeforeOptimizerStep must be synchronous then, it gave a promise",
    );
  }
}
